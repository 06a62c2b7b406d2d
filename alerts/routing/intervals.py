"""Alertmanager's time intervals, during which routes are muted or active. Pure.

Source: Alertmanager 0.25, documentation of `<time_interval_spec>`. Refused here, though it accepts them: months and years that
there are not, and the location `Local` (a server's time zone is nobody's working hours). Accepted here, though it refuses
them: days such as `28:-1`, which not every month has.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

Range = tuple[int, int]

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
LOOK_AHEAD = timedelta(days=400)
MAX_RANGES = 50

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]{1,6}", re.ASCII)
_DAY = timedelta(days=1)


class IntervalInvalid(Exception):
    """A time interval that can't be used; the message says why, `field` where: times, weekdays and so on, or empty."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """Instants at which all fields hold; a field holds if it is empty or any of its ranges has the instant's local time.

    `times` are minutes of the day, the second excluded, 1440 being the day's end. All other ranges include both ends:
    weekdays from 0 (Sunday), days of the month from 1, or from -1 backwards from the month's end, months from 1.
    `location` is a time zone of the IANA database.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"


_FIELDS = tuple(field.name for field in fields(TimeInterval))


def parse_intervals(specs: Sequence[Mapping[str, Any]]) -> tuple[TimeInterval, ...]:
    """Read what an interval of a name is made of; raise IntervalInvalid, in words."""
    return tuple(parse_interval(spec) for spec in specs)


def parse_interval(spec: Mapping[str, Any]) -> TimeInterval:
    """Read an interval as it stands in Alertmanager's file, all fields optional; raise IntervalInvalid, in words.

    {"times": [{"start_time": "09:00", "end_time": "17:00"}], "weekdays": ["monday:friday"], "days_of_month": ["1:5", "-1"],
    "months": ["may:august", 12], "years": ["2026:2028"], "location": "Europe/Berlin"}
    """
    if not isinstance(spec, Mapping):
        raise IntervalInvalid("A time interval is an object with the fields times, weekdays and so on.")
    for name in spec:
        if name not in _FIELDS:
            raise IntervalInvalid(f"There is no field “{name}”; use some of {', '.join(_FIELDS)}.")
    return TimeInterval(
        times=_read_ranges(spec, "times", _read_times),
        weekdays=_read_ranges(spec, "weekdays", _read_weekdays),
        days_of_month=_read_ranges(spec, "days_of_month", _read_days),
        months=_read_ranges(spec, "months", _read_months),
        years=_read_ranges(spec, "years", _read_years),
        location=_read_location(spec.get("location")),
    )


def _read_ranges(spec: Mapping[str, Any], field: str, read: Callable[[Any], Range]) -> tuple[Range, ...]:
    written = spec.get(field)
    if written is None:
        return ()
    if not isinstance(written, list | tuple):
        raise IntervalInvalid(f"“{field}” must be a list.", field)
    if len(written) > MAX_RANGES:
        raise IntervalInvalid(f"“{field}” has more than {MAX_RANGES} entries.", field)
    try:
        return tuple(map(read, written))
    except IntervalInvalid as error:
        raise IntervalInvalid(error.message, field) from error


def _read_times(written: object) -> Range:
    if not isinstance(written, Mapping) or written.keys() != {"start_time", "end_time"}:
        raise IntervalInvalid("Each of the times needs a start_time and an end_time, and nothing else.")
    start, end = _read_clock(written["start_time"]), _read_clock(written["end_time"])
    if start >= end:
        raise IntervalInvalid(
            f"The start {written['start_time']} must be before the end {written['end_time']}; write what goes past midnight "
            "as two times, one up to 24:00 and one from 00:00."
        )
    return start, end


def _read_clock(written: object) -> int:
    found = _CLOCK.fullmatch(written) if isinstance(written, str) else None
    if found is None:
        raise IntervalInvalid(f"“{written}” is no time of day: write HH:MM, from 00:00 to 24:00.")
    return 24 * 60 if found[1] is None else int(found[1]) * 60 + int(found[2])


def _split(written: object, read: Callable[[str], int]) -> Range:
    """Read `a` or `a:b`."""
    start, separator, end = str(written).partition(":")
    return (read(start), read(end)) if separator else (read(start), read(start))


def _read_weekdays(written: object) -> Range:
    start, end = _split(written, _read_weekday)
    if start > end:
        raise IntervalInvalid(f"“{written}” ends before it starts: weeks go from Sunday to Saturday.")
    return start, end


def _read_weekday(written: str) -> int:
    if written.lower() not in WEEKDAYS:
        raise IntervalInvalid(f"“{written}” is no day of the week: write sunday, monday and so on.")
    return WEEKDAYS.index(written.lower())


def _read_days(written: object) -> Range:
    start, end = _split(written, _read_day)
    if start < 0 < end:
        raise IntervalInvalid(
            f"“{written}” starts from the month's end, so it must end there too, with a negative number."
        )
    if start > end and not (end < 0 < start <= 32 + end):
        raise IntervalInvalid(f"“{written}” ends before it starts, in every month.")
    return start, end


def _read_day(written: str) -> int:
    day = _read_number(written)
    if day == 0 or abs(day) > 31:
        raise IntervalInvalid(f"“{written}” is no day of a month: 1 to 31, or -1 to -31 from its end.")
    return day


def _read_months(written: object) -> Range:
    start, end = _split(written, _read_month)
    if start > end:
        raise IntervalInvalid(f"“{written}” ends before it starts: write what goes past December as two entries.")
    return start, end


def _read_month(written: str) -> int:
    if written.lower() in MONTHS:
        return MONTHS.index(written.lower()) + 1
    if _NUMBER.fullmatch(written) is None or not 1 <= int(written) <= 12:
        raise IntervalInvalid(f"“{written}” is no month: write january, february and so on, or 1 to 12.")
    return int(written)


def _read_years(written: object) -> Range:
    start, end = _split(written, _read_number)
    if start > end:
        raise IntervalInvalid(f"“{written}” ends before it starts.")
    if start < 1 or end > 9999:
        raise IntervalInvalid(f"“{written}” are no years: 1 to 9999.")
    return start, end


def _read_number(written: str) -> int:
    if _NUMBER.fullmatch(written) is None:
        raise IntervalInvalid(f"“{written}” is no number.")
    return int(written)


def _read_location(written: object) -> str:
    if written is None or written == "":
        return "UTC"
    if not isinstance(written, str) or written not in _find_locations():
        raise IntervalInvalid(f"“{written}” is no time zone: write one as Europe/Berlin, or UTC.", "location")
    return written


@cache
def _find_locations() -> frozenset[str]:
    return frozenset(available_timezones())


def contains(interval: TimeInterval, at: datetime) -> bool:
    """Whether an instant, given with its time zone, lies in the interval."""
    local = at.astimezone(ZoneInfo(interval.location))
    minute = local.hour * 60 + local.minute
    return (
        _holds(interval.years, local.year)
        and _holds(interval.months, local.month)
        and _holds(interval.weekdays, local.isoweekday() % 7)
        and (not interval.times or any(start <= minute < end for start, end in interval.times))
        and _has_day(interval.days_of_month, local)
    )


def contains_any(intervals: Iterable[TimeInterval], at: datetime) -> bool:
    """Whether an instant, given with its time zone, lies in some interval; without intervals, False."""
    return any(contains(interval, at) for interval in intervals)


def may_notify(
    at: datetime, *, mute: Sequence[Iterable[TimeInterval]] = (), active: Sequence[Iterable[TimeInterval]] = ()
) -> bool:
    """Whether a route with these mute and active intervals, each what a name stands for, sends notifications at an instant.

    It does during one of the active ones, or always if it has none, but never during one of the mute ones.
    """
    is_active = not active or any(contains_any(intervals, at) for intervals in active)
    return is_active and not any(contains_any(intervals, at) for intervals in mute)


def _holds(ranges: tuple[Range, ...], value: int) -> bool:
    return not ranges or any(start <= value <= end for start, end in ranges)


def _has_day(ranges: tuple[Range, ...], local: datetime) -> bool:
    """Days before or after the month's own are cut off: in February, 1:31 ends on the 28th or 29th."""
    if not ranges:
        return True
    length = monthrange(local.year, local.month)[1]
    counted = [tuple(day if day > 0 else length + 1 + day for day in days) for days in ranges]
    return any(start <= local.day <= end for start, end in counted)


def next_change(intervals: Sequence[TimeInterval], at: datetime, within: timedelta = LOOK_AHEAD) -> datetime | None:
    """Return the first instant after `at` at which `contains_any` is no longer what it is at `at`, in UTC.

    None if there is none until `at + within`. It looks at the starts and ends of every local day, so a year ahead costs some
    thousands of comparisons.
    """
    before = contains_any(intervals, at)
    start, end = at.astimezone(UTC), at.astimezone(UTC) + within
    for day in _count_days(start, end):
        found = sorted({instant for interval in intervals for instant in _find_edges(interval, day)})
        for instant in found:
            if start < instant <= end and contains_any(intervals, instant) is not before:
                return instant
    return None


def _count_days(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the midnights in UTC of all days between, the first and the last included."""
    day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= end:
        yield day
        day += _DAY


def _find_edges(interval: TimeInterval, day: datetime) -> Iterator[datetime]:
    """Yield the instants of a day of UTC at which an interval may begin or end, in no order.

    These are local midnights, the times' ends, and changes of the clock. A time that occurs twice because the clock is put
    back is both of its instants.
    """
    zone = ZoneInfo(interval.location)
    minutes = {0, *(minute for times in interval.times for minute in times if minute < 24 * 60)}
    dates = {(day + shift).astimezone(zone).date() for shift in (timedelta(0), _DAY)}
    for date in dates:
        for minute in minutes:
            for fold in (0, 1):
                local = datetime.combine(date, time(*divmod(minute, 60), fold=fold), zone)
                instant = local.astimezone(UTC)
                if day <= instant < day + _DAY:
                    yield instant
    if day.astimezone(zone).utcoffset() != (day + _DAY).astimezone(zone).utcoffset():
        yield _find_clock_change(zone, day)


def _find_clock_change(zone: ZoneInfo, day: datetime) -> datetime:
    """Return the instant, to the second, at which the clock is put forward or back on this day of UTC."""
    before, low, high = day.astimezone(zone).utcoffset(), 0, 24 * 60 * 60
    while high - low > 1:
        middle = (low + high) // 2
        if (day + timedelta(seconds=middle)).astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return day + timedelta(seconds=high)
