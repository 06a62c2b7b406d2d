"""When a group of alerts is told of, and what. Pure: members in, a notice out, `now` passed in.

Source: Alertmanager 0.25, `group_wait`, `group_interval`, `repeat_interval` and its notification log. A group looks at its
alerts first `wait` after it was opened, then at every `interval`. What differs on purpose: an alert is resolved only for
those who were told that it fires, a silence never swallows that news, and what someone acknowledged is not repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DEFAULT_WAIT = timedelta(seconds=30)
DEFAULT_INTERVAL = timedelta(minutes=5)
DEFAULT_REPEAT = timedelta(hours=4)


class Reason(StrEnum):
    """Why a message goes out."""

    FIRST = "first notification"
    ADDED = "new alerts"
    RESOLVED = "alerts resolved"
    REPEAT = "repeat interval elapsed"
    ESCALATION = "escalation"
    REMINDER = "acknowledged and still firing"
    LATER = "held back until now"


@dataclass(frozen=True, slots=True)
class Timings:
    """A group's patience."""

    wait: timedelta = DEFAULT_WAIT
    interval: timedelta = DEFAULT_INTERVAL
    repeat: timedelta = DEFAULT_REPEAT


@dataclass(frozen=True, slots=True)
class Member:
    """One alert of a group at one moment. Held: a silence or the like holds back its messages; outshone: only others do."""

    alert_id: int
    is_firing: bool
    is_held: bool = False
    is_outshone: bool = False
    is_acknowledged: bool = False
    was_told: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What a group's people know: which alerts fire, as of the last message (None: there was none yet)."""

    firing: frozenset[int] = frozenset()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is due: all alerts that fire now, and all that are over for somebody who was told of them."""

    reason: Reason
    firing: frozenset[int]
    resolved: frozenset[int]


def find_notice(*, members: Iterable[Member], known: Known, repeat: timedelta, now: datetime) -> Notice | None:
    """Return the message that a group's people should have now, None if they know everything already.

    `members` are without those whose end was told already.
    """
    everyone = list(members)
    firing = frozenset(one.alert_id for one in everyone if one.is_firing and not one.is_held)
    resolved = frozenset(one.alert_id for one in everyone if not one.is_firing and one.was_told)
    reason = _find_reason(firing, resolved, known, repeat, now)
    if reason is Reason.REPEAT and all(one.is_acknowledged for one in everyone if one.alert_id in firing):
        return None
    return Notice(reason, firing, resolved) if reason else None


def find_next_look(*, looked_at: datetime, interval: timedelta, now: datetime) -> datetime:
    """Return when a group looks at its alerts again: the first multiple of `interval` after `looked_at` that is to come."""
    if now < looked_at or interval <= timedelta(0):
        return now + max(interval, timedelta(seconds=1))
    return looked_at + interval * ((now - looked_at) // interval + 1)


def wants_attention(members: Iterable[Member]) -> frozenset[int]:
    """Return the alerts for which somebody has to be found: they fire, nothing holds them, nobody looks after them."""
    return frozenset(one.alert_id for one in members if one.is_firing and not one.is_held and not one.is_acknowledged)


def _find_reason(
    firing: frozenset[int], resolved: frozenset[int], known: Known, repeat: timedelta, now: datetime
) -> Reason | None:
    if known.at is None:
        return Reason.FIRST if firing else None
    if firing - known.firing:
        return Reason.ADDED
    if resolved:
        return Reason.RESOLVED
    return Reason.REPEAT if firing and now - known.at >= repeat else None
