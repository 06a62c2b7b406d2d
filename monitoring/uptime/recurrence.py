"""When maintenance comes again: local wall-clock times of a zone, as absolute moments, across changes of the clock. Pure.

A window from 02:00 to 04:00 is open from 02:00 to 04:00 by the clock on the wall, however long that is:

- A time that the clock jumps over counts as the moment of the jump. In Europe/Berlin 02:00-04:00 is one hour long in the night
  in which summer time begins; a window that lies in the jumped hour altogether does not open that night.
- Of a time that comes twice, a beginning means the first and an end the second, so that all of it is covered: 02:00-04:00 is
  three hours long in the night in which summer time ends.

In months that are too short for it, a day of the month means the month's last day.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from monitoring.uptime.cron_lines import find_zone

MAX_COUNT = 10_000
LAST = -1
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY = timedelta(days=1)
_NTH = {1: "first", 2: "second", 3: "third", 4: "fourth", LAST: "last"}


class Repeat(StrEnum):
    """How a window comes again."""

    NONE = "none"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY_DAY = "monthly_day"
    MONTHLY_WEEKDAY = "monthly_weekday"

    @property
    def label(self) -> str:
        """What people read."""
        return _REPEATS[self]


_REPEATS = {
    Repeat.NONE: "Only once",
    Repeat.DAILY: "Every day",
    Repeat.WEEKLY: "Every week, on weekdays",
    Repeat.MONTHLY_DAY: "Every month, on a day",
    Repeat.MONTHLY_WEEKDAY: "Every month, on a weekday such as the first Sunday",
}


class RecurrenceInvalid(ValueError):
    """A recurrence that can't be; `field` names the part, the text says why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often, and until when. Which fields count depends on `repeat`.

    `weekdays`: 0 (Monday) to 6. `month_day`: 1 to 31. `nth` (1 to 4, or -1 for the last) and `weekday`: that weekday of each
    month. `until`: the last local date on which it may begin. `count`: at most so many times. None: for ever.
    """

    repeat: Repeat = Repeat.NONE
    weekdays: tuple[int, ...] = ()
    month_day: int = 1
    nth: int = 1
    weekday: int = 0
    until: date | None = None
    count: int | None = None


ONCE = Recurrence()


@dataclass(frozen=True, slots=True)
class Plan:
    """A window: its first beginning and end in local time without a zone, the name of the zone, how it comes again.

    With a recurrence, `start` says from which day on and at which time; the first time is on the first day that fits.
    """

    start: datetime
    end: datetime
    zone: str = "UTC"
    recurrence: Recurrence = ONCE

    def find_zone(self) -> ZoneInfo:
        """Return its zone; raise RecurrenceInvalid if there is none of this name."""
        try:
            return find_zone(self.zone)
        except ValueError as error:
            raise RecurrenceInvalid("time_zone", str(error)) from error


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time: from `opens_at` until before `closes_at`, in UTC."""

    opens_at: datetime
    closes_at: datetime


def check_plan(plan: Plan) -> None:
    """Raise RecurrenceInvalid, in words, unless a window can be planned so."""
    plan.find_zone()
    length = plan.end - plan.start
    if length <= timedelta(0):
        raise RecurrenceInvalid("ends_at", "It has to end after it begins.")
    _check_pattern(plan.recurrence)
    if plan.recurrence.repeat is Repeat.NONE:
        return
    if length > (gap := _find_gap(plan.recurrence)):
        days = gap.days
        again = "the next day" if days == 1 else f"{days} days later"
        raise RecurrenceInvalid("ends_at", f"It would not be over when it begins again, {again}.")
    if plan.recurrence.until is not None and next(list_occurrences(plan), None) is None:
        raise RecurrenceInvalid("until_date", "It would never open: no day until then fits.")


def list_occurrences(plan: Plan, *, now: datetime | None = None) -> Iterator[Occurrence]:
    """Yield every time it opens, in order, or with `now` those that are not over by then; without an end for a recurrence without one."""
    zone = plan.find_zone()
    length = plan.end - plan.start
    earliest = date.min if now is None else (now - length - _LEEWAY).date()
    for day in _list_days(plan, earliest):
        start = datetime.combine(day, plan.start.time())
        opens_at, closes_at = find_moment(start, zone), find_moment(start + length, zone, is_end=True)
        if opens_at < closes_at and (now is None or closes_at > now):
            yield Occurrence(opens_at, closes_at)


def find_occurrence(plan: Plan, *, now: datetime) -> Occurrence | None:
    """Return the one that is open, or the next; None if there is none any more."""
    return next(list_occurrences(plan, now=now), None)


def list_next(plan: Plan, *, now: datetime, limit: int) -> list[Occurrence]:
    """Return the one that is open and the next ones."""
    return list(islice(list_occurrences(plan, now=now), limit))


def find_moment(local: datetime, zone: ZoneInfo, *, is_end: bool = False) -> datetime:
    """Return the moment in UTC at which a clock on the wall shows `local`; the module's text says which in doubt."""
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if earlier.astimezone(zone).replace(tzinfo=None, fold=0) == local:
        return later if is_end and later > earlier else earlier
    return _find_jump(later, earlier, zone)


def describe_recurrence(recurrence: Recurrence) -> str:
    """Return how it comes again, in words; empty if it does not."""
    match recurrence.repeat:
        case Repeat.NONE:
            return ""
        case Repeat.DAILY:
            words = "every day"
        case Repeat.WEEKLY:
            words = "every " + ", ".join(WEEKDAYS[day] for day in sorted(set(recurrence.weekdays)))
        case Repeat.MONTHLY_DAY:
            words = f"every month on day {recurrence.month_day}"
        case Repeat.MONTHLY_WEEKDAY:
            words = f"every {_NTH[recurrence.nth]} {WEEKDAYS[recurrence.weekday]} of a month"
    words += f", until {recurrence.until:%-d %b %Y}" if recurrence.until else ""
    return words + (f", {recurrence.count} times" if recurrence.count else "")


def _find_jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment between two at which the clock jumps forward, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


#: A day that is longer ago than this and the window's length has nothing open any more, whatever the zone.
_LEEWAY = timedelta(days=2)
_MONTHLY = frozenset({Repeat.MONTHLY_DAY, Repeat.MONTHLY_WEEKDAY})


def _list_days(plan: Plan, earliest: date) -> Iterator[date]:
    """Yield the local dates on which it begins, from `earliest` on."""
    first, recurrence = plan.start.date(), plan.recurrence
    if recurrence.repeat is Repeat.NONE:
        yield first
        return
    # Which days fit does not depend on the first one. Where times are counted, all of them are.
    begin = first if recurrence.count is not None else max(first, earliest)
    for day in islice(_list_fitting_days(begin, recurrence), recurrence.count):
        if day >= earliest:
            yield day


def _list_fitting_days(begin: date, recurrence: Recurrence) -> Iterator[date]:
    until = recurrence.until or date.max
    days = _list_months(begin, recurrence) if recurrence.repeat in _MONTHLY else _list_weeks(begin, recurrence)
    for day in days:
        if day > until:
            return
        if day >= begin:
            yield day


def _list_weeks(first: date, recurrence: Recurrence) -> Iterator[date]:
    wanted = set(recurrence.weekdays) if recurrence.repeat is Repeat.WEEKLY else set(range(7))
    for number in range(_LAST_DAY.toordinal() - first.toordinal()):
        day = first + number * _DAY
        if day.weekday() in wanted:
            yield day


def _list_months(first: date, recurrence: Recurrence) -> Iterator[date]:
    for number in range((_LAST_DAY.year - first.year) * 12):
        month = first.month - 1 + number
        yield _pick_day(first.year + month // 12, month % 12 + 1, recurrence)


#: Far enough, and so far from the end of the calendar that a window's end is in it.
_LAST_DAY = date(9990, 1, 1)


def _pick_day(year: int, month: int, recurrence: Recurrence) -> date:
    length = calendar.monthrange(year, month)[1]
    if recurrence.repeat is Repeat.MONTHLY_DAY:
        return date(year, month, min(recurrence.month_day, length))
    if recurrence.nth == LAST:
        last = date(year, month, length)
        return last - (last.weekday() - recurrence.weekday) % 7 * _DAY
    first = date(year, month, 1)
    return first + ((recurrence.weekday - first.weekday()) % 7 + 7 * (recurrence.nth - 1)) * _DAY


def _check_pattern(recurrence: Recurrence) -> None:
    if recurrence.repeat is Repeat.WEEKLY and not (
        recurrence.weekdays and all(0 <= day <= 6 for day in recurrence.weekdays)
    ):
        raise RecurrenceInvalid("weekdays", "Choose at least one weekday; 0 is Monday and 6 is Sunday.")
    if recurrence.repeat is Repeat.MONTHLY_DAY and not 1 <= recurrence.month_day <= 31:
        raise RecurrenceInvalid("month_day", "Choose a day from 1 to 31.")
    if recurrence.repeat is Repeat.MONTHLY_WEEKDAY and recurrence.nth not in _NTH:
        raise RecurrenceInvalid("nth", "Choose 1 to 4, or -1 for the last.")
    if recurrence.repeat is Repeat.MONTHLY_WEEKDAY and not 0 <= recurrence.weekday <= 6:
        raise RecurrenceInvalid("weekday", "Weekdays are 0 (Monday) to 6 (Sunday).")
    if recurrence.count is not None and not 1 <= recurrence.count <= MAX_COUNT:
        raise RecurrenceInvalid("count", f"Choose 1 to {MAX_COUNT:,} times.")


def _find_gap(recurrence: Recurrence) -> timedelta:
    """Return the least time from one beginning to the next, by the calendar."""
    if recurrence.repeat is Repeat.DAILY:
        return _DAY
    if recurrence.repeat is Repeat.WEEKLY:
        days = sorted(set(recurrence.weekdays))
        return min((after - day) % 7 or 7 for day, after in zip(days, [*days[1:], days[0]], strict=True)) * _DAY
    return 28 * _DAY
