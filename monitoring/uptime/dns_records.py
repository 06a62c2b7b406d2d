"""What a name has to lead to in DNS. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_VALUES = 50
MAX_NAME_CHARACTERS = 253


class RecordType(StrEnum):
    """Kinds of records that can be asked for."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    MX = "MX"
    TXT = "TXT"
    NS = "NS"


class RecordMatch(StrEnum):
    """How found values are compared with expected ones."""

    CONTAINS = "contains"
    EQUALS = "equals"

    @property
    def label(self) -> str:
        """What people read."""
        return "holds each of these" if self is RecordMatch.CONTAINS else "is exactly these"


RECORD_TYPE_CHOICES = [(each.value, each.value) for each in RecordType]
RECORD_MATCH_CHOICES = [(each.value, each.label) for each in RecordMatch]
#: Types whose values are names: letter case and a last dot make no difference.
_NAMES = frozenset({RecordType.CNAME, RecordType.MX, RecordType.NS})


@dataclass(frozen=True, slots=True)
class RecordWish:
    """What is asked and what it has to answer. `values` one a line, empty: any record will do.

    `resolver` is host or host:port of the server that is asked, empty: the system's own.
    """

    record_type: str = RecordType.A
    values: str = ""
    match: str = RecordMatch.CONTAINS
    resolver: str = ""


def parse_name(text: str) -> str:
    """Return the name that is asked for, without a last dot; raise ValueError with an example."""
    name = text.strip().rstrip(".")
    try:
        encoded = name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError as error:
        raise ValueError("It is not a name that DNS can hold.") from error
    labels = encoded.split(".")
    is_sound = all(0 < len(label) < 64 and not set(label) & set(" \t/:@?#\\\"'()[]") for label in labels)
    if not is_sound or len(encoded) > MAX_NAME_CHARACTERS or not encoded.isprintable():
        raise ValueError("Write it like erp.example.com.")
    return encoded


def parse_values(record_type: str, text: str) -> list[str]:
    """Return expected values in the form that found ones are compared in; raise ValueError for what can't be one."""
    values = [line.strip() for line in text.splitlines() if line.strip()]
    if len(values) > MAX_VALUES:
        raise ValueError(f"It has more than {MAX_VALUES} values.")
    return [normalise(record_type, value) for value in values]


def normalise(record_type: str, value: str) -> str:
    """Return a value as it is compared; raise ValueError for an address that is none."""
    if record_type in {RecordType.A, RecordType.AAAA}:
        version = 4 if record_type == RecordType.A else 6
        try:
            address = ipaddress.ip_address(value)
        except ValueError as error:
            raise ValueError(f"“{value}” is not an IP address.") from error
        if address.version != version:
            raise ValueError(f"“{value}” is not an IPv{version} address, which {record_type} records hold.")
        return str(address)
    return value.lower().rstrip(".") if record_type in _NAMES else value


def find_record_fault(found: Iterable[str], wish: RecordWish) -> str:
    """Return what is not as expected, in words, or an empty text.

    An MX record may be expected with or without its preference: “10 mail.example.com” or “mail.example.com”. Of a TXT
    record a part is enough to hold it.
    """
    expected = parse_values(wish.record_type, wish.values)
    values = {normalise(wish.record_type, value) for value in found}
    missing = [value for value in expected if not _is_held(value, values, wish)]
    if missing:
        return f"The {wish.record_type} records lack “{_shorten(missing[0])}”."
    if expected and wish.match == RecordMatch.EQUALS and not all(_is_wished(value, expected, wish) for value in values):
        return f"There are other {wish.record_type} records than the expected ones."
    return ""


def _is_held(expected: str, values: set[str], wish: RecordWish) -> bool:
    if wish.record_type == RecordType.TXT and wish.match == RecordMatch.CONTAINS:
        return any(expected in value for value in values)
    return any(_is_same(expected, value, wish) for value in values)


def _is_wished(value: str, expected: list[str], wish: RecordWish) -> bool:
    return any(_is_same(each, value, wish) for each in expected)


def _is_same(expected: str, value: str, wish: RecordWish) -> bool:
    if wish.record_type == RecordType.MX and " " not in expected:
        return value.partition(" ")[2] == expected
    return value == expected


def _shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
