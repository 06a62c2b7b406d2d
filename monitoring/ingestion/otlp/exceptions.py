"""Exceptions that programs write into logs and spans, as error events. Pure.

Whoever uses OpenTelemetry alone so gets issues too. The same exception in the log and in the span, or sent again, is one event.
Source: opentelemetry.io/docs/specs/semconv/exceptions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from monitoring.errors.stack_texts import read_stack_text

MAX_STACK = 64 * 1024
_TYPE, _MESSAGE, _STACK, _ESCAPED = "exception.type", "exception.message", "exception.stacktrace", "exception.escaped"
#: Languages of OpenTelemetry's SDKs that event documents call otherwise.
_PLATFORMS = {"nodejs": "node", "webjs": "javascript", "dotnet": "csharp", "cpp": "native", "erlang": "elixir"}
NAMES = frozenset({_TYPE, _MESSAGE, _STACK, _ESCAPED})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around an exception; empty texts: not said."""

    at: datetime
    level: str = "error"
    logger: str = ""
    message: str = ""
    service: str = ""
    server: str = ""
    release: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    user_id: str = ""
    language: str = ""
    attributes: Mapping[str, Any] | None = None


def make_exception_event(
    attributes: Mapping[str, Any], around: Surroundings, *, application_id: int
) -> tuple[UUID, bytes] | None:
    """Return the id and the JSON of the event for attributes that tell of an exception, None if they don't.

    The id is made of what happened: within one span the same exception is one event.
    """
    kind, value = _text(attributes.get(_TYPE), 200), _text(attributes.get(_MESSAGE), 8_000)
    stack = _text(attributes.get(_STACK), MAX_STACK)
    if not kind and not value:
        return None
    read = read_stack_text(stack)
    exception: dict[str, Any] = {"type": kind or "Error", "value": value}
    if read.frames:
        exception["stacktrace"] = {"frames": read.frames}
    if attributes.get(_ESCAPED) in (True, "true", "True"):
        exception["mechanism"] = {"type": "opentelemetry", "handled": False}
    document: dict[str, Any] = {
        "timestamp": around.at.timestamp(),
        "level": around.level,
        "platform": _PLATFORMS.get(around.language, around.language) or read.platform or "other",
        "exception": {"values": [exception]},
        "tags": {name: text for name, text in (("service", around.service),) if text},
        "extra": {name: held for name, held in (around.attributes or {}).items() if name not in NAMES},
    }
    texts = {
        "logger": around.logger,
        "message": around.message if around.message != value else "",
        "server_name": around.server,
        "release": around.release,
        "environment": around.environment,
    }
    document |= {name: text for name, text in texts.items() if text}
    if stack and not read.frames:
        document["extra"]["stacktrace"] = stack
    if around.user_id:
        document["user"] = {"id": around.user_id}
    if around.trace_id:
        document["contexts"] = {"trace": {"trace_id": around.trace_id, "span_id": around.span_id}}
    return _make_id(application_id, kind, value, around), msgspec.json.encode(document)


def _make_id(application_id: int, kind: str, value: str, around: Surroundings) -> UUID:
    where = f"{around.trace_id}/{around.span_id}" if around.span_id else around.at.isoformat()
    parts = "\x00".join([str(application_id), where, kind, value])
    return UUID(bytes=hashlib.blake2b(parts.encode("utf-8", "replace"), digest_size=16).digest())


def _text(value: Any, limit: int) -> str:
    return value.replace("\x00", "")[:limit].encode("utf-8", "replace").decode() if isinstance(value, str) else ""
