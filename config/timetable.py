"""When a recurring task runs, as people write it: "every 30 s", "cron 0 3 * * *". Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

EXAMPLE = "Write it like “every 30 s”, “every 5 min”, “every 2 h”, or as a cron line in UTC: “cron 0 3 * * *”."
MIN_SECONDS = 1
MAX_SECONDS = 366 * 86_400

_EVERY = re.compile(r"^every\s+(\d+)\s*(s|min|h|d)$")
_SECONDS_PER = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_FIELD = re.compile(r"^[\d*/,\-]+$")


@dataclass(frozen=True, slots=True)
class Every:
    """At a fixed distance."""

    seconds: int


@dataclass(frozen=True, slots=True)
class CronLine:
    """At times of the clock, in UTC."""

    minute: str
    hour: str
    day_of_month: str
    day_of_week: str


def parse_when(text: str) -> Every | CronLine:
    """Return when; raise ValueError with an example if `text` is neither form.

    A cron line has minute, hour, day of month, month (always *) and day of week; the month may be left out.
    """
    words = " ".join(text.lower().split())
    if match := _EVERY.match(words):
        seconds = int(match[1]) * _SECONDS_PER[match[2]]
        if MIN_SECONDS <= seconds <= MAX_SECONDS:
            return Every(seconds)
    if words.startswith("cron "):
        return _parse_cron(words.split()[1:])
    raise ValueError(EXAMPLE)


def _parse_cron(fields: list[str]) -> CronLine:
    if len(fields) == 5 and fields[3] == "*":
        fields = [*fields[:3], fields[4]]
    if len(fields) != 4 or not all(_FIELD.match(field) for field in fields):
        raise ValueError(EXAMPLE)
    return CronLine(*fields)


def write_when(when: Every | CronLine) -> str:
    """Return the text that parse_when reads back."""
    if isinstance(when, CronLine):
        return f"cron {when.minute} {when.hour} {when.day_of_month} * {when.day_of_week}"
    for unit in ("d", "h", "min"):
        if when.seconds % _SECONDS_PER[unit] == 0:
            return f"every {when.seconds // _SECONDS_PER[unit]} {unit}"
    return f"every {when.seconds} s"
