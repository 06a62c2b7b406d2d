"""Log lines on their way in: what every adapter produces and the store takes. Pure.

Adapters give what they read to `make_record`, which bounds and scrubs it. Severities are OpenTelemetry's numbers, 1 to 24.
Source: opentelemetry.io/docs/specs/otel/logs/data-model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitoring.attributes import bound_attributes, hide_addresses, read_hex, write_text
from monitoring.errors.scrubbing import ScrubRules, scrub

MAX_BODY, MAX_TEMPLATE, MAX_LOGGER, MAX_RELEASE, MAX_ENVIRONMENT = 8_000, 1_000, 200, 200, 64
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
    text = write_text(body, MAX_BODY)
    cleaned = scrub(
        {
            "message": text,
            "template": write_text(template, MAX_TEMPLATE),
            "attributes": bound_attributes(attributes or {}),
        },
        rules=rules,
    )
    is_right = at is not None and received_at - MAX_AGE <= at <= received_at + MAX_AHEAD
    return LogRecord(
        application_id=application_id,
        at=at if is_right and at is not None else received_at,
        severity=severity if 1 <= severity <= 24 else read_severity(severity_text),
        body=cleaned["message"][:MAX_BODY],
        template=cleaned["template"][:MAX_TEMPLATE],
        logger=write_text(logger, MAX_LOGGER),
        release=write_text(release, MAX_RELEASE),
        environment=write_text(environment, MAX_ENVIRONMENT),
        trace_id=read_hex(trace_id, 32),
        span_id=read_hex(span_id, 16),
        attributes=hide_addresses(cleaned["attributes"], rules),
        body_key=body_key,
    )


def name_severity(number: int) -> str:
    """Return the word for a severity number."""
    return _NAMES[(min(max(number, 1), 24) - 1) // 4]


def read_severity(text: Any) -> int:
    """Return the number of a word such as warn or ERROR; info for a word that is not known."""
    return _NUMBERS.get(text.strip().lower(), 9) if isinstance(text, str) else 9
