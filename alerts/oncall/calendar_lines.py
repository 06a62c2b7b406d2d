"""The lines of a calendar somebody else wrote, before a library sees them: checked, and cut to those that matter. Pure.

What is refused here costs one pass over the file: structure that is broken, events without a beginning, time zones that
nobody knows, and rules that recur so often that counting through them would take for ever. Time zones are known by name
(IANA, Windows, or either behind a vendor's prefix); definitions within the file are not used, since a rule of theirs would be
another thing to be counted through.

Source: RFC 5545, sections 3.1 (lines), 3.6 (components), 3.3.10 (recurrence rules).
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 5000
MAX_RULE_CHARACTERS = 300
#: What is longer, or comes after as many, is cut off: each occurrence of an event reads it anew.
MAX_SUMMARY_CHARACTERS, MAX_ATTENDEE_CHARACTERS, MAX_ATTENDEES = 500, 2000, 50
MAX_RULE_INTERVAL = 400
_MAX_DEPTH = 8
_MAX_ZONE_CHARACTERS = 100

_ONCE = frozenset({"DTEND", "DTSTART", "DURATION", "RECURRENCE-ID", "SEQUENCE", "STATUS", "SUMMARY", "UID"})
_KEPT = _ONCE | {"ATTENDEE", "EXDATE", "RDATE", "RRULE"}
_TIMES = frozenset({"DTEND", "DTSTART", "EXDATE", "RDATE", "RECURRENCE-ID"})
_NAME = re.compile(r"[A-Za-z0-9-]+(?=[:;])")
_ZONE = re.compile(r';TZID=("[^"]*"|[^";:,]*)', re.IGNORECASE)
_FREQUENCIES = frozenset({"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


class CalendarInvalid(Exception):
    """A calendar that can't be used; the message says why, in words."""


@dataclass(frozen=True, slots=True)
class CalendarLines:
    """A calendar of nothing but events, whose time zones are IANA names.

    `zone` is the time zone of times that name none, None if the calendar doesn't say.
    """

    text: str
    zone: str | None


@dataclass(slots=True)
class _Event:
    line: int
    lines: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    attendees: int = 0


def read_lines(data: bytes) -> CalendarLines:
    """Return what matters of a calendar's bytes. Raises CalendarInvalid, with the line where that helps."""
    stack: list[str] = []
    kept: list[str] = []
    event = _Event(0)
    events, calendars, zone = 0, 0, None
    for number, line in _unfold(_check_bytes(data)):
        name, value = _split(number, line)
        if not stack and (name, value.upper()) != ("BEGIN", "VCALENDAR"):
            raise CalendarInvalid(f"Line {number} stands outside of a calendar: {_quote(line)}.")
        if name == "BEGIN":
            stack.append(value.upper())
            calendars += len(stack) == 1
            if stack == ["VCALENDAR", "VEVENT"]:
                event, events = _Event(number), events + 1
            _check_sizes(number, len(stack), calendars, events)
        elif name == "END":
            _check_end(number, value, stack)
            if stack == ["VCALENDAR", "VEVENT"]:
                kept += _close(event)
            stack.pop()
        elif stack == ["VCALENDAR", "VEVENT"]:
            _keep(event, number, name, value, line)
        elif stack == ["VCALENDAR"] and name == "X-WR-TIMEZONE":
            zone = _find_zone(number, value)
    if stack:
        raise CalendarInvalid(f"It breaks off within {stack[-1]}: its end is missing.")
    if not calendars:
        raise CalendarInvalid("It is empty.")
    head = ["BEGIN:VCALENDAR", *([f"X-WR-TIMEZONE:{zone}"] if zone else [])]
    return CalendarLines("\r\n".join([*head, *kept, "END:VCALENDAR", ""]), zone)


def parse_rule(rule: str) -> dict[str, str]:
    """Return the parts of a recurrence rule by name, in capital letters. Raises ValueError for what is no rule."""
    pairs = [part.partition("=") for part in rule.upper().strip(";").split(";")]
    if not all(name and value for name, _, value in pairs):
        raise ValueError(f"{rule} is no recurrence rule.")
    return {name: value for name, _, value in pairs}


def find_zone_name(text: str) -> str | None:
    """Return the IANA name of a time zone as calendars write it, None if nobody knows it."""
    return _find_zone_name(text.strip().strip('"')[: _MAX_ZONE_CHARACTERS + 1])


@lru_cache(maxsize=512)
def _find_zone_name(text: str) -> str | None:
    parts = text.strip("/").split("/")
    if len(text) > _MAX_ZONE_CHARACTERS or len(parts) > _MAX_DEPTH:
        return None
    for start in range(len(parts)):
        name = "/".join(parts[start:])
        name = WINDOWS_TO_OLSON.get(name, name)
        try:
            return ZoneInfo(name).key
        except (ValueError, OSError, KeyError):
            continue
    return None


def _check_bytes(data: bytes) -> bytes:
    """Return a calendar's bytes without their mark of UTF-8."""
    if len(data) > MAX_BYTES:
        raise CalendarInvalid(f"It has more than {MAX_BYTES // 1024} KiB.")
    data = data.removeprefix(BOM_UTF8)
    if b"\x00" in data:
        raise CalendarInvalid("It contains a zero byte.")
    if data.lstrip()[:15].upper() not in {b"BEGIN:VCALENDAR", b""}:
        raise CalendarInvalid("It doesn't begin with BEGIN:VCALENDAR, so it is no iCalendar file.")
    return data


def _unfold(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield lines that aren't empty, those that were folded as one, each with the number it begins at.

    Lines are joined before they are decoded: some programs fold within a character.
    """
    parts: list[bytes] = []
    begins = 0
    for number, line in enumerate(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), start=1):
        if line[:1] in {b" ", b"\t"} and parts:
            parts.append(line[1:])
            continue
        if any(parts):
            yield begins, _decode(begins, parts)
        begins, parts = number, [line]
    if any(parts):
        yield begins, _decode(begins, parts)


def _decode(number: int, parts: list[bytes]) -> str:
    try:
        return b"".join(parts).decode()
    except UnicodeDecodeError as error:
        raise CalendarInvalid(f"Line {number} is not written in UTF-8.") from error


def _split(number: int, line: str) -> tuple[str, str]:
    """Return a line's name, in capital letters, and what comes behind its first colon."""
    found = _NAME.match(line)
    _, colon, value = line.partition(":")
    if found is None or not colon:
        raise CalendarInvalid(f"Line {number} is none of a calendar: {_quote(line)}.")
    return found.group().upper(), value.strip()


def _check_sizes(number: int, depth: int, calendars: int, events: int) -> None:
    if depth > _MAX_DEPTH:
        raise CalendarInvalid(f"Line {number}: more than {_MAX_DEPTH} things stand within each other.")
    if calendars > 1:
        raise CalendarInvalid(f"Line {number}: a second calendar begins; put each into a file of its own.")
    if events > MAX_EVENTS:
        raise CalendarInvalid(f"It has more than {MAX_EVENTS} events.")


def _check_end(number: int, value: str, stack: list[str]) -> None:
    if value.upper() != stack[-1]:
        raise CalendarInvalid(f"Line {number}: END:{value[:40]} comes where END:{stack[-1][:40]} should.")


def _keep(event: _Event, number: int, name: str, value: str, line: str) -> None:
    if name == "EXRULE":
        raise CalendarInvalid(f"Line {number}: EXRULE is not supported; name the days with EXDATE.")
    if name not in _KEPT:
        return
    if name in _ONCE and name in event.names:
        raise CalendarInvalid(f"Line {number}: the event has a second {name}.")
    event.names.add(name)
    if name in _TIMES:
        line = _ZONE.sub(lambda found: f";TZID={_find_zone(number, found.group(1))}", line)
    elif name == "RRULE":
        _check_rule(number, value)
    elif name == "SUMMARY":
        line = f"SUMMARY:{value[:MAX_SUMMARY_CHARACTERS]}"
    elif name == "ATTENDEE":
        event.attendees += 1
        if event.attendees > MAX_ATTENDEES or len(line) > MAX_ATTENDEE_CHARACTERS:
            return
    event.lines.append(line)


def _close(event: _Event) -> list[str]:
    if "DTSTART" not in event.names:
        raise CalendarInvalid(f"Line {event.line}: the event has no DTSTART.")
    return ["BEGIN:VEVENT", *event.lines, "END:VEVENT"]


def _check_rule(number: int, rule: str) -> None:
    if len(rule) > MAX_RULE_CHARACTERS:
        raise CalendarInvalid(f"Line {number}: the rule has more than {MAX_RULE_CHARACTERS} characters.")
    try:
        parts = parse_rule(rule)
        interval = int(parts.get("INTERVAL", "1"))
    except ValueError as error:
        raise CalendarInvalid(f"Line {number}: {_quote(rule)} is no recurrence rule.") from error
    if parts.get("FREQ") in {"SECONDLY", "MINUTELY"} or "," in parts.get("BYMINUTE", "") + parts.get("BYSECOND", ""):
        raise CalendarInvalid(f"Line {number}: the event recurs more often than once an hour.")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise CalendarInvalid(f"Line {number}: FREQ is none of {', '.join(sorted(_FREQUENCIES))}.")
    if not 1 <= interval <= MAX_RULE_INTERVAL:
        raise CalendarInvalid(f"Line {number}: INTERVAL is not between 1 and {MAX_RULE_INTERVAL}.")


def _find_zone(number: int, text: str) -> str:
    name = find_zone_name(text)
    if name is None:
        raise CalendarInvalid(f"Line {number}: nobody knows the time zone {_quote(text)}; use one like Europe/Berlin.")
    return name


def _quote(text: str) -> str:
    text = text.strip()
    return f"“{text}”" if len(text) <= 60 else f"“{text[:59]}…”"
