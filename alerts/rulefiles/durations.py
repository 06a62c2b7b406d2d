"""Lengths of time as Prometheus writes them: “1h30m”, “5m”, “0”. Pure."""

from __future__ import annotations

import re

_UNITS = (
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
)
_SIZES = dict(_UNITS) | {"ms": 1}
# Each unit at most once, the largest first; nine digits are 31 years in seconds.
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _SIZES), re.ASCII)


def parse_duration(text: str) -> int:
    """Return a duration in milliseconds; raise ValueError, with an example, for what is none.

    Source: Prometheus, `model.ParseDuration`. A year has 365 days.
    """
    cleaned = text.strip()
    if cleaned == "0":
        return 0
    match = _DURATION.fullmatch(cleaned)
    if match is None or not cleaned:
        raise ValueError(f"“{cleaned[:40]}” is not a duration. Write it like 30s, 5m or 1h30m.")
    numbers = zip(match.groups(), _SIZES.values(), strict=True)
    return sum(int(number) * size for number, size in numbers if number is not None)


def write_duration(seconds: int) -> str:
    """Return a duration of whole seconds that Prometheus and parse_duration read back exactly."""
    left, parts = seconds * 1000, []
    for unit, size in _UNITS[2:]:  # Prometheus itself writes days, hours, minutes and seconds
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
