"""Sentry envelopes, from bytes to items. Pure: no database, no HTTP.

An envelope is a line of JSON followed by items, each a line of JSON and a payload: as long as the line says, or else up
to the next line end. A broken item is refused by itself; where the frame is broken, what stood before it still counts.
Source: develop.sentry.dev/sdk/foundations/transport/envelopes, with the limits it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

MAX_HEADER_BYTES = 8 * 1024
MAX_ITEMS = 1_000
MAX_SEEN = 10_000
"""Items that are looked at, and counted: beyond that an envelope is not read on."""
MAX_SESSIONS = 100
MAX_COUNTED = 1_000
"""How many things one item can hold, as its header says: more is not believed."""

MIB = 1024 * 1024
MAX_ITEM_BYTES: dict[str, int] = {
    "event": MIB,
    "transaction": MIB,
    "span": MIB,
    "log": MIB,
    "feedback": MIB,
    "session": 100 * 1024,
    "sessions": MIB,
    "user_report": 100 * 1024,
    "raw_security": MIB,
    "check_in": 100 * 1024,
    "client_report": 4 * 1024,
}
DEFAULT_MAX_ITEM_BYTES = 20 * MIB

#: Every kind of item that SDKs are known to send, and what it is counted as.
SIGNALS: dict[str, str] = {
    "event": "errors",
    "transaction": "transactions",
    "span": "spans",
    "otel_span": "spans",
    "log": "logs",
    "otel_log": "logs",
    "session": "sessions",
    "sessions": "sessions",
    "feedback": "feedback",
    "user_report": "feedback",
    "check_in": "check_ins",
    "attachment": "attachments",
    "profile": "profiles",
    "profile_chunk": "profiles",
    "replay_event": "replays",
    "replay_recording": "replays",
    "replay_video": "replays",
    "raw_security": "security",
    "trace_metric": "points",
    "statsd": "points",
    "client_report": "client_reports",
}


_BLANK = re.compile(rb"\s*")


class EnvelopeInvalid(Exception):
    """Not an envelope; nothing of it was read."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its kind, its header and its payload. `count` is how many things it says it holds."""

    type: str
    header: dict[str, Any]
    payload: bytes
    count: int = 1

    @property
    def signal(self) -> str:
        """What it is counted as."""
        return SIGNALS.get(self.type, "other")


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an item is not taken. `is_size`: it is too large, rather than broken."""

    signal: str
    reason: str
    count: int = 1
    is_size: bool = False


@dataclass(slots=True)
class Envelope:
    """What an envelope held. `limited` are valid items beyond a number, by signal."""

    header: dict[str, Any]
    items: list[Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    limited: dict[str, int] = field(default_factory=dict)

    @property
    def event_id(self) -> str:
        """Return the id that the header gives the event, empty without one."""
        found = self.header.get("event_id")
        return found if isinstance(found, str) else ""


class _FrameBroken(Exception):
    """Where the next item begins can't be told."""


def parse_envelope(body: bytes) -> Envelope:
    """Return what a body holds. Raises EnvelopeInvalid when its first line is no JSON object."""
    line, place = _read_line(body, 0)
    header = _read_object(line)
    if header is None:
        raise EnvelopeInvalid(f"The first line is not a JSON object of at most {MAX_HEADER_BYTES} bytes.")
    envelope = Envelope(header)
    sessions = 0
    try:
        for number, item in enumerate(_read_items(body, place)):
            if number >= MAX_SEEN:
                raise _FrameBroken(f"an envelope with more than {MAX_SEEN} items")
            is_session = item.type == "session"
            sessions += is_session
            if (is_session and sessions > MAX_SESSIONS) or len(envelope.items) >= MAX_ITEMS:
                envelope.limited[item.signal] = envelope.limited.get(item.signal, 0) + item.count
            else:
                _keep(envelope, item)
    except _FrameBroken as error:
        envelope.refused.append(Refused("other", str(error)))
    return envelope


def read_dsn_key(body: bytes) -> str:
    """Return the key in the `dsn` of an envelope's header, empty without one."""
    header = _read_object(_read_line(body, 0)[0]) or {}
    dsn = header.get("dsn")
    if not isinstance(dsn, str) or "@" not in dsn:
        return ""
    return dsn.partition("://")[2].partition("@")[0].partition(":")[0]


def _keep(envelope: Envelope, item: Item) -> None:
    limit = MAX_ITEM_BYTES.get(item.type, DEFAULT_MAX_ITEM_BYTES)
    if len(item.payload) > limit:
        reason = f"an item of type {item.type} has {len(item.payload)} bytes; at most {limit} are taken"
        envelope.refused.append(Refused(item.signal, reason, item.count, is_size=True))
    else:
        envelope.items.append(item)


def _read_items(body: bytes, place: int) -> Iterator[Item]:
    """Yield the items from `place` on. Raises _FrameBroken."""
    while place < len(body):
        blank = _BLANK.match(body, place)
        place = blank.end() if blank else place
        if place >= len(body):
            return
        line, after = _read_line(body, place)
        header = _read_object(line)
        if header is None:
            raise _FrameBroken(f"the item header at byte {place} is not a JSON object")
        kind, length = header.get("type"), header.get("length")
        if not isinstance(kind, str) or not kind:
            raise _FrameBroken(f"the item header at byte {place} names no type")
        payload, place = _read_line(body, after, limit=None) if length is None else _read_exactly(body, after, length)
        yield Item(kind, header, payload, _count_in(header))


def _read_exactly(body: bytes, place: int, length: Any) -> tuple[bytes, int]:
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise _FrameBroken("an item's length is not a number of bytes")
    end = place + length
    if end > len(body):
        raise _FrameBroken("the body ends within an item")
    if end < len(body) and body[end] != 0x0A:
        raise _FrameBroken("an item is longer than its length says")
    return body[place:end], end + 1


def _read_line(body: bytes, place: int, *, limit: int | None = MAX_HEADER_BYTES) -> tuple[bytes, int]:
    """Return the line at `place` and where the next one begins; something that is no header if it is longer than `limit`."""
    end = body.find(b"\n", place, None if limit is None else place + limit + 1)
    if end >= 0:
        return body[place:end], end + 1
    if limit is not None and len(body) - place > limit:
        return b"[]", len(body)  # too long: no header
    return body[place:], len(body)


def _read_object(line: bytes) -> dict[str, Any] | None:
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _count_in(header: dict[str, Any]) -> int:
    count = header.get("item_count")
    return count if isinstance(count, int) and 1 <= count <= MAX_COUNTED else 1
