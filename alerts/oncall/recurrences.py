"""The occurrences of a calendar's events within a time, in bounded time. Pure.

The library counts through a recurrence rule from its first day on, and through one that never holds up to the year 9999. So
every pass of its loop is paid for out of a budget that the whole calendar has; see `_CountedInterval`.

Source: RFC 5545, section 3.8.5 (recurrence), and the same times of day across changes of summer time as it has them: a time
that the clock jumps over is read with the offset before the jump.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from recurring_ical_events import ComponentsWithName, Series

from alerts.oncall.calendar_lines import CalendarInvalid, CalendarLines, parse_rule

MAX_OCCURRENCES = 5000
#: Days that all rules of a calendar may look at, each as often as a rule has times of day and positions. The library takes
#: 1 to 4 µs for one: a calendar that costs more than some seconds is refused.
MAX_RULE_DAYS = 1_000_000
#: What one pass costs; one of an hour takes the library about as long as two of a day.
_DAYS = {"HOURLY": 2, "DAILY": 1, "WEEKLY": 7, "MONTHLY": 31, "YEARLY": 366}
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event at one time, in UTC. `attendees` are addresses and names, in the order of the file."""

    start: datetime
    end: datetime
    summary: str
    attendees: tuple[str, ...]


def list_occurrences(lines: CalendarLines, *, start: datetime, end: datetime, zone: str) -> list[Occurrence]:
    """Return what touches the time from `start` to `end` (UTC), unsorted and not cut; cancelled events are left out.

    Days, and times without a time zone, are those of the calendar's own zone, of `zone` (an IANA name) if it has none.
    Raises CalendarInvalid.
    """
    try:
        return _list_occurrences(lines, start, end, ZoneInfo(lines.zone or zone))
    except CalendarInvalid:
        raise
    except Exception as error:
        # What the libraries raise on a file that is broken in an unforeseen way is anything, TypeError included.
        raise CalendarInvalid(f"It can't be read: {str(error)[:200] or type(error).__name__}.") from error


class _Budget:
    """What may still be spent on one calendar."""

    def __init__(self) -> None:
        self.days = MAX_RULE_DAYS
        self.occurrences = MAX_OCCURRENCES

    def spend_days(self, days: int) -> None:
        self.days -= days
        if self.days < 0:
            raise CalendarInvalid(
                "Its rules recur too often, began too long ago or never hold; give them a later DTSTART."
            )

    def spend_occurrence(self) -> None:
        self.occurrences -= 1
        if self.occurrences < 0:
            raise CalendarInvalid(f"It has more than {MAX_OCCURRENCES} shifts in this time.")


class _CountedInterval(int):
    """The interval of a rule, which notes when it is used: once in every pass of the loop that looks for matches."""

    note: Callable[[], None]

    def __radd__(self, other: int) -> int:
        self.note()
        return other + int(self)

    def __mul__(self, other: int) -> int:
        self.note()
        return int(self) * other


class _BoundedRules(Series.RecurrenceRules):
    """The rules of one event, every pass of which is paid for."""

    def __init__(self, core: Any, *, budget: _Budget) -> None:
        self.budget = budget
        self.spent_days = 0
        super().__init__(core)

    def rrulestr(self, rule_string: str) -> Any:
        try:
            rule = super().rrulestr(rule_string)
        except ValueError as error:
            if "UNTIL=" in rule_string:
                raise  # The library knows how to mend those that end in another kind of time than they begin.
            raise CalendarInvalid(f"“{rule_string[:100]}” can't be followed: {str(error).rstrip('.')}.") from error
        parts = parse_rule(rule_string)
        times = (parts.get("BYHOUR", "").count(",") + 1) * (parts.get("BYSETPOS", "").count(",") + 1)
        interval = _CountedInterval(rule._interval)
        days = _DAYS[parts["FREQ"]]
        # The library goes from pass to pass by months, so a long interval costs as well.
        interval.note = partial(self._spend, days * times + days * int(interval) // 30)
        rule._interval = interval
        return rule

    def rrule_between(self, span_start: Any, span_stop: Any) -> Iterator[Any]:
        # What was found before is kept, and gone through again at every question.
        self.budget.spend_days(self.spent_days)
        yield from super().rrule_between(span_start, span_stop)

    def _spend(self, days: int) -> None:
        self.spent_days += days
        self.budget.spend_days(days)


class _BoundedSeries(Series):
    """One event with its recurrences and changed instances, every occurrence of which is paid for."""

    def __init__(self, components: Any, *, budget: _Budget) -> None:
        self.budget = budget
        self.RecurrenceRules = partial(_BoundedRules, budget=budget)
        super().__init__(components)

    def between(self, span_start: Any, span_stop: Any) -> Iterator[Any]:
        for occurrence in super().between(span_start, span_stop):
            self.budget.spend_occurrence()
            yield occurrence


def _list_occurrences(lines: CalendarLines, start: datetime, end: datetime, zone: ZoneInfo) -> list[Occurrence]:
    calendar = icalendar.Calendar.from_ical(lines.text)
    for event in calendar.walk("VEVENT"):
        _check_event(event, zone)
    series = partial(_BoundedSeries, budget=_Budget())
    query = recurring_ical_events.of(calendar, components=[ComponentsWithName("VEVENT", series=series)])
    # Days and times without a zone are looked for as if they were of UTC.
    found = (_read_event(event, zone) for event in query.between(start - _DAY, end + _DAY) if not _is_cancelled(event))
    return [each for each in found if each.start < end and start < max(each.end, each.start + timedelta.resolution)]


def _check_event(event: Any, zone: ZoneInfo) -> None:
    title = f"“{_read_summary(event)[:60]}”"
    for name, message in event.errors:
        raise CalendarInvalid(f"{title}: {name or 'a line'} can't be read: {str(message)[:100]}.")
    begins = _resolve(event["DTSTART"].dt, zone)
    ends = _resolve(event["DTEND"].dt, zone) if "DTEND" in event else begins
    if ends < begins or ("DURATION" in event and event["DURATION"].dt < timedelta(0)):
        raise CalendarInvalid(f"{title} ends before it begins, on {begins:%Y-%m-%d}.")


def _read_event(event: Any, zone: ZoneInfo) -> Occurrence:
    return Occurrence(
        _resolve(event["DTSTART"].dt, zone),
        _resolve(event["DTEND"].dt, zone),
        _read_summary(event),
        tuple(_list_attendees(event)),
    )


def _read_summary(event: Any) -> str:
    return " ".join(str(event.get("SUMMARY", "")).split())


def _list_attendees(event: Any) -> Iterator[str]:
    """Yield the address of everybody who did not decline, and the name where there is one."""
    found = event.get("ATTENDEE", [])
    for attendee in found if isinstance(found, list) else [found]:
        if str(attendee.params.get("PARTSTAT", "")).upper() == "DECLINED":
            continue
        address = str(attendee).strip()
        yield address[7:] if address.lower().startswith("mailto:") else address
        if name := str(attendee.params.get("CN", "")).strip():
            yield name


def _is_cancelled(event: Any) -> bool:
    return str(event.get("STATUS", "")).upper() == "CANCELLED"


def _resolve(moment: object, zone: ZoneInfo) -> datetime:
    """Return a calendar's day or time as an instant; a day is its first moment."""
    if not isinstance(moment, date):
        raise CalendarInvalid(f"“{moment}” is neither a day nor a time.")
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time.min)
    known = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    return known.astimezone(UTC)
