"""Writing numbers and times for people. Pure; config/static/config/formats.js does the same in the browser."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

DECIMAL = ("", "k", "M", "G", "T")
BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
MINUTE, HOUR, DAY = 60, 3600, 86_400


def write_short(value: float) -> str:
    """Return 12400 as "12.4 k"."""
    number, suffix = _scale(value, 1000, DECIMAL)
    return f"{_digits(number)} {suffix}".strip()


def write_bytes(value: float) -> str:
    """Return 1536 as "1.5 KiB"."""
    number, suffix = _scale(value, 1024, BINARY)
    return f"{_digits(number)} {suffix}"


def write_ratio(value: float) -> str:
    """Return 0.425 as "42.5 %"."""
    return f"{_digits(value * 100)} %"


def write_seconds(value: float) -> str:
    """Return 0.012 as "12 ms", 5400 as "90 min"."""
    size = abs(value)
    if size == 0:
        return "0 s"
    for limit, factor, unit in (
        (0.001, 1e6, "µs"),
        (1, 1000, "ms"),
        (2 * MINUTE, 1, "s"),
        (2 * HOUR, 1 / MINUTE, "min"),
        (2 * DAY, 1 / HOUR, "h"),
    ):
        if size < limit:
            return f"{_digits(value * factor)} {unit}"
    return f"{_digits(value / DAY)} d"


def write_value(value: float | None, unit: str) -> str:
    """Return a number of a chart's unit (monitoring/charts/spec.py), a dash when nothing is known."""
    if value is None or not math.isfinite(value):
        return "–"
    match unit:
        case "ratio":
            return write_ratio(value)
        case "bytes":
            return write_bytes(value)
        case "bytes_per_second":
            return f"{write_bytes(value)}/s"
        case "seconds":
            return write_seconds(value)
        case "per_second":
            return f"{write_short(value)}/s"
        case _:
            return write_short(value)


def write_ago(moment: datetime, *, now: datetime) -> str:
    """Return how long ago (or ahead) a moment is, in its largest unit: "3 min. ago", "in 2 hr."."""
    distance: timedelta = now - moment
    seconds = distance.total_seconds()
    size = abs(seconds)
    if size < 5:
        return "just now"
    for unit, length in (("day", DAY), ("hr.", HOUR), ("min.", MINUTE), ("sec.", 1)):
        if size >= length:
            number = int(size // length)
            word = f"{number} {unit}{'s' if unit == 'day' and number != 1 else ''}"
            return f"{word} ago" if seconds > 0 else f"in {word}"
    raise AssertionError("unreachable: the last unit is a second")


def _scale(value: float, base: int, names: tuple[str, ...]) -> tuple[float, str]:
    power, size = 0, abs(value)
    while size >= base and power < len(names) - 1:
        size /= base
        power += 1
    return value / base**power, names[power]


def _digits(value: float) -> str:
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:.0f}"
    if size >= 10:
        return f"{value:.1f}".removesuffix(".0")
    if size >= 0.01:
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return f"{value:.2g}"
