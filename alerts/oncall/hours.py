"""Hours of a layer as people write them, one window on a line: “Mon-Fri 18:00-08:00”, “Sat,Sun 00:00-24:00”, “daily 9-17”. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time

from alerts.oncall.rotations import Restriction

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LINE = re.compile(r"(?P<days>.*\S)\s+(?P<begins>[\d:]+)\s*[-–]\s*(?P<ends>[\d:]+)")
_EXAMPLE = "Write it like “Mon-Fri 18:00-08:00” or “daily 09:00-17:00”."


def parse_hours(text: str) -> tuple[Restriction, ...]:
    """Return the windows of a text, one on each line; ValueError names the line that is none. 24:00 is the end of a day."""
    return tuple(
        _parse_line(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()
    )


def write_hours(restrictions: Iterable[Restriction]) -> str:
    """Return windows in lines that parse_hours reads back."""
    return "\n".join(
        f"{write_days(each.weekdays)} {_write_time(each.begins)}-{_write_time(each.ends, is_end=True)}"
        for each in restrictions
    )


def write_days(weekdays: Iterable[int]) -> str:
    """Return weekdays in words, runs of three and more as from-to: “Mon-Fri”, “Sat,Sun”, “daily”."""
    days = sorted(set(weekdays))
    if len(days) == 7:
        return "daily"
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    parts = [
        f"{_DAYS[run[0]].title()}-{_DAYS[run[-1]].title()}"
        if len(run) > 2
        else ",".join(_DAYS[day].title() for day in run)
        for run in runs
    ]
    return ",".join(parts)


def _parse_line(number: int, line: str) -> Restriction:
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"Line {number}: {_EXAMPLE}")
    try:
        return Restriction(_parse_days(found["days"]), _parse_time(found["begins"]), _parse_time(found["ends"]))
    except ValueError as error:
        raise ValueError(f"Line {number}: {error}") from error


def _parse_days(text: str) -> frozenset[int]:
    if text.strip().lower() in {"daily", "every day"}:
        return frozenset(range(7))
    days: set[int] = set()
    for part in re.split(r"[,\s]+", re.sub(r"\s*[-–]\s*", "-", text.strip())):
        first, is_run, last = part.partition("-")
        start = _find_day(first)
        end = _find_day(last) if is_run else start
        days |= {day % 7 for day in range(start, end + 1 if end >= start else end + 8)}
    return frozenset(days)


def _find_day(word: str) -> int:
    for number, day in enumerate(_DAYS):
        if len(word) >= 2 and (word.lower().startswith(day) or day.startswith(word.lower())):
            return number
    raise ValueError(f"“{word}” is not a weekday. {_EXAMPLE}")


def _parse_time(text: str) -> time:
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() and len(part) <= 2 for part in parts):
        raise ValueError(f"“{text}” is not a time of day. {_EXAMPLE}")
    hour, minute, second = [int(part) for part in parts] + [0] * (3 - len(parts))
    if (hour, minute, second) == (24, 0, 0):
        return time.min
    try:
        return time(hour, minute, second)
    except ValueError as error:
        raise ValueError(f"“{text}” is not a time of day. {_EXAMPLE}") from error


def _write_time(moment: time, *, is_end: bool = False) -> str:
    if is_end and moment == time.min:
        return "24:00"
    return moment.isoformat("seconds" if moment.second else "minutes")
