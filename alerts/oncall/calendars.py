"""On-call shifts as iCalendar files: written for the calendars of people, and read from calendars kept elsewhere. Pure.

Source: RFC 5545 (iCalendar), RFC 7986 (name and refresh interval of a calendar).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from urllib.parse import urlsplit

import icalendar

from alerts.oncall.calendar_lines import CalendarInvalid, read_lines
from alerts.oncall.recurrences import Occurrence, list_occurrences
from alerts.oncall.rotations import People
from alerts.oncall.schedule import Shift

__all__ = ["CalendarInvalid", "Imported", "read_calendar", "write_calendar", "write_titled"]

MAX_WINDOW = timedelta(days=400)
#: How often the calendars of people are asked to look again.
REFRESH = timedelta(hours=1)
MAX_WARNINGS = 20
_MAX_PARTS, _MAX_NAME_PARTS = 20, 3
_NAME_PART = re.compile(r"[^,;/&+]+")

FindPerson = Callable[[str], int | None]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a calendar says: its shifts, sorted, and what of it could not be used, in words.

    Shifts can overlap, as events can; their `layer_id` and `override_id` are None.
    """

    shifts: tuple[Shift, ...]
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Unknown:
    """Where a name stands that nobody has."""

    first: datetime
    count: int = 0


@dataclass(slots=True)
class _Reader:
    find_person: FindPerson
    unknown: dict[str, _Unknown] = field(default_factory=dict)


def write_calendar(name: str, shifts: Iterable[Shift], names: Mapping[int, str], now: datetime, url: str) -> bytes:
    """Return a calendar with an event for each shift, in UTC; its summary are the names of the people, joined by commas.

    `names` are by person id. `url` is the page of the schedule: every reader of the calendar sees it, so it must not be the
    secret address of the feed. A shift keeps its UID while its beginning, its people, its layer and its override are the same;
    let a feed begin at a fixed time such as the first of a month, since a shift that is cut there has another beginning.
    """
    titled = [(", ".join(names.get(person, f"Person {person}") for person in shift.people), shift) for shift in shifts]
    return write_titled(name, titled, now, url)


def write_titled(name: str, shifts: Iterable[tuple[str, Shift]], now: datetime, url: str) -> bytes:
    """Return a calendar like write_calendar's, with the summary of each shift before it."""
    calendar = icalendar.Calendar()
    calendar.add("PRODID", "-//Postlaunch//On call//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("NAME", _clean(name))
    calendar.add("X-WR-CALNAME", _clean(name))
    calendar.add("URL", url)
    calendar.add("REFRESH-INTERVAL", icalendar.vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("X-PUBLISHED-TTL", icalendar.vDuration(REFRESH))
    for title, shift in shifts:
        calendar.add_component(_write_event(title, shift, now, url))
    written: bytes = calendar.to_ical()
    return written


def read_calendar(
    data: bytes, *, start: datetime, end: datetime, find_person: FindPerson, zone: str = "UTC"
) -> Imported:
    """Return the shifts of a calendar's events from `start` to `end`, cut to that time.

    `find_person` returns the id of a name or an address, None if it is nobody's; it is asked once for each. An event's people are those its summary
    names, divided by commas or the like; if there are none, its attendees. Events of nobody are left out with a warning.
    `zone` (an IANA name) is for days and times without a time zone, unless the calendar has its own.

    Raises CalendarInvalid for a file that is broken, too large (MAX_BYTES, MAX_EVENTS, MAX_OCCURRENCES) or takes too long to
    count through; ValueError for a time longer than MAX_WINDOW, or one without a time zone.
    """
    if start.tzinfo is None or end.tzinfo is None or not timedelta(0) < end - start <= MAX_WINDOW:
        raise ValueError(f"The time must have a time zone and be at most {MAX_WINDOW.days} days long.")
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    occurrences = list_occurrences(read_lines(data), start=start, end=end, zone=zone)
    occurrences.sort(key=lambda each: (each.start, each.end, each.summary))
    reader = _Reader(cache(find_person))
    shifts = [
        Shift(max(each.start, start), min(each.end, end), people)
        for each in occurrences
        if each.start < each.end and (people := _find_people(reader, each))
    ]
    shifts.sort(key=lambda each: (each.start, each.end))
    return Imported(tuple(shifts), tuple(_list_warnings(reader, occurrences)))


def _write_event(title: str, shift: Shift, now: datetime, url: str) -> icalendar.Event:
    event = icalendar.Event()
    event.add("UID", _write_uid(shift, url))
    event.add("DTSTAMP", now.astimezone(UTC))
    event.add("DTSTART", shift.start.astimezone(UTC))
    event.add("DTEND", shift.end.astimezone(UTC))
    event.add("SUMMARY", _clean(title))
    event.add("URL", url)
    # Who is on call can still have meetings.
    event.add("TRANSP", "TRANSPARENT")
    return event


def _write_uid(shift: Shift, url: str) -> str:
    told = f"{shift.start.astimezone(UTC).isoformat()} {shift.layer_id} {shift.override_id} {shift.people}"
    return f"{sha256(told.encode()).hexdigest()[:32]}@{urlsplit(url).hostname or 'postlaunch'}"


def _clean(text: str) -> str:
    """Return a text on one line, without what no calendar can show."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _find_people(reader: _Reader, occurrence: Occurrence) -> People:
    summary = occurrence.summary
    people, unknown = _find_named(reader.find_person, summary)
    if not people:
        found = [reader.find_person(attendee) for attendee in occurrence.attendees]
        people = [person for person in found if person is not None]
        unknown = [] if people else [summary or ", ".join(occurrence.attendees[:3])]
    for name in unknown:
        noted = reader.unknown.setdefault(name, _Unknown(occurrence.start))
        noted.count += 1
    return tuple(dict.fromkeys(people))


def _find_named(find_person: FindPerson, text: str) -> tuple[list[int], list[str]]:
    """Return the people a text names and the parts that are nobody. A name may have commas itself: the longest one wins."""
    whole = find_person(text) if text else None
    if whole is not None:
        return [whole], []
    parts = [found.span() for found in _NAME_PART.finditer(text) if found.group().strip()]
    if len(parts) > _MAX_PARTS:
        return [], [text]
    people: list[int] = []
    unknown: list[str] = []
    at = 0
    while at < len(parts):
        for last in reversed(range(at, min(at + _MAX_NAME_PARTS, len(parts)))):
            name = text[parts[at][0] : parts[last][1]].strip()
            person = find_person(name)
            if person is not None:
                people.append(person)
                at = last
                break
        else:
            unknown.append(name)
        at += 1
    return people, unknown


def _list_warnings(reader: _Reader, occurrences: list[Occurrence]) -> list[str]:
    warnings = [] if occurrences else ["It has no events in this time."]
    empty = sum(each.start == each.end for each in occurrences)
    if empty:
        warnings.append(f"Events that have no length were left out: {empty}.")
    for name, noted in list(reader.unknown.items())[:MAX_WARNINGS]:
        who = f"“{name[:100]}” is nobody here" if name else "Nobody is named"
        warnings.append(f"{who}. Shifts that lack somebody: {noted.count}, the first on {noted.first:%Y-%m-%d}.")
    if len(reader.unknown) > MAX_WARNINGS:
        warnings.append(f"Further names that are nobody's: {len(reader.unknown) - MAX_WARNINGS}.")
    return warnings
