"""Requests and database queries as JSON, from programs without an SDK. No database.

Source: seed, “Application Performance Monitoring”: its `logMetric('request_duration', …)` and `logMetric('db_query_duration', …)` are taken as
they are, milliseconds and names included, beside one object with plain names for each request or query.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from monitoring.browser.pages import clean_url
from monitoring.browser.records import cut
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.items import ItemBatch, ItemRefused, describe_mistake, read_item, split_items
from monitoring.performance.endpoints import name_endpoint
from monitoring.performance.records import (
    MAX_ENDPOINT,
    MAX_ENVIRONMENT,
    MAX_NAME,
    MAX_RELEASE,
    MAX_STATEMENT,
    QueryRecord,
    RequestRecord,
)
from monitoring.releases.records import make_user_key

MAX_RECORDS = 10_000
MAX_RECORD_BYTES = 64 * 1024
MAX_SECONDS = 86_400.0

Text = str | int | float | None
Told = TypeVar("Told", "NativeRequest", "NativeQuery")


class NativeRequest(msgspec.Struct):
    """One request (or, without a method, one run of a job). Durations in milliseconds, or in seconds as `duration`."""

    endpoint: str | None = None
    route: str | None = None
    url: str | None = None
    method: str | None = None
    status_code: int | None = None
    status: int | None = None
    duration_ms: float | None = None
    duration: float | None = None
    failed: bool | None = None
    user_id: Text = None
    release: str | None = None
    environment: str | None = None
    timestamp: str | float | None = None
    trace_id: str | None = None
    span_id: str | None = None
    id: str | None = None


class NativeQuery(msgspec.Struct):
    """One database query. Its text is kept without the values in it."""

    query: str | None = None
    statement: str | None = None
    query_type: str | None = None
    table_name: str | None = None
    params_count: int | None = None
    duration_ms: float | None = None
    duration: float | None = None
    system: str | None = None
    failed: bool | None = None
    endpoint: str | None = None
    release: str | None = None
    environment: str | None = None
    timestamp: str | float | None = None
    trace_id: str | None = None
    span_id: str | None = None
    id: str | None = None


class _Metric(msgspec.Struct):
    """The seed's form: a metric's name, its value in milliseconds, and what else is known."""

    metric: str
    value: float
    tags: dict[str, Any] = {}
    timestamp: str | float | None = None


def decode_requests(body: bytes, *, application_id: int, received_at: datetime) -> ItemBatch:
    """Return the requests of a body: one object, {"requests": [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    made = ItemBatch(Batch(application_id))
    for index, raw in enumerate(split_items(body, "requests", limit=MAX_RECORDS)):
        made.take(index, "transactions", partial(_read_request, raw, application_id, received_at))
    return made


def decode_queries(body: bytes, *, application_id: int, received_at: datetime) -> ItemBatch:
    """Return the queries of a body: one object, {"queries": [...]} or a list. Raises ItemsMalformed, TooManyItems."""
    made = ItemBatch(Batch(application_id))
    for index, raw in enumerate(split_items(body, "queries", limit=MAX_RECORDS)):
        made.take(index, "queries", partial(_read_query, raw, application_id, received_at))
    return made


def _read_request(raw: Any, application_id: int, received_at: datetime) -> RequestRecord:
    told = _read(raw, NativeRequest, metric="request_duration")
    if not (told.endpoint or told.route or told.url):
        raise ItemRefused("endpoint", "is missing: name the route, or send the url")
    route, sent = _split_route(told.route or told.endpoint or "")
    address = told.url or sent
    status = told.status_code if told.status_code is not None else told.status or 0
    if not 0 <= status <= 999:
        raise ItemRefused("status_code", "is not a status")
    seconds = _read_seconds(told)
    return RequestRecord(
        application_id=application_id,
        started_at=_read_start(told.timestamp, received_at, seconds),
        duration=seconds,
        endpoint=cut(name_endpoint(route, address=address), MAX_ENDPOINT),
        method=cut(told.method or "", 16).upper(),
        status=status,
        failed=told.failed if told.failed is not None else status >= 500,
        url=clean_url(address),
        release=cut(told.release or "", MAX_RELEASE),
        environment=cut(told.environment or "", MAX_ENVIRONMENT),
        user_key=make_user_key(told.user_id),
        trace_id=_read_hex(told.trace_id, 32),
        span_id=_read_hex(told.span_id, 16),
        record_id=_read_id(told.id),
    )


def _read_query(raw: Any, application_id: int, received_at: datetime) -> QueryRecord:
    told = _read(raw, NativeQuery, metric="db_query_duration")
    statement = told.query or told.statement or ""
    if not statement and told.query_type:
        # Without a text a query is known by what it does to which table.
        statement = f"{told.query_type.upper()} {told.table_name or ''}".strip()
    if not statement:
        raise ItemRefused("query", "is missing: send the statement, or query_type and table_name")
    count = told.params_count
    if count is not None and not 0 <= count < 1 << 31:
        raise ItemRefused("params_count", "is not a number of parameters")
    seconds = _read_seconds(told)
    return QueryRecord(
        application_id=application_id,
        started_at=_read_start(told.timestamp, received_at, seconds),
        duration=seconds,
        statement=cut(statement, MAX_STATEMENT),
        system=cut(told.system or "", 32).lower(),
        operation=cut(told.query_type or "", MAX_NAME),
        table=cut(told.table_name or "", MAX_NAME),
        parameter_count=count,
        failed=bool(told.failed),
        endpoint=_name_caller(told.endpoint or ""),
        release=cut(told.release or "", MAX_RELEASE),
        environment=cut(told.environment or "", MAX_ENVIRONMENT),
        trace_id=_read_hex(told.trace_id, 32),
        span_id=_read_hex(told.span_id, 16),
        record_id=_read_id(told.id),
    )


def _split_route(text: str) -> tuple[str, str]:
    """Return what was sent as a route, as route or as address: the seed's clients send an address where the route belongs."""
    # A # alone is no sign: Rails' routes have one (users#index).
    is_address = "://" in text or "?" in text or (text.startswith("/") and "#" in text)
    return ("", text) if is_address else (text, "")


def _name_caller(text: str) -> str:
    """Return the endpoint that ran a query, named as its requests are; empty for an empty text."""
    route, address = _split_route(text)
    return cut(name_endpoint(route, address=address), MAX_ENDPOINT) if text.strip() else ""


def _read(raw: Any, kind: type[Told], *, metric: str) -> Told:
    found = read_item(raw, dict[str, Any], name="record", max_bytes=MAX_RECORD_BYTES)
    if "metric" not in found:
        return read_item(raw, kind, name="record", max_bytes=MAX_RECORD_BYTES)
    told = read_item(raw, _Metric, name="record", max_bytes=MAX_RECORD_BYTES)
    if told.metric != metric:
        raise ItemRefused("metric", f"is {told.metric[:50]!r}; only {metric} is taken here, others at /api/v1/metrics/")
    try:
        return msgspec.convert(
            {**told.tags, "duration_ms": told.value, "timestamp": told.timestamp}, type=kind, strict=False
        )
    except msgspec.ValidationError as problem:
        raise describe_mistake(problem, "record") from None


def _read_seconds(told: NativeRequest | NativeQuery) -> float:
    value = told.duration_ms / 1000 if told.duration_ms is not None else told.duration
    if value is None:
        raise ItemRefused("duration_ms", "is missing: send milliseconds, or seconds as duration")
    if not 0 <= value <= MAX_SECONDS:
        raise ItemRefused("duration_ms", "is not a duration within a day")
    return float(value)


def _read_start(value: str | float | None, received_at: datetime, seconds: float) -> datetime:
    """Return when it began: what the client says, else so long before it arrived. A clock that can't be right is not believed."""
    if value is None:
        return received_at - timedelta(seconds=seconds)
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        # Milliseconds, as Date.now() has them, are told by their size.
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    except (ValueError, OverflowError, OSError):
        raise ItemRefused("timestamp", "is no time: RFC 3339, or seconds since 1970") from None


def _read_hex(value: str | None, digits: int) -> str:
    text = (value or "").replace("-", "").lower()
    try:
        return text if len(text) == digits and int(text, 16) else ""
    except ValueError:
        return ""


def _read_id(value: str | None) -> UUID | None:
    if not value:
        return None
    try:
        return UUID(value)
    except ValueError:
        raise ItemRefused("id", "is no UUID") from None
