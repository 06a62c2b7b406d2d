"""Log records of OTLP, as lines. Pure.

A record that can't be read is refused by itself. Release and environment are what the resource says of its service.
Source: opentelemetry-proto, logs/v1/logs.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as Message

from monitoring.errors.scrubbing import ScrubRules
from monitoring.ingestion.otlp.exceptions import NAMES, Surroundings, make_exception_event
from monitoring.ingestion.otlp.values import (
    JsonAnyValue,
    JsonKeyValue,
    Number,
    read_integer,
    read_json_attributes,
    read_json_value,
    read_message_attributes,
    read_message_value,
)
from monitoring.ingestion.otlp.wire import Group
from monitoring.logs.records import LogRecord, make_record, name_severity

SHOWN_REASONS = 3
#: What of the resource stands beside a line.
_KEPT = ("service.name", "service.instance.id", "host.name", "k8s.pod.name", "container.name")
_LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warning", "error": "error", "fatal": "fatal"}


@dataclass(slots=True)
class ReadLogs:
    """What an export of logs holds: lines, error events (id and document) of those that tell of an exception, and what was refused."""

    lines: list[LogRecord] = field(default_factory=list)
    events: list[tuple[UUID, bytes]] = field(default_factory=list)
    refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count what can't be read, and why."""
        self.refused += count
        if reason not in self.reasons and len(self.reasons) < SHOWN_REASONS:
            self.reasons.append(reason)


class _JsonRecord(msgspec.Struct, rename="camel"):
    """A log record in JSON."""

    time_unix_nano: Number | None = None
    observed_time_unix_nano: Number | None = None
    severity_number: int | None = None
    severity_text: str | None = None
    body: JsonAnyValue | None = None
    attributes: list[JsonKeyValue] | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


@dataclass(slots=True)
class _Record:
    """A log record of either encoding."""

    nanoseconds: int
    severity: int
    severity_text: str
    body: Any
    attributes: dict[str, Any]
    trace_id: str
    span_id: str


class _Unreadable(Exception):
    """A record can't be read."""


_decoder = msgspec.json.Decoder(_JsonRecord)


def read_logs(
    groups: Sequence[Group],
    *,
    is_json: bool,
    application_id: int,
    received_at: datetime,
    rules: ScrubRules,
    body_key: bytes | None = None,
) -> ReadLogs:
    """Return the lines of an export; `body_key` tells it from others."""
    read = ReadLogs()
    for group in groups:
        if group.oversized:
            read.refuse("a log record is too large", group.oversized)
        for item in group.items:
            try:
                record = _read_json(item) if is_json else _read_message(item)
            except _Unreadable as error:
                read.refuse(str(error))
            else:
                _keep(read, record, group, (application_id, received_at, rules, body_key))
    return read


def _keep(
    read: ReadLogs, record: _Record, group: Group, common: tuple[int, datetime, ScrubRules, bytes | None]
) -> None:
    application_id, received_at, rules, body_key = common
    resource = group.resource
    beside = {name: resource[name] for name in _KEPT if name in resource}
    line = make_record(
        application_id=application_id,
        received_at=received_at,
        rules=rules,
        body=record.body if record.body is not None else record.attributes.get("exception.message"),
        at=_read_time(record.nanoseconds),
        severity=record.severity,
        severity_text=record.severity_text,
        logger=group.scope,
        release=resource.get("service.version"),
        environment=resource.get("deployment.environment.name") or resource.get("deployment.environment"),
        trace_id=record.trace_id,
        span_id=record.span_id,
        attributes={**record.attributes, **beside},
        # Without a time nothing tells a line sent again from one that happened again.
        body_key=body_key if record.nanoseconds > 0 else None,
    )
    read.lines.append(line)
    if not NAMES.isdisjoint(record.attributes):
        event = make_exception_event(
            record.attributes, _describe(line, record.attributes, resource), application_id=application_id
        )
        if event is not None:
            read.events.append(event)


def _describe(line: LogRecord, attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> Surroundings:
    return Surroundings(
        at=line.at,
        level=_LEVELS[name_severity(line.severity)],
        logger=line.logger,
        message=line.body,
        service=_text(resource.get("service.name")),
        server=_text(resource.get("host.name")),
        release=line.release,
        environment=line.environment,
        trace_id=line.trace_id,
        span_id=line.span_id,
        user_id=_text(attributes.get("user.id") or attributes.get("enduser.id")),
        language=_text(resource.get("telemetry.sdk.language")),
        attributes=line.attributes,
    )


def _read_message(item: bytes) -> _Record:
    try:
        message = Message.FromString(item)
    except DecodeError:
        raise _Unreadable("a log record is not valid protobuf") from None
    attributes = read_message_attributes(message.attributes)
    return _Record(
        message.time_unix_nano or message.observed_time_unix_nano,
        int(message.severity_number),
        message.severity_text,
        read_message_value(message.body),
        _name_event(attributes, message.event_name),
        message.trace_id.hex(),
        message.span_id.hex(),
    )


def _read_json(item: bytes) -> _Record:
    try:
        found = _decoder.decode(item)
    except RecursionError:
        raise _Unreadable("a log record is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Unreadable(f"a log record can't be read: {error}") from None
    return _Record(
        read_integer(found.time_unix_nano) or read_integer(found.observed_time_unix_nano),
        found.severity_number or 0,
        found.severity_text or "",
        read_json_value(found.body),
        _name_event(read_json_attributes(found.attributes), found.event_name or ""),
        found.trace_id or "",
        found.span_id or "",
    )


def _name_event(attributes: dict[str, Any], name: str) -> dict[str, Any]:
    return {**attributes, "event.name": name} if name else attributes


def _read_time(nanoseconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC) if nanoseconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
