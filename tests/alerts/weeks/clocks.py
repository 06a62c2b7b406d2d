"""Clocks on the wall, watched minute by minute: a time has come once the clock has shown it or a later one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
EVERY_DAY = tuple(range(7))


@cache
def find_moment(wall: datetime, zone: str, *, is_end: bool = False) -> datetime:
    """Return when a clock first shows `wall` or later; as an end, the moment after it showed less for the last time."""
    clock = ZoneInfo(zone)
    utc = ZoneInfo("UTC")
    moments = [wall.replace(tzinfo=utc) + minutes * MINUTE for minutes in range(-15 * 60, 15 * 60)]
    shown = [moment.astimezone(clock).replace(tzinfo=None) for moment in moments]
    if is_end:
        return next(moment + MINUTE for moment, at in zip(reversed(moments), reversed(shown), strict=True) if at < wall)
    return next(moment for moment, at in zip(moments, shown, strict=True) if at >= wall)


class Hours(NamedTuple):
    """Hours of a clock on the wall, on some weekdays; over midnight if they end earlier than they begin."""

    start: time
    end: time
    zone: str
    weekdays: tuple[int, ...] = EVERY_DAY

    def find_stretches(self, now: datetime, *, end_is_last: bool = False) -> Iterable[tuple[datetime, datetime]]:
        """Yield those around a moment: from yesterday's to those of the next two weeks."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        for day in (today + number * DAY for number in range(-1, 16)):
            if day.weekday() in self.weekdays:
                last = day + DAY if self.end <= self.start else day
                start = find_moment(datetime.combine(day, self.start), self.zone)
                end = find_moment(datetime.combine(last, self.end), self.zone, is_end=end_is_last)
                if start < end:
                    yield start, end

    def find_end(self, now: datetime) -> datetime | None:
        """Return when they end that are on now; those that follow each other are one."""
        until = None
        for start, end in sorted(self.find_stretches(now)):
            if start <= (until or now) < end:
                until = end
        return until

    def find_opening(self, now: datetime) -> datetime:
        """Return when they begin next."""
        return min(start for start, _ in self.find_stretches(now) if start > now)
