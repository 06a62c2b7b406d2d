"""Naming one value inside a JSON document: `status`, `checks.database`, `nodes[0].name`, `["a key.with dots"]`. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAX_PATH_CHARACTERS = 200
EXAMPLE = 'Write it like status, checks.database or nodes[0].name; a name with dots or blanks like ["a.b"].'

_STEP = re.compile(r'\.?(?P<name>[^\s.\[\]"]+)|\[(?P<index>-?\d{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]')

Step = str | int


class NothingThere(Exception):
    """The document has no value at the path."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path; raise ValueError with examples for anything else. `$` at the start is allowed."""
    rest = text.strip().removeprefix("$")
    if not rest or len(rest) > MAX_PATH_CHARACTERS:
        raise ValueError(EXAMPLE)
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None or (position and match["name"] is not None and rest[position] != "."):
            raise ValueError(EXAMPLE)
        steps.append(_read_step(match))
        position = match.end()
    return tuple(steps)


def find_value(document: Any, steps: tuple[Step, ...]) -> Any:
    """Return the value at a path; raise NothingThere."""
    for step in steps:
        if not isinstance(document, list if isinstance(step, int) else dict):
            raise NothingThere
        try:
            document = document[step]  # type: ignore[index]  # its kind was just compared with the step's
        except LookupError:
            raise NothingThere from None
    return document


def is_value(value: Any, expected: str) -> bool:
    """Say whether a value is what was written: `true`, `null`, `3` and `"3"` as in JSON; plain words are text."""
    try:
        wanted = msgspec.json.decode(expected)
    except msgspec.DecodeError:
        wanted = expected
    if isinstance(wanted, bool) or isinstance(value, bool):
        return value is wanted
    return bool(value == wanted)


def _read_step(match: re.Match[str]) -> Step:
    if match["index"] is not None:
        return int(match["index"])
    if match["quoted"] is not None:
        try:
            return str(msgspec.json.decode(match["quoted"]))
        except msgspec.DecodeError as error:
            raise ValueError(EXAMPLE) from error
    return match["name"]
