"""Lengths of time in people's words, and back. Pure."""

from __future__ import annotations

import re

_LENGTH = re.compile(r"(\d+)\s*(d(?:ays?)?|h(?:ours?|r)?|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?|)(?![a-z])")
_SIZES = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def describe_seconds(seconds: float) -> str:
    """Return a length of time in its largest unit and the next: “2 min”, “1 h 5 min”, “3 d”, “45 s”."""
    whole = max(0, round(seconds))
    for index, (size, unit) in enumerate(_UNITS):
        if whole < size:
            continue
        text = f"{whole // size} {unit}"
        rest = whole % size
        if index + 1 < len(_UNITS):
            smaller, smaller_unit = _UNITS[index + 1]
            return f"{text} {rest // smaller} {smaller_unit}" if rest // smaller else text
        return f"{text} {rest} s" if rest and whole < 600 else text
    return f"{whole} s"


def parse_seconds(text: str) -> int:
    """Return the seconds of a length of time as people write it: “90”, “5m”, “5 min”, “1h 30m”, “2 days”; empty is 0.

    Raises ValueError, with an example, for anything else.
    """
    cleaned = text.strip().lower()
    parts = _LENGTH.findall(cleaned)
    rest = _LENGTH.sub("", cleaned).strip(" ,")
    if rest or (cleaned and not parts):
        raise ValueError(f"“{text.strip()}” is not a length of time. Write it like 30 s, 5 min or 1 h 30 min.")
    return sum(int(number) * _SIZES[unit[:1] or "s"] for number, unit in parts)


def write_seconds(seconds: int) -> str:
    """Return a length of time that parse_seconds reads back exactly: “5 min”, “1 h 30 min”, “90 s” as “1 min 30 s”."""
    left, parts = seconds, []
    for size, unit in (*_UNITS, (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"
