"""Ids as they come in addresses and forms."""

from __future__ import annotations

MAX_DIGITS = 18
"""An id of more digits would not fit into the database's integers."""


def read_id(text: object) -> int:
    """Return the id that a text is; 0, which no row has, if it is none."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= MAX_DIGITS else 0
