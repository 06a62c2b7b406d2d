"""What an HTTP answer has to be like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import re2

from monitoring.uptime.json_path import NothingThere, find_value, is_value, parse_path

DEFAULT_STATUSES = "200-299"
MAX_PATTERN_CHARACTERS = 1000
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Expectations:
    """What an answer must fulfil, all of it; empty parts ask for nothing.

    `statuses` like "200-299, 401". `header_value` empty: the header only has to be there. `json_value` empty: the path
    only has to lead somewhere.
    """

    statuses: str = DEFAULT_STATUSES
    header_name: str = ""
    header_value: str = ""
    body_contains: str = ""
    body_pattern: str = ""
    json_path: str = ""
    json_value: str = ""

    @property
    def need_body(self) -> bool:
        """Whether the body has to be read as text."""
        return bool(self.body_contains or self.body_pattern or self.json_path)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `headers` by lower-case name; `is_cut`: the body is longer than what was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    is_cut: bool = False


def find_fault(answer: Answer, expected: Expectations) -> str:
    """Return the first thing that is not as expected, in words, or an empty text."""
    if not is_expected_status(answer.status, expected.statuses):
        return f"Answered {answer.status} instead of {expected.statuses}."
    return _fault_in_header(answer, expected) or _fault_in_body(answer, expected)


def parse_statuses(text: str) -> list[tuple[int, int]]:
    """Return ranges of status codes, both ends included; raise ValueError with an example."""
    ranges = []
    for part in text.replace(";", ",").split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        last = last if dash else first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            raise ValueError("Write it like 200-299 or 200, 204, 401.")
        if not 100 <= int(first) <= int(last) <= 599:
            raise ValueError("Statuses go from 100 to 599.")
        ranges.append((int(first), int(last)))
    return ranges


def is_expected_status(status: int, statuses: str) -> bool:
    """Say whether a status is among those written."""
    return any(first <= status <= last for first, last in parse_statuses(statuses))


def check_pattern(pattern: str) -> None:
    """Raise ValueError unless the pattern is a regular expression of RE2 (linear time, so no look-around)."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise ValueError(f"It has more than {MAX_PATTERN_CHARACTERS} characters.")
    try:
        _compile(pattern)
    except re2.error as error:
        raise ValueError(f"It is not a regular expression that can be used: {_words(error)}.") from error


def shorten(text: str) -> str:
    """Return text for a reason: one line, not long."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[: SHOWN_CHARACTERS - 1]}…"


def _fault_in_header(answer: Answer, expected: Expectations) -> str:
    if not expected.header_name:
        return ""
    found = answer.headers.get(expected.header_name.lower())
    if found is None:
        return f"The header {expected.header_name} is missing."
    if expected.header_value and expected.header_value.lower() not in found.lower():
        return f"The header {expected.header_name} does not contain “{shorten(expected.header_value)}”."
    return ""


def _fault_in_body(answer: Answer, expected: Expectations) -> str:
    if not expected.need_body:
        return ""
    text = answer.body.decode("utf-8", "replace")
    part = " in its first part" if answer.is_cut else ""
    if expected.body_contains and expected.body_contains not in text:
        return f"The answer does not contain “{shorten(expected.body_contains)}”{part}."
    if expected.body_pattern and _compile(expected.body_pattern).search(text) is None:
        return f"The answer does not match {shorten(expected.body_pattern)}{part}."
    return _fault_in_json(answer, expected)


def _fault_in_json(answer: Answer, expected: Expectations) -> str:
    if not expected.json_path:
        return ""
    if answer.is_cut:
        return "The answer is too large to be read as JSON."
    try:
        value = find_value(msgspec.json.decode(answer.body), parse_path(expected.json_path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "The answer is not JSON."
    except NothingThere:
        return f"The answer has nothing at {expected.json_path}."
    if expected.json_value and not is_value(value, expected.json_value):
        return f"{expected.json_path} is not {shorten(expected.json_value)}."
    return ""


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 4 << 20
    return re2.compile(pattern, options)


def _words(error: Exception) -> str:
    text = error.args[0] if error.args else ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
