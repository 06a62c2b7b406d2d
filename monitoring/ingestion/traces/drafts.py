"""Spans as read from a protocol, before anybody has decided what they are. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from monitoring.errors.scrubbing import ScrubRules

MAX_AGE, MAX_AHEAD = timedelta(days=7), timedelta(minutes=10)
MAX_DURATION_SECONDS = 7 * 24 * 3600.0


class SpanInvalid(Exception):
    """A span that can't be read; the text says why, for the client's log."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose spans they are and what is known of all of them; empty texts: not said. `user_agent` is the sender's."""

    application_id: int
    received_at: datetime
    rules: ScrubRules
    service: str = ""
    release: str = ""
    environment: str = ""
    user_key: bytes | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """One span. Times as `read_times` returns them, ids as `read_hex` does.

    `attributes` have OpenTelemetry's names or Sentry's, old or new, and are as sent. `kind` and `operation` may be empty.
    `is_entry`: the application's work on one thing begins here (Sentry: a transaction or segment). `source` is what Sentry
    says of where the name comes from (route, url ...). `record_id` tells a repetition where there are no ids. `user_key` is whose
    it is, where that is known of this span and not of all of an origin.
    """

    trace_id: str
    span_id: str
    started_at: datetime
    duration: float
    name: str
    parent_id: str = ""
    kind: str = ""
    operation: str = ""
    source: str = ""
    failed: bool = False
    is_entry: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    record_id: UUID | None = None
    user_key: bytes | None = None


def read_times(start: float | None, duration: float | None, *, received_at: datetime) -> tuple[datetime, float]:
    """Return when something began, out of unix seconds, and how long it took.

    Raises SpanInvalid for what no clock says: times that are missing or no numbers, an end before the beginning, a beginning
    more than MAX_AGE ago, or anything in the future.
    """
    if start is None or duration is None or not math.isfinite(start) or not math.isfinite(duration):
        raise SpanInvalid("a span does not say when it began and ended")
    if duration < 0:
        raise SpanInvalid("a span ends before it begins")
    now = received_at.timestamp()
    if start + duration > now + MAX_AHEAD.total_seconds():
        raise SpanInvalid("a span ends in the future")
    if start < now - MAX_AGE.total_seconds() or duration > MAX_DURATION_SECONDS:
        raise SpanInvalid(f"a span began more than {MAX_AGE.days} days ago")
    return datetime.fromtimestamp(start, UTC), duration


def read_seconds(value: Any) -> float | None:
    """Return unix seconds out of a number or an ISO 8601 text, None for what is neither."""
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).timestamp()
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        return None
    return None


def subtract(end: float | None, start: float | None) -> float | None:
    """Return a duration in seconds, to the microsecond, None if one of both is not known."""
    return None if end is None or start is None else round(end - start, 6)
