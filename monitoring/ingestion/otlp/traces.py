"""Spans of OTLP, as drafts of what `ingestion.traces` reads, and the exceptions that they tell of. Pure.

A span that can't be read is refused by itself. Release and environment are what the resource says of its service.
Source: opentelemetry-proto, trace/v1/trace.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from monitoring.attributes import read_hex, write_text
from monitoring.errors.events import make_user_key
from monitoring.errors.scrubbing import ScrubRules
from monitoring.ingestion.otlp.exceptions import NAMES, Surroundings, make_exception_event
from monitoring.ingestion.otlp.values import (
    JsonKeyValue,
    Number,
    read_integer,
    read_json_attributes,
    read_message_attributes,
)
from monitoring.ingestion.otlp.wire import Group
from monitoring.ingestion.traces.cleaning import clean_attributes
from monitoring.ingestion.traces.drafts import Draft, Origin, SpanInvalid, read_times
from monitoring.ingestion.traces.reading import Found, read_drafts

SHOWN_REASONS = 3
MAX_EVENTS = 32
"""Exceptions of one span that are looked at."""
_NAME = 4_000
#: SpanKind, by its number.
_KINDS = ("", "internal", "server", "client", "producer", "consumer")
_ERROR = 2  # Status.StatusCode


@dataclass(slots=True)
class ReadTraces:
    """What an export of traces holds: records, error events (id and document), how many spans, and what was refused."""

    found: list[Found] = field(default_factory=list)
    events: list[tuple[UUID, bytes]] = field(default_factory=list)
    stored: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count what can't be read, and why."""
        self.refused += count
        if reason not in self.reasons and len(self.reasons) < SHOWN_REASONS:
            self.reasons.append(reason)


class _JsonStatus(msgspec.Struct):
    code: Number | None = None


class _JsonEvent(msgspec.Struct, rename="camel"):
    time_unix_nano: Number | None = None
    name: str | None = None
    attributes: list[JsonKeyValue] | None = None


class _JsonSpan(msgspec.Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: Number | None = None
    start_time_unix_nano: Number | None = None
    end_time_unix_nano: Number | None = None
    attributes: list[JsonKeyValue] | None = None
    events: list[_JsonEvent] | None = None
    status: _JsonStatus | None = None


@dataclass(slots=True)
class _Span:
    """A span of either encoding; events as (nanoseconds, attributes)."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start: int
    end: int
    attributes: dict[str, Any]
    events: list[tuple[int, dict[str, Any]]]
    status: int


_decoder = msgspec.json.Decoder(_JsonSpan)


def read_traces(
    groups: Sequence[Group], *, is_json: bool, application_id: int, received_at: datetime, rules: ScrubRules
) -> ReadTraces:
    """Return what an export holds. Spans of one resource are read together: a query's request may be of another scope."""
    read = ReadTraces()
    resources: dict[int, tuple[Origin, Mapping[str, Any], list[Draft]]] = {}
    for group in groups:
        resource = group.resource
        if id(resource) not in resources:
            origin = _make_origin(resource, application_id=application_id, received_at=received_at, rules=rules)
            resources[id(resource)] = origin, resource, []
        if group.oversized:
            read.refuse("a span is too large", group.oversized)
        origin, _, drafts = resources[id(resource)]
        for item in group.items:
            try:
                span = _read_json(item) if is_json else _read_message(item)
                drafts.append(_make_draft(span, origin))
            except SpanInvalid as error:
                read.refuse(str(error))
            else:
                read.events += _find_exceptions(span, origin, resource)
    for origin, _, drafts in resources.values():
        read.found.append(read_drafts(drafts, origin))
        read.stored += len(drafts)
    return read


def _make_origin(
    resource: Mapping[str, Any], *, application_id: int, received_at: datetime, rules: ScrubRules
) -> Origin:
    environment = resource.get("deployment.environment.name") or resource.get("deployment.environment")
    return Origin(
        application_id=application_id,
        received_at=received_at,
        rules=rules,
        service=write_text(resource.get("service.name"), 200),
        release=write_text(resource.get("service.version"), 200),
        environment=write_text(environment, 64),
    )


def _make_draft(span: _Span, origin: Origin) -> Draft:
    trace_id, span_id = read_hex(span.trace_id, 32), read_hex(span.span_id, 16)
    if not trace_id or not span_id:
        raise SpanInvalid("a span has no trace id or no span id")
    started_at, duration = read_times(
        span.start / 1e9 if span.start > 0 else None,
        (span.end - span.start) / 1e9 if span.end > 0 else None,
        received_at=origin.received_at,
    )
    kind = _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else ""
    return Draft(
        trace_id=trace_id,
        span_id=span_id,
        parent_id=read_hex(span.parent_id, 16),
        started_at=started_at,
        duration=duration,
        name=write_text(span.name, _NAME) or "(unnamed)",
        kind=kind or "internal",
        failed=span.status == _ERROR,
        is_entry=kind in {"server", "consumer"},
        attributes=span.attributes,
        user_key=_find_user(span.attributes),
    )


def _find_user(attributes: Mapping[str, Any]) -> bytes | None:
    named = {"id": ("user.id", "enduser.id"), "email": ("user.email",), "username": ("user.name",)}
    said = {
        name: write_text(next((value for key in keys if (value := attributes.get(key))), ""), 200)
        for name, keys in named.items()
    }
    return make_user_key(said)


def _find_exceptions(span: _Span, origin: Origin, resource: Mapping[str, Any]) -> list[tuple[UUID, bytes]]:
    found = []
    for nanoseconds, attributes in span.events[:MAX_EVENTS]:
        if NAMES.isdisjoint(attributes):
            continue
        event = make_exception_event(
            attributes,
            Surroundings(
                at=_read_time(nanoseconds) or origin.received_at,
                service=origin.service,
                server=write_text(resource.get("host.name"), 200),
                release=origin.release,
                environment=origin.environment,
                trace_id=read_hex(span.trace_id, 32),
                span_id=read_hex(span.span_id, 16),
                user_id=write_text(span.attributes.get("user.id") or span.attributes.get("enduser.id"), 200),
                language=write_text(resource.get("telemetry.sdk.language"), 30),
                attributes=clean_attributes(span.attributes, origin.rules),
            ),
            application_id=origin.application_id,
        )
        if event is not None:
            found.append(event)
    return found


def _read_message(item: bytes) -> _Span:
    try:
        message = Message.FromString(item)
    except DecodeError:
        raise SpanInvalid("a span is not valid protobuf") from None
    return _Span(
        message.trace_id.hex(),
        message.span_id.hex(),
        message.parent_span_id.hex(),
        message.name,
        int(message.kind),
        int(message.start_time_unix_nano),
        int(message.end_time_unix_nano),
        read_message_attributes(message.attributes),
        [
            (int(event.time_unix_nano), read_message_attributes(event.attributes))
            for event in message.events[:MAX_EVENTS]
        ],
        int(message.status.code),
    )


def _read_json(item: bytes) -> _Span:
    try:
        found = _decoder.decode(item)
    except RecursionError:
        raise SpanInvalid("a span is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SpanInvalid(f"a span can't be read: {error}") from None
    events = (found.events or [])[:MAX_EVENTS]
    return _Span(
        found.trace_id or "",
        found.span_id or "",
        found.parent_span_id or "",
        found.name or "",
        read_integer(found.kind),
        read_integer(found.start_time_unix_nano),
        read_integer(found.end_time_unix_nano),
        read_json_attributes(found.attributes),
        [(read_integer(event.time_unix_nano), read_json_attributes(event.attributes)) for event in events],
        read_integer(found.status.code) if found.status else 0,
    )


def _read_time(nanoseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
