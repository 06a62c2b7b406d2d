"""Alertmanager's matchers; other rooms use them too, so they stand in config/matchers.py. Pure."""

from __future__ import annotations

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
    "write_matchers",
]
