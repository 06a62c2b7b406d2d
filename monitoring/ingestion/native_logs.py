"""Log lines as plain JSON, as loggers write them (Monolog's JSON format among them). No database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitoring.errors.scrubbing import ScrubRules
from monitoring.ingestion.items import ItemBatch, ItemRefused, decode_items
from monitoring.ingestion.times import is_number, read_time
from monitoring.logs.records import LogRecord, make_record, read_severity

#: What a message, a level and so on are called, by whom; the first that is there counts.
MESSAGE = ("message", "body", "msg")
LEVEL = ("severity", "level_name", "level", "levelname")
LOGGER = ("logger", "channel", "name")
TIME = ("timestamp", "datetime", "time", "asctime")
_STEPS = ((50, "fatal"), (40, "error"), (30, "warn"), (20, "info"))
ATTRIBUTES = ("attributes", "context", "extra", "tags")


def decode_logs(body: bytes, *, application_id: int, received_at: datetime, rules: ScrubRules) -> ItemBatch:
    """Return the lines of a body: one, {"logs": [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    return decode_items(
        body,
        member="logs",
        signal="logs",
        application_id=application_id,
        read=lambda told: _read(told, application_id, received_at, rules),
    )


def _read(told: Mapping[str, Any], application_id: int, received_at: datetime, rules: ScrubRules) -> LogRecord:
    message = _find(told, MESSAGE)
    if message in (None, ""):
        raise ItemRefused("message", "is missing: say what happened")
    attributes: dict[str, Any] = {}
    for name in ATTRIBUTES:
        if isinstance(told.get(name), dict):
            attributes |= told[name]
    return make_record(
        application_id=application_id,
        received_at=received_at,
        rules=rules,
        body=message,
        at=read_time(_find(told, TIME)),
        severity=_read_level(told),
        template=told.get("template") or "",
        logger=_find(told, LOGGER) or "",
        release=told.get("release") or "",
        environment=told.get("environment") or "",
        trace_id=told.get("trace_id") or "",
        span_id=told.get("span_id") or "",
        attributes=attributes,
    )


def _read_level(told: Mapping[str, Any]) -> int:
    """Return OpenTelemetry's number of a level: of a word, or of a logging library's number.

    Python counts in tens to 50, Monolog in hundreds to 600; OpenTelemetry's own numbers come as `severity_number`.
    Source: docs.python.org/3/library/logging.html, github.com/Seldaek/monolog (Level).
    """
    number = told.get("severity_number")
    if is_number(number) and 1 <= number <= 24:
        return int(number)
    level = _find(told, LEVEL)
    if not is_number(level):
        return read_severity(level)
    scaled = level / 10 if level >= 100 else level
    return read_severity(next((name for least, name in _STEPS if scaled >= least), "debug"))


def _find(told: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((told[name] for name in names if told.get(name) not in (None, "")), None)
