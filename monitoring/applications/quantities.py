"""Amounts as people write them: "100 Mbit/s", "50 GB". Pure."""

from __future__ import annotations

import re

_AMOUNT = re.compile(r"^\s*([0-9]+(?:[.,][0-9]+)?)\s*([A-Za-zµ/]*)\s*$")
_BITS_PER_SECOND = {
    "bit/s": 1,
    "kbit/s": 10**3,
    "mbit/s": 10**6,
    "gbit/s": 10**9,
    "kbps": 10**3,
    "mbps": 10**6,
    "gbps": 10**9,
}
_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}


def parse_bandwidth(text: str) -> int:
    """Return bytes per second of "100 Mbit/s", "1 Gbps" or "12.5 MB/s"; raise ValueError with an example otherwise."""
    number, unit = _split(text, example="100 Mbit/s")
    if unit in _BITS_PER_SECOND:
        return round(number * _BITS_PER_SECOND[unit] / 8)
    per_second = unit.removesuffix("/s")
    if unit.endswith("/s") and per_second in _BYTES:
        return round(number * _BYTES[per_second])
    raise ValueError(f"“{text}” has no unit we know. Write it like 100 Mbit/s or 12.5 MB/s.")


def parse_storage(text: str) -> int:
    """Return bytes of "50 GB" or "1.5 TiB"; raise ValueError with an example otherwise."""
    number, unit = _split(text, example="50 GB")
    if unit not in _BYTES:
        raise ValueError(f"“{text}” has no unit we know. Write it like 50 GB.")
    return round(number * _BYTES[unit])


def write_bandwidth(bytes_per_second: int) -> str:
    """Return 12_500_000 as "100 Mbit/s"; parse_bandwidth reads it back exactly."""
    bits = bytes_per_second * 8
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bits % size == 0:
            return f"{bits // size} {unit}"
    return f"{bits} bit/s"


def write_storage(size_bytes: int) -> str:
    """Return 50_000_000_000 as "50 GB"; parse_storage reads it back exactly."""
    for unit in ("TiB", "GiB", "MiB", "TB", "GB", "MB", "KiB", "kB"):
        size = _BYTES[unit.lower()]
        if size_bytes % size == 0:
            return f"{size_bytes // size} {unit}"
    return f"{size_bytes} B"


def _split(text: str, *, example: str) -> tuple[float, str]:
    match = _AMOUNT.match(text)
    if match is None or float(match[1].replace(",", ".")) <= 0:
        raise ValueError(f"“{text}” is not an amount. Write it like {example}.")
    return float(match[1].replace(",", ".")), match[2].lower()
