"""Attributes of OTLP in both encodings, as plain values. Pure.

JSON is read leniently where clients differ: 64-bit numbers as texts or numbers, null for absent, unknown members passed over.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

MAX_ATTRIBUTES = 256
MAX_ELEMENTS = 100
MAX_DEPTH = 8
MAX_DIGITS = 20
_CUT = "…"

Number = int | float | str


class JsonArray(msgspec.Struct):
    """A list of values."""

    values: list[JsonAnyValue] | None = None


class JsonMap(msgspec.Struct):
    """A list of named values."""

    values: list[JsonKeyValue] | None = None


class JsonAnyValue(msgspec.Struct, rename="camel"):
    """A value: whichever member is there."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Number | None = None
    double_value: Number | None = None
    array_value: JsonArray | None = None
    kvlist_value: JsonMap | None = None
    bytes_value: str | None = None


class JsonKeyValue(msgspec.Struct):
    """A named value."""

    key: str = ""
    value: JsonAnyValue | None = None


def read_message_attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """Return attributes of protobuf messages by name; those beyond MAX_ATTRIBUTES are left out."""
    found: dict[str, Any] = {}
    for pair in pairs:
        if len(found) >= MAX_ATTRIBUTES:
            break
        found[pair.key] = read_message_value(pair.value)
    return found


def read_message_value(value: Any, depth: int = 0) -> Any:
    """Return what a protobuf AnyValue holds; bytes as hexadecimal text."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind == "array_value":
        return _CUT if depth >= MAX_DEPTH else [read_message_value(v, depth + 1) for v in held.values[:MAX_ELEMENTS]]
    if kind == "kvlist_value":
        if depth >= MAX_DEPTH:
            return _CUT
        return {each.key: read_message_value(each.value, depth + 1) for each in held.values[:MAX_ELEMENTS]}
    if kind == "bytes_value":
        return bytes(held[:1_000]).hex()
    return _plain(held)


def read_json_attributes(pairs: Iterable[JsonKeyValue] | None) -> dict[str, Any]:
    """Return attributes as JSON has them by name; those beyond MAX_ATTRIBUTES are left out."""
    found: dict[str, Any] = {}
    for pair in pairs or ():
        if len(found) >= MAX_ATTRIBUTES:
            break
        found[pair.key] = read_json_value(pair.value)
    return found


def read_json_value(value: JsonAnyValue | None, depth: int = 0) -> Any:
    """Return what a value holds."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return read_integer(value.int_value)
    if value.double_value is not None:
        return read_double(value.double_value)
    return _read_json_container(value, depth)


def _read_json_container(value: JsonAnyValue, depth: int) -> Any:
    if value.array_value is not None or value.kvlist_value is not None:
        if depth >= MAX_DEPTH:
            return _CUT
        if value.array_value is not None:
            return [read_json_value(each, depth + 1) for each in (value.array_value.values or ())[:MAX_ELEMENTS]]
        pairs = (value.kvlist_value.values if value.kvlist_value else None) or ()
        return {each.key: read_json_value(each.value, depth + 1) for each in pairs[:MAX_ELEMENTS]}
    return value.bytes_value


def read_integer(value: Number | None) -> int:
    """Return a whole number written as a number or a text, 0 for what is none."""
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isdecimal() and digits.isascii() and len(digits) <= MAX_DIGITS else 0
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and abs(value) < 2**64 else 0
    return value if value is not None and abs(value) < 2**64 else 0


def read_double(value: Number | None) -> float | None:
    """Return a number that may be written as a text; None for NaN, infinity and what is no number."""
    try:
        number = float(value or 0.0)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
