"""Alertmanager's matchers; other rooms use them too, so they stand in config/matchers.py. Pure."""

from __future__ import annotations

from functools import lru_cache

from config.matchers import (
    MAX_MATCHERS,
    MAX_TEXT_LENGTH,
    MAX_VALUE_LENGTH,
    OPERATORS,
    Matcher,
    MatcherInvalid,
    Operator,
    matches,
    parse_matchers,
    write_matchers,
)

__all__ = [
    "MAX_MATCHERS",
    "MAX_TEXT_LENGTH",
    "MAX_VALUE_LENGTH",
    "OPERATORS",
    "Matcher",
    "MatcherInvalid",
    "Operator",
    "matches",
    "parse_matchers",
    "parse_remembered",
    "write_matchers",
]

_MAX_REMEMBERED_TEXT = 500
#: Of the thousands of texts of a turn hardly one is another than 5 s before, and reading 10,000 takes most of a second.
_parse_again = lru_cache(maxsize=20_000)(parse_matchers)


def parse_remembered(text: str) -> tuple[Matcher, ...]:
    """Return what parse_matchers does, for what is read over and over: remembered, unless it is long."""
    return _parse_again(text) if len(text) <= _MAX_REMEMBERED_TEXT else parse_matchers(text)
