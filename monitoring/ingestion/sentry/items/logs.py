"""Log lines as SDKs send them: many in one item, with typed attributes.

Exceptions are not looked for in them: the SDK that logs one also reports it, as an event.
Source: develop.sentry.dev/sdk/telemetry/logs.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from monitoring.errors.scrubbing import ScrubRules
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.sentry.envelopes import Item, Refused
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, read_object
from monitoring.logs.records import LogRecord, make_record
from monitoring.repetitions import make_body_key

MAX_LINES = 1_000
#: Attributes that have a column of their own.
_RELEASE, _ENVIRONMENT, _TEMPLATE, _LOGGER, _SPAN = (
    "sentry.release",
    "sentry.environment",
    "sentry.message.template",
    "logger.name",
    "sentry.trace.parent_span_id",
)
_OWN = frozenset({_RELEASE, _ENVIRONMENT, _TEMPLATE, _LOGGER, _SPAN})


def take_logs(received: Received, item: Item, context: Context) -> None:
    """Take the lines of an item; those that can't be read are refused by themselves, those beyond MAX_LINES limited.

    The same bytes within an hour are one sending that came twice: each line has its time and its trace.
    """
    lines = _read_lines(item.payload)
    rules = read_rules()
    key = make_body_key(b"logs", item.payload)
    for line in lines[:MAX_LINES]:
        if isinstance(line, dict):
            received.batch.add(_read_line(line, context, rules, key), signal="logs")
        else:
            received.refuse(Refused("logs", "a log line is not a JSON object"))
    if len(lines) > MAX_LINES:
        received.batch.account.add("logs", "limited", len(lines) - MAX_LINES)


def _read_lines(payload: bytes) -> list[Any]:
    lines = read_object(payload).get("items")
    if not isinstance(lines, list):
        raise ItemInvalid('log lines come as {"items": [...]}')
    return lines


def _read_line(line: dict[str, Any], context: Context, rules: ScrubRules, key: bytes) -> LogRecord:
    raw = line.get("attributes")
    attributes = {name: _value(each) for name, each in raw.items()} if isinstance(raw, dict) else {}
    number = line.get("severity_number")
    return make_record(
        application_id=context.application_id,
        received_at=context.received_at,
        rules=rules,
        body=line.get("body"),
        at=_read_time(line.get("timestamp")),
        severity=number if isinstance(number, int) and not isinstance(number, bool) else 0,
        severity_text=line.get("level"),
        template=attributes.get(_TEMPLATE),
        logger=attributes.get(_LOGGER),
        release=attributes.get(_RELEASE),
        environment=attributes.get(_ENVIRONMENT),
        trace_id=line.get("trace_id"),
        span_id=line.get("span_id") or attributes.get(_SPAN),
        attributes={name: each for name, each in attributes.items() if name not in _OWN},
        body_key=key,
    )


def _value(attribute: Any) -> Any:
    return attribute.get("value") if isinstance(attribute, dict) else attribute


def _read_time(value: Any) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
