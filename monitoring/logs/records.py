"""Log lines on their way in: what every adapter produces and the store takes. Pure.

Adapters give what they read to `make_record`, which bounds and scrubs it. Severities are OpenTelemetry's numbers, 1 to 24.
Source: opentelemetry.io/docs/specs/otel/logs/data-model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitoring.errors.scrubbing import FILTERED, ScrubRules, scrub, truncate_ip

MAX_BODY, MAX_TEMPLATE, MAX_LOGGER, MAX_RELEASE, MAX_ENVIRONMENT = 8_000, 1_000, 200, 200, 64
MAX_ATTRIBUTES, MAX_NAME, MAX_VALUE = 64, 100, 2_000
MAX_AGE, MAX_AHEAD = timedelta(days=7), timedelta(minutes=10)

FIRST_NUMBER = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
_NUMBERS = {
    **FIRST_NUMBER,
    "warning": 13,
    "notice": 10,
    "critical": 21,
    "alert": 22,
    "emergency": 23,
    "err": 17,
    "log": 9,
}
_NAMES = tuple(FIRST_NUMBER)
_ADDRESSES = frozenset(
    {"client.address", "client.ip", "source.address", "http.client_ip", "net.peer.ip", "net.sock.peer.addr",
     "network.peer.address", "user.ip", "user.ip_address"}
)  # fmt: skip
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line. `template` is the message before its parameters were filled in; empty texts: not said.

    `body_key` tells a body that is sent again (monitoring/repetitions.py); None: that can't be told.
    """

    application_id: int
    at: datetime
    severity: int
    body: str
    template: str = ""
    logger: str = ""
    release: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    body_key: bytes | None = None

    @property
    def size(self) -> int:
        """Return about how many bytes it holds."""
        return 300 + len(self.body) + len(self.template) + 60 * len(self.attributes)


def make_record(
    *,
    application_id: int,
    received_at: datetime,
    rules: ScrubRules,
    body: Any,
    at: datetime | None = None,
    severity: int = 0,
    severity_text: Any = "",
    template: Any = "",
    logger: Any = "",
    release: Any = "",
    environment: Any = "",
    trace_id: Any = "",
    span_id: Any = "",
    attributes: Mapping[str, Any] | None = None,
    body_key: bytes | None = None,
) -> LogRecord:
    """Return the record of a line, bounded and without secrets.

    A time that can't be right (`at` missing, older than a week, in the future) becomes the time of arrival. What is no text
    is written as JSON.
    """
    text = _write(body, MAX_BODY)
    cleaned = scrub(
        {"message": text, "template": _write(template, MAX_TEMPLATE), "attributes": _bound(attributes or {})},
        rules=rules,
    )
    is_right = at is not None and received_at - MAX_AGE <= at <= received_at + MAX_AHEAD
    return LogRecord(
        application_id=application_id,
        at=at if is_right and at is not None else received_at,
        severity=severity if 1 <= severity <= 24 else read_severity(severity_text),
        body=cleaned["message"][:MAX_BODY],
        template=cleaned["template"][:MAX_TEMPLATE],
        logger=_write(logger, MAX_LOGGER),
        release=_write(release, MAX_RELEASE),
        environment=_write(environment, MAX_ENVIRONMENT),
        trace_id=_read_hex(trace_id, 32),
        span_id=_read_hex(span_id, 16),
        attributes=_clean_addresses(cleaned["attributes"], rules),
        body_key=body_key,
    )


def name_severity(number: int) -> str:
    """Return the word for a severity number."""
    return _NAMES[(min(max(number, 1), 24) - 1) // 4]


def read_severity(text: Any) -> int:
    """Return the number of a word such as warn or ERROR; info for a word that is not known."""
    return _NUMBERS.get(text.strip().lower(), 9) if isinstance(text, str) else 9


def _bound(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return at most MAX_ATTRIBUTES values: numbers and truths as they are, the rest of bounded length."""
    bounded: dict[str, Any] = {}
    for name, value in attributes.items():
        if len(bounded) >= MAX_ATTRIBUTES:
            break
        if not name or value is None:
            continue
        is_large = isinstance(value, (dict, list)) and len(_write(value, MAX_VALUE + 1)) > MAX_VALUE
        bounded[_clean(name, MAX_NAME)] = _write(value, MAX_VALUE) if is_large else _settle(value)
    return bounded


def _settle(value: Any) -> Any:
    """Return a value as JSON can have it and the database takes it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)[:MAX_VALUE]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {_clean(str(name), MAX_NAME): _settle(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_settle(each) for each in value]
    return _write(value, MAX_VALUE)


def _clean_addresses(attributes: dict[str, Any], rules: ScrubRules) -> dict[str, Any]:
    if rules.keep_whole_ip:
        return attributes
    return {
        name: truncate_ip(value) or FILTERED if name in _ADDRESSES and isinstance(value, str) and value else value
        for name, value in attributes.items()
    }


def _write(value: Any, limit: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value[: limit * 4].decode("utf-8", "replace")
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = str(type(value).__name__)
    return _clean(value, limit)


def _clean(text: str, limit: int) -> str:
    """Return a text that the database takes: no zero bytes, no halves of surrogate pairs."""
    return text[:limit].replace("\x00", "").encode("utf-8", "replace").decode()


def _read_hex(value: Any, length: int) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if length == 32:
        text = text.replace("-", "")
    return text if len(text) == length and _HEX.issuperset(text) and text.strip("0") else ""
