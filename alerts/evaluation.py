"""What an evaluation means for a rule's alerts. Pure: series in, decisions out, `now` passed in.

Source: Prometheus 2.42, alerting rules with `for` and `keep_firing_for`. On top of it stand two things that Prometheus
does not have: a clear condition (hysteresis), and care for evaluations that were missed for long.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

#: A pending alert not evaluated for longer than this starts its `for` anew: nobody knows what happened in between.
MAX_GAP = timedelta(minutes=10)
#: Evaluations come a moment early or late; an alert does not wait for another one because of that.
UNPUNCTUAL = timedelta(seconds=1)
NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule's patience: how long its condition must hold, and how long its alerts outlive it."""

    hold: timedelta = NO_TIME
    keep_firing: timedelta = NO_TIME


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """What is remembered of an alert that is pending or firing. `keep_until` is set while it outlives its condition."""

    is_firing: bool
    active_since: datetime
    last_seen_at: datetime
    keep_until: datetime | None = None


class Action(Enum):
    """What is to be done with one alert."""

    START_PENDING = "start pending"
    START_FIRING = "start firing"
    FIRE = "fire"
    RESTART = "restart"
    UPDATE = "update"
    KEEP = "keep"
    DROP = "drop"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class Decision:
    """One alert's fate at one evaluation.

    `value` is the condition's value now, None where the condition did not return the alert's series. `keep_until` is
    what the alert must remember for the next evaluation.
    """

    action: Action
    fingerprint: str
    value: float | None = None
    keep_until: datetime | None = None


def decide(
    *,
    timing: Timing,
    open_alerts: Mapping[str, OpenAlert],
    series: Mapping[str, float],
    cleared: AbstractSet[str] | None,
    now: datetime,
) -> list[Decision]:
    """Return one decision for each series and each open alert.

    `open_alerts` and `series` (the values that the condition returned) are keyed by fingerprint. `cleared` holds the
    fingerprints of the series that the clear condition returned, None if the rule has none: then an alert ends when its
    condition does.
    """
    started = [_start(timing, name, value) for name, value in series.items() if name not in open_alerts]
    return started + [
        _continue(timing, name, alert, series.get(name), _holds(name, alert, series, cleared), now)
        for name, alert in open_alerts.items()
    ]


def _start(timing: Timing, fingerprint: str, value: float) -> Decision:
    action = Action.START_FIRING if timing.hold <= NO_TIME else Action.START_PENDING
    return Decision(action, fingerprint, value)


def _holds(fingerprint: str, alert: OpenAlert, series: Mapping[str, float], cleared: AbstractSet[str] | None) -> bool:
    """Whether the alert's reason still stands: its condition returns it, or it fires and was not cleared yet."""
    return fingerprint in series or (alert.is_firing and cleared is not None and fingerprint not in cleared)


def _continue(
    timing: Timing, fingerprint: str, alert: OpenAlert, value: float | None, holds: bool, now: datetime
) -> Decision:
    if not alert.is_firing:
        return _continue_pending(timing, fingerprint, alert, value, now)
    if holds:
        return Decision(Action.UPDATE, fingerprint, value)
    keep_until = alert.keep_until or now + timing.keep_firing
    if now < keep_until:
        return Decision(Action.KEEP, fingerprint, keep_until=keep_until)
    return Decision(Action.RESOLVE, fingerprint)


def _continue_pending(
    timing: Timing, fingerprint: str, alert: OpenAlert, value: float | None, now: datetime
) -> Decision:
    if value is None:
        return Decision(Action.DROP, fingerprint)
    if now - alert.last_seen_at > MAX_GAP and timing.hold > NO_TIME:
        return Decision(Action.RESTART, fingerprint, value)
    if now - alert.active_since >= timing.hold - min(UNPUNCTUAL, timing.hold / 10):
        return Decision(Action.FIRE, fingerprint, value)
    return Decision(Action.UPDATE, fingerprint, value)
