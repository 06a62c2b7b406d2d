"""Requests, queries and spans for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from monitoring.performance.records import QueryRecord, RequestRecord, SpanRecord

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)


def make_request(application_id: int, **fields: Any) -> RequestRecord:
    """A quick GET of an order."""
    usual = {"started_at": NOW, "duration": 0.1, "endpoint": "/orders/{id}", "method": "GET", "status": 200}
    return RequestRecord(application_id, **{**usual, **fields})


def make_query(application_id: int, **fields: Any) -> QueryRecord:
    """A quick look at one order."""
    usual = {
        "started_at": NOW,
        "duration": 0.01,
        "statement": "SELECT * FROM orders WHERE id = 7",
        "system": "postgresql",
    }
    return QueryRecord(application_id, **{**usual, **fields})


def make_span(application_id: int, **fields: Any) -> SpanRecord:
    """A root span."""
    usual = {"trace_id": "a" * 32, "span_id": "b" * 16, "started_at": NOW, "duration": 0.2, "name": "GET /orders/{id}"}
    return SpanRecord(application_id, **{**usual, **fields})
