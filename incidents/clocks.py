"""The clocks of an incident: until when somebody responds, until when it is resolved, when people are warned. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from config.lengths import describe_seconds
from incidents.levels import REQUIREMENTS

#: A warning comes when so much of the time is left, or so long before its end if that is earlier …
WARN_SHARE = 0.1
WARN_LEAD = timedelta(minutes=15)
#: … but never before this much is over: of 15 minutes to respond, the last 15 are all.
LEAST_SHARE = 0.5


class ClockKind(StrEnum):
    """What has to happen in time."""

    RESPOND = "respond"
    RESOLVE = "resolve"


class Mark(StrEnum):
    """What is said of a running clock, each once."""

    WARNED = "warned"
    BREACHED = "breached"


@dataclass(frozen=True, slots=True)
class Clock:
    """One clock. `allowed` is the level's time; `stopped_at` None: it runs. Marks are when they were made, None if not."""

    kind: ClockKind
    allowed: timedelta
    due_at: datetime
    stopped_at: datetime | None = None
    warned_at: datetime | None = None
    breached_at: datetime | None = None

    @property
    def warns_at(self) -> datetime:
        """When its end is near."""
        return self.due_at - find_lead(self.allowed)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock shows: its colour and words."""

    name: str
    tone: str
    words: str
    due_at: datetime


def find_lead(allowed: timedelta) -> timedelta:
    """Return how long before its end a clock warns."""
    return min(max(allowed * WARN_SHARE, WARN_LEAD), allowed * LEAST_SHARE)


def find_deadlines(level: str, *, declared_at: datetime, paused: timedelta) -> tuple[datetime, datetime]:
    """Return until when somebody responds and until when it is resolved.

    Both count from the declaration, whatever the level was before. `paused` is how long it counted as resolved before it
    was reopened, which is not held against anybody.
    """
    asked = REQUIREMENTS[level]
    return declared_at + asked.respond_within, declared_at + asked.resolve_within + paused


def find_mark(clock: Clock, *, now: datetime) -> Mark | None:
    """Return the mark that is due on a clock, None if none is. One that was missed is overtaken by the next."""
    if clock.stopped_at is not None or clock.breached_at is not None:
        return None
    if now >= clock.due_at:
        return Mark.BREACHED
    return Mark.WARNED if clock.warned_at is None and now >= clock.warns_at else None


def find_next_look(clocks: Iterable[Clock]) -> datetime | None:
    """Return when the next mark is due on any of the clocks; None: on none."""
    looks = (
        clock.due_at if clock.warned_at is not None else clock.warns_at
        for clock in clocks
        if clock.stopped_at is None and clock.breached_at is None
    )
    return min(looks, default=None)


def rewind(clock: Clock, *, now: datetime) -> Clock:
    """Return a running clock whose end was moved, without the marks that are no longer true."""
    return Clock(
        clock.kind,
        clock.allowed,
        clock.due_at,
        clock.stopped_at,
        clock.warned_at if now >= clock.warns_at else None,
        clock.breached_at if now >= clock.due_at else None,
    )


def read_clock(clock: Clock, *, now: datetime) -> Reading:
    """Return what a clock shows at a moment."""
    name = "Respond" if clock.kind is ClockKind.RESPOND else "Resolve"
    distance = (clock.stopped_at or now) - clock.due_at
    length = describe_seconds(abs(distance.total_seconds()))
    is_late = distance > timedelta(0)
    if clock.stopped_at is not None:
        words = f"{length} too late" if is_late else f"in time, {length} to spare"
        return Reading(name, "bad" if is_late else "well", words, clock.due_at)
    if is_late:
        return Reading(name, "bad", f"overdue by {length}", clock.due_at)
    return Reading(name, "watch" if now >= clock.warns_at else "info", f"{length} left", clock.due_at)
