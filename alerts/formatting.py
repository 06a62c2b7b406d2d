"""The functions that templates may use, with the results that Prometheus 2.42 gives. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Value = str | float

_LARGE = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_SMALL = ("m", "u", "n", "p", "f", "a", "z", "y")
_BINARY = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_VERB = re.compile(r"%(?P<flags>[-+ 0]*)(?P<width>\d{0,2})(?:\.(?P<precision>\d{1,2}))?(?P<verb>[a-zA-Z%])")


class BadArgument(Exception):
    """A function was given something it can't work with."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, with the least and the most arguments it takes (None: any number)."""

    call: Callable[..., Value]
    arity: tuple[int, int | None] = (1, 1)


def read_number(value: Value) -> float:
    """Return a value as a number; raise BadArgument for other text."""
    if isinstance(value, float):
        return value
    try:
        return float(value)
    except ValueError as error:
        raise BadArgument(f"“{value}” is not a number") from error


def show_value(value: Value) -> str:
    """Return a value as Go prints it: the shortest digits that mean this number, with an exponent for large ones."""
    return value if isinstance(value, str) else show_float(value)


def show_float(value: float) -> str:
    """Return a number as Go's `%v` does."""
    if not math.isfinite(value):
        return _show_special(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    sign = "-" if value < 0 else ""
    digits, power = _take_apart(abs(value))
    # Go turns to an exponent at a million, however few digits there are.
    if power < -4 or power >= 6:
        mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
        return f"{sign}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
    if power < 0:
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    whole, fraction = digits[: power + 1].ljust(power + 1, "0"), digits[power + 1 :]
    return f"{sign}{whole}{'.' + fraction if fraction else ''}"


def humanize(value: Value) -> str:
    """12345 is 12.35k, 0.012 is 12m."""
    number = read_number(value)
    if number == 0 or not math.isfinite(number):
        return _four_digits(number)
    if abs(number) >= 1:
        return _scale_down(number, 1000.0, _LARGE)
    return _scale_up(number)


def humanize1024(value: Value) -> str:
    """1048576 is 1Mi."""
    number = read_number(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return _four_digits(number)
    return _scale_down(number, 1024.0, _BINARY)


def humanize_duration(value: Value) -> str:
    """Seconds as days, hours, minutes and seconds: 3661 is 1h 1m 1s."""
    number = read_number(value)
    if not math.isfinite(number):
        return _four_digits(number)
    if number == 0:
        return f"{_four_digits(number)}s"
    if abs(number) < 1:
        return f"{_scale_up(number)}s"
    sign, whole = "-" if number < 0 else "", int(abs(number))
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86400
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {whole % 60}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {whole % 60}s"
    if minutes:
        return f"{sign}{minutes}m {whole % 60}s"
    return f"{sign}{_four_digits(abs(number))}s"


def humanize_percentage(value: Value) -> str:
    """A ratio as a percentage: 0.9512 is 95.12%."""
    return f"{_four_digits(read_number(value) * 100)}%"


def humanize_timestamp(value: Value) -> str:
    """Epoch seconds as a date and time in UTC."""
    number = read_number(value)
    if not math.isfinite(number):
        return _four_digits(number)
    try:
        seconds, thousandths = divmod(int(number * 1e9) // 1_000_000, 1000)
        moment = datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadArgument(f"{show_float(number)} is not a time") from error
    fraction = f".{thousandths:03d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def print_formatted(template: Value, *arguments: Value) -> str:
    """Fill a format with %s, %v, %f, %e, %g (with width and precision) and %%; raise BadArgument on anything else."""
    left = list(arguments)
    text = _VERB.sub(lambda match: _print_one(match, left), str(template))
    if left:
        raise BadArgument("there are more values than places in the format")
    return text


def check_format(template: str, arguments: int) -> None:
    """Raise BadArgument unless a format can be filled with this many values."""
    print_formatted(template, *([1.0] * arguments))


def title(value: Value) -> str:
    """Each word with a capital letter."""
    return re.sub(r"(?<!\w)\w", lambda match: match[0].upper(), show_value(value))


FUNCTIONS: dict[str, Function] = {
    "humanize": Function(humanize),
    "humanize1024": Function(humanize1024),
    "humanizeDuration": Function(humanize_duration),
    "humanizePercentage": Function(humanize_percentage),
    "humanizeTimestamp": Function(humanize_timestamp),
    "printf": Function(print_formatted, (1, None)),
    "title": Function(title),
    "toLower": Function(lambda value: show_value(value).lower()),
    "toUpper": Function(lambda value: show_value(value).upper()),
}


def _print_one(match: re.Match[str], left: list[Value]) -> str:
    verb = match["verb"]
    if verb == "%":
        return "%"
    if verb not in "svfeg":
        raise BadArgument(f"%{verb} is not known; known are %s %v %f %e %g")
    if not left:
        raise BadArgument("there are fewer values than places in the format")
    value, flags, width = left.pop(0), match["flags"], match["width"]
    precision = "" if match["precision"] is None else f".{match['precision']}"
    if verb in "sv":
        return f"%{flags.replace('0', '').replace('+', '')}{width}{precision}s" % show_value(value)
    number = read_number(value)
    if not math.isfinite(number):
        return f"%{flags.replace('0', '')}{width}s" % _show_special(number)
    if verb == "g" and not precision:
        return f"%{flags.replace('0', '')}{width}s" % show_float(number)
    return f"%{flags}{width}{precision}{verb}" % number


def _show_special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def _take_apart(value: float) -> tuple[str, int]:
    """Return a positive number's shortest digits and the power of ten of the first of them."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    return digits.rstrip("0") or "0", len(whole) - 1 - leading + int(exponent or 0)


def _four_digits(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else _show_special(value)


def _scale_down(value: float, base: float, prefixes: tuple[str, ...]) -> str:
    prefix = ""
    for larger in prefixes:
        if abs(value) < base:
            break
        prefix, value = larger, value / base
    return f"{_four_digits(value)}{prefix}"


def _scale_up(value: float) -> str:
    prefix = ""
    for smaller in _SMALL:
        if abs(value) >= 1:
            break
        prefix, value = smaller, value * 1000
    return f"{_four_digits(value)}{prefix}"
