"""What a rule's conditions returned at every moment of a time gone by, and which of these moments can matter. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from alerts.evaluation import GONE_AFTER, NO_TIME, Timing
from alerts.rehearsal import Firing, Step, rehearse

#: What is noted of a series at a moment: the condition returned it, the clear condition did, its data was there.
MET, CLEARED, PRESENT = 1, 2, 4
#: A reason that ends at one moment is acted upon at the next, and data is expected only after it was seen.
MARGIN_STEPS = 5

Marks = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments in equal steps, the last of them at `end_ms` (epoch ms). Numbered from the oldest, 0."""

    end_ms: int
    step_ms: int
    count: int

    def time_of(self, number: int) -> int:
        """Return a moment as epoch milliseconds."""
        return self.end_ms - (self.count - 1 - number) * self.step_ms

    def at(self, number: int) -> datetime:
        """Return a moment in UTC."""
        return datetime.fromtimestamp(self.time_of(number) / 1000, tz=UTC)

    def number_of(self, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which moments these times are."""
        return (times_ms - self.time_of(0)) // self.step_ms


@dataclass(frozen=True, slots=True)
class Habits:
    """What of a rule decides about its alerts. `no_data_after` zero: it does not watch for missing data."""

    timing: Timing
    no_data_after: timedelta = NO_TIME
    has_clear: bool = False


@dataclass(slots=True)
class Tracks:
    """The marks of every series, by fingerprint: one byte for each moment."""

    moments: Moments
    rows: dict[str, Marks] = field(default_factory=dict)

    def mark(self, name: str, times_ms: NDArray[np.int64], bit: int) -> None:
        """Note that something was so at these times."""
        row = self.rows.setdefault(name, np.zeros(self.moments.count, np.uint8))
        row[self.moments.number_of(times_ms)] |= np.uint8(bit)


def play_tracks(tracks: Tracks, habits: Habits, *, since: int = 0) -> list[Firing]:
    """Return what would have fired from moment `since` on, in the order it began.

    Each series is played by itself: none decides about another.
    """
    firings: list[Firing] = []
    for name, row in tracks.rows.items():
        steps = _list_steps(name, row, tracks.moments, habits, since)
        firings += rehearse(timing=habits.timing, steps=steps, no_data_after=habits.no_data_after)
    return sorted(firings, key=lambda firing: firing.fired_at)


def count_telling(tracks: Tracks, habits: Habits, first: int, after: int) -> int:
    """Return how many decisions playing the moments from `first` to before `after` takes."""
    step_ms = tracks.moments.step_ms
    return sum(int(find_telling(row[first:after], habits, step_ms).size) for row in tracks.rows.values())


def find_telling(row: Marks, habits: Habits, step_ms: int) -> NDArray[np.int64]:
    """Return the numbers of the moments at which something can happen to a series' alert; the others change nothing.

    While its marks stay the same, all there is to happen happens within the rule's patience: afterwards the alert is
    settled until the marks change. The last moment of a stretch counts too: it says until when the alert was seen.
    """
    if not row.size:
        return np.zeros(0, np.int64)
    numbers = np.arange(row.size)
    is_first = np.concatenate(([True], row[1:] != row[:-1]))
    is_last = np.concatenate((is_first[1:], [True]))
    into = numbers - np.maximum.accumulate(np.where(is_first, numbers, 0))
    return np.flatnonzero((into < _patience(row, habits, step_ms)) | is_last)


def _patience(row: Marks, habits: Habits, step_ms: int) -> NDArray[np.int64]:
    """Return after how many steps without a change an alert is settled, for each moment."""
    met = max(habits.timing.hold, habits.timing.keep_firing)
    missing = habits.no_data_after + habits.timing.keep_firing + GONE_AFTER if habits.no_data_after else met
    short, long = (-(-span // timedelta(milliseconds=step_ms)) + MARGIN_STEPS for span in (met, max(met, missing)))
    return np.where(row & (MET | PRESENT), short, long)


def _list_steps(name: str, row: Marks, moments: Moments, habits: Habits, since: int) -> Iterator[Step]:
    """Return the moments of one series that tell something, as the state machine is asked."""
    only, nothing = frozenset({name}), frozenset[str]()
    for number in (find_telling(row[since:], habits, moments.step_ms) + since).tolist():
        marks = int(row[number])
        yield Step(
            moments.at(number),
            {name: 1.0} if marks & MET else {},
            (only if marks & CLEARED else nothing) if habits.has_clear else None,
            (only if marks & PRESENT else nothing) if habits.no_data_after else None,
        )
