"""Which events are the same problem. Pure.

An event's group is found by, in this order: the client's own fingerprint; the frames of the application's own code; type
and message of the exception, with what varies left out; the message alone. The algorithm has a version. When it changes,
events are looked up under the earlier versions too, so that no known issue is split (see services/digesting.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitoring.errors.events import ErrorData, ExceptionRecord, Frame
from monitoring.errors.parameters import parameterise

DEFAULT_MARKS = frozenset({"{{ default }}", "{{default}}"})
MAX_SHOWN_PARTS = 60

#: Hashes of bundlers: hexadecimal, or eight characters of which one shows that they are no word (Vite, Rollup).
_HASH_IN_NAME = re.compile(
    r"[-.~][0-9a-fA-F]{6,64}(?=\.[a-z]{2,4}$|[-.])|(?<=chunk-)[\w-]{6,}"
    r"|[-.](?=[^.]*[0-9_]|[^.]+[A-Z])[A-Za-z0-9_-]{8}(?=\.(?:[cm]?js|css)$)"
)
_VARYING_IN_FUNCTION = re.compile(r"0x[0-9a-fA-F]+|\$\$Lambda\S*|(?<=lambda)\$?\d+|(?<=\$)\d+|(?<=@)[0-9a-f]{6,}")
_VERSION_IN_PATH = re.compile(r"(?<=[/@-])v?\d+\.\d+(?:\.\d+)*(?=/)")
_NO_NAME = frozenset({"", "?", "<anonymous>", "anonymous", "<unknown>", "<lambda>", "{closure}"})


@dataclass(frozen=True, slots=True)
class Grouping:
    """Why an event belongs where it does: `kind` in one word, `parts` for people to read, 16 bytes to look up by."""

    version: int
    kind: str
    parts: tuple[str, ...]
    hash: bytes


def list_groupings(event: ErrorData) -> list[Grouping]:
    """Return the group of an event by every version, the present one first."""
    return [ALGORITHMS[version](event) for version in sorted(ALGORITHMS, reverse=True)]


def _group_v1(event: ErrorData) -> Grouping:
    if event.fingerprint and not set(event.fingerprint) <= DEFAULT_MARKS:
        parts: list[str] = []
        for part in event.fingerprint:
            parts += _find_default(event)[1] if part in DEFAULT_MARKS else [part]
        return _make(1, "fingerprint", parts)
    return _make(1, *_find_default(event))


def _find_default(event: ErrorData) -> tuple[str, list[str]]:
    chain = [part for exception in event.exceptions for part in _describe_exception(exception)]
    if any(exception.frames for exception in event.exceptions):
        return "stack", chain
    if any(exception.type or exception.value for exception in event.exceptions):
        return "exception", chain
    text = event.template or parameterise(event.message)
    if text:
        return "message", [f"message {text}"]
    if event.frames:
        return "stack", [_describe_frame(frame) for frame in _choose_frames(event.frames)]
    return "nothing", [f"level {event.level}", f"in {event.culprit or 'unknown'}"]


def _describe_exception(exception: ExceptionRecord) -> list[str]:
    frames = [_describe_frame(frame) for frame in _choose_frames(exception.frames)]
    if frames:
        return [f"type {exception.type}", *frames]
    return [f"type {exception.type}", f"message {parameterise(exception.value)}"]


def _choose_frames(frames: Sequence[Frame]) -> list[Frame]:
    """Return the application's own frames, all of them if none is marked; repetitions by recursion only once."""
    own = [frame for frame in frames if frame.in_app] or list(frames)
    kept: list[Frame] = []
    for frame in own:
        if not kept or (kept[-1].place, kept[-1].function) != (frame.place, frame.function):
            kept.append(frame)
    return kept


def _describe_frame(frame: Frame) -> str:
    where = frame.module or _clean_path(frame.filename or frame.path)
    function = _VARYING_IN_FUNCTION.sub("", frame.function.strip())
    if function in _NO_NAME:
        # Without a name the line of code says more; line numbers never count, they move with every edit.
        function = frame.context_line.strip()[:200] or function
    return f"{where} in {function}" if function else where


def _clean_path(path: str) -> str:
    """Return a path without what a deployment changes: host, query, versions, hashes of bundlers."""
    if "://" in path:
        path = path.partition("://")[2].partition("/")[2]
    path = path.partition("?")[0].replace("\\", "/")
    return _HASH_IN_NAME.sub("", _VERSION_IN_PATH.sub("", path))


def _make(version: int, kind: str, parts: Sequence[str]) -> Grouping:
    digest = hashlib.blake2b(json.dumps([version, *parts]).encode(), digest_size=16).digest()
    return Grouping(version, kind, tuple(parts[-MAX_SHOWN_PARTS:]), digest)


#: Every version there ever was. A new one is added under the next number; the old ones stay as they are.
ALGORITHMS: dict[int, Callable[[ErrorData], Grouping]] = {1: _group_v1}
