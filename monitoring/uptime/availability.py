"""How much of the time something was up, and when it was not. Pure.

Only what was watched counts: time in which a check was new, paused or in maintenance is in neither share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.uptime.enums import CheckState

#: A failure that is still being tried again has not been an outage yet.
UP_STATES = frozenset({CheckState.UP, CheckState.PENDING})


@dataclass(frozen=True, slots=True)
class Change:
    """The state from `at` on; `reason` says why."""

    at: datetime
    state: CheckState
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Downtime:
    """A stretch in which something was down; `end` None while it is."""

    start: datetime
    end: datetime | None
    reason: str

    def lasted(self, *, now: datetime) -> timedelta:
        """Return how long it lasted, or has lasted so far."""
        return (self.end or now) - self.start


@dataclass(frozen=True, slots=True)
class Availability:
    """Seconds up and down within a stretch of time."""

    up_seconds: float
    down_seconds: float

    @property
    def ratio(self) -> float | None:
        """The share of the watched time that it was up, from 0 to 1; None if it was not watched at all."""
        watched = self.up_seconds + self.down_seconds
        return self.up_seconds / watched if watched > 0 else None


def measure_availability(changes: Sequence[Change], *, start: datetime, end: datetime) -> Availability:
    """Return how long it was up and down between `start` and `end`, from changes in the order they were noted."""
    up = down = timedelta()
    for state, began, ended in _stretches(changes, end=end):
        length = max(timedelta(), min(ended, end) - max(began, start))
        if state in UP_STATES:
            up += length
        elif state is CheckState.DOWN:
            down += length
    return Availability(up.total_seconds(), down.total_seconds())


def list_downtimes(changes: Sequence[Change]) -> list[Downtime]:
    """Return every outage, the newest first."""
    found: list[Downtime] = []
    for change, following in zip(changes, [*changes[1:], None], strict=False):
        if change.state is CheckState.DOWN:
            found.append(Downtime(change.at, following.at if following else None, change.reason))
    return found[::-1]


def _stretches(changes: Sequence[Change], *, end: datetime) -> Iterable[tuple[CheckState, datetime, datetime]]:
    """Yield (state, from, until). A state ends where the next begins, which may lie before the time it was noted."""
    for change, following in zip(changes, [*changes[1:], None], strict=False):
        yield change.state, change.at, following.at if following else end
