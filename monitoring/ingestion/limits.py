"""Limits by kind as an operator writes them. Pure but for the words of the loss account."""

from __future__ import annotations

import functools

from monitoring.losses.enums import Signal


class LimitsInvalid(ValueError):
    """Limits that can't be read; the text says which and why."""


@functools.lru_cache(maxsize=8)
def read_limits(written: tuple[str, ...]) -> dict[str, int]:
    """Return how many things of a kind a minute may bring, by signal, of `kind=number`. Raises LimitsInvalid."""
    limits = {}
    for one in written:
        kind, _, number = (part.strip() for part in one.partition("="))
        if kind not in Signal.values or kind == Signal.CLIENT_REPORTS:
            kinds = ", ".join(value for value in Signal.values if value != Signal.CLIENT_REPORTS)
            raise LimitsInvalid(f"{one!r} names no kind; kinds are {kinds}.")
        if not (number.isascii() and number.isdigit() and int(number) >= 1):
            raise LimitsInvalid(f"{one!r} has no number of 1 or more after the =.")
        limits[kind] = int(number)
    return limits
