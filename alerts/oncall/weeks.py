"""A schedule drawn as weeks: for each layer and for what comes of all a row of bars. Pure.

Places in a week are percents of its length, which is 167 or 169 hours where clocks change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.oncall.rotations import People, find_instant
from alerts.oncall.schedule import Schedule, Shift, list_gaps, list_shifts

WEEKS = 4
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Bar:
    """A shift, or the part of it that a week has. `left` and `width` are percents of the week.

    `people` empty: nobody is on call. `start` and `end` are those of the whole shift, as far as it was looked at.
    """

    start: datetime
    end: datetime
    people: People
    left: float
    width: float
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What one layer says in a week; `is_final`: what comes of all layers and overrides, with gaps."""

    title: str
    bars: tuple[Bar, ...]
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a week, and where it begins, in percents."""

    date: date
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days from Monday, with a row for each layer, the highest first, below the final one. `now` is None elsewhere."""

    days: tuple[Day, ...]
    rows: tuple[Row, ...]
    now: float | None


def find_monday(moment: datetime, zone: str) -> date:
    """Return the Monday of the week that a moment is in, on a calendar of `zone`."""
    day = moment.astimezone(ZoneInfo(zone)).date()
    return day - timedelta(days=day.weekday())


def draw_weeks(schedule: Schedule, *, monday: date, zone: str, now: datetime, weeks: int = WEEKS) -> list[Week]:
    """Return the weeks from a Monday on, as a calendar of `zone` shows them."""
    start, end = _find_midnight(monday, zone), _find_midnight(monday + weeks * _WEEK, zone)
    layered = [(layer.name, list_shifts(Schedule((layer,)), start, end), False) for layer in reversed(schedule.layers)]
    rows = [("On call", list_with_gaps(schedule, start, end), True), *layered]
    return [_draw_week(rows, monday + number * _WEEK, zone, now) for number in range(weeks)]


def list_with_gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """Return the shifts of a time, and between them shifts of nobody where there are gaps; sorted."""
    gaps = [Shift(gap.start, gap.end, ()) for gap in list_gaps(schedule, start, end)]
    return sorted([*list_shifts(schedule, start, end), *gaps], key=lambda shift: shift.start)


def _draw_week(rows: Iterable[tuple[str, list[Shift], bool]], monday: date, zone: str, now: datetime) -> Week:
    dates = [monday + timedelta(days=number) for number in range(8)]
    midnights = [_find_midnight(day, zone) for day in dates]
    start, end = midnights[0], midnights[-1]

    def place(moment: datetime) -> float:
        return round(100 * (moment - start) / (end - start), 3)

    days = tuple(
        Day(day, place(begins), place(ends) - place(begins))
        for day, begins, ends in zip(dates, midnights, midnights[1:], strict=False)
    )
    drawn = []
    for title, shifts, is_final in rows:
        bars = [_cut(shift, start, end) for shift in shifts if shift.start < end and shift.end > start]
        placed = tuple(
            replace(bar, left=place(begins), width=place(ends) - place(begins)) for bar, begins, ends in bars
        )
        drawn.append(Row(title, placed, is_final))
    return Week(days, tuple(drawn), place(now) if start <= now < end else None)


def _cut(shift: Shift, start: datetime, end: datetime) -> tuple[Bar, datetime, datetime]:
    bar = Bar(shift.start, shift.end, shift.people, 0, 0, shift.override_id is not None)
    return bar, max(shift.start, start), min(shift.end, end)


def _find_midnight(day: date, zone: str) -> datetime:
    return find_instant(datetime.combine(day, time.min), zone).astimezone(UTC)
