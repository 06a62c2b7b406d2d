"""Requests and database queries as JSON, from programs without an SDK. No database.

Source: seed, “Application Performance Monitoring”: its `logMetric('request_duration', …)` and `logMetric('db_query_duration', …)` are taken as
they are, milliseconds and names included, beside one object with plain names for each request or query.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from monitoring.browser.pages import clean_url
from monitoring.browser.records import cut
from monitoring.ingestion.batches import Batch
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
SHOWN_REFUSALS = 20

Text = str | int | float | None


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


class PerformanceMalformed(Exception):
    """A body that is none of the forms."""


class TooManyRecords(Exception):
    """More than one request may bring."""


@dataclass(slots=True)
class PerformanceBatch:
    """What a body brought: the batch to store, how many are in it, and what was refused (index, field, reason)."""

    batch: Batch
    stored: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)


class _Refused(Exception):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(reason)
        self.name, self.reason = name, reason


def decode_requests(body: bytes, *, application_id: int, received_at: datetime) -> PerformanceBatch:
    """Return the requests of a body: one object, {"requests": [...]} or a list. Raises PerformanceMalformed, TooManyRecords."""
    return _decode(body, "requests", "transactions", application_id, received_at, _read_request)


def decode_queries(body: bytes, *, application_id: int, received_at: datetime) -> PerformanceBatch:
    """Return the queries of a body: one object, {"queries": [...]} or a list. Raises PerformanceMalformed, TooManyRecords."""
    return _decode(body, "queries", "queries", application_id, received_at, _read_query)


def _decode(
    body: bytes,
    member: str,
    signal: str,
    application_id: int,
    received_at: datetime,
    read: Callable[[Any, int, datetime], Any],
) -> PerformanceBatch:
    made = PerformanceBatch(Batch(application_id))
    for index, raw in enumerate(_split(body, member)):
        try:
            if len(memoryview(raw)) > MAX_RECORD_BYTES:
                raise _Refused("record", f"has more than {MAX_RECORD_BYTES} bytes")
            record = read(raw, application_id, received_at)
        except _Refused as error:
            made.refused.append((index, error.name, error.reason))
            made.batch.account.add(signal, "refused")
            continue
        made.batch.add(record, signal=signal)
        made.stored += 1
    return made


def _split(body: bytes, member: str) -> list[Any]:
    start = body.lstrip()[:1]
    try:
        if start == b"[":
            many = list(msgspec.json.decode(body, type=list[msgspec.Raw]))
        elif start == b"{":
            found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            many = (
                msgspec.json.decode(found[member], type=list[msgspec.Raw]) if member in found else [msgspec.Raw(body)]
            )
        else:
            raise PerformanceMalformed(f'Send a JSON object, or several as {{"{member}": [...]}}.')
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PerformanceMalformed(f"The body is not the JSON of {member}: {error}") from error
    if len(many) > MAX_RECORDS:
        raise TooManyRecords(f"{len(many)} {member} in one request; at most {MAX_RECORDS} are taken.")
    return many


def _read_request(raw: Any, application_id: int, received_at: datetime) -> RequestRecord:
    told: NativeRequest = _read(raw, NativeRequest, metric="request_duration")
    if not (told.endpoint or told.route or told.url):
        raise _Refused("endpoint", "is missing: name the route, or send the url")
    route = told.route or told.endpoint or ""
    address = told.url or ""
    if "://" in route or "?" in route:
        # The seed's clients send the address where the route belongs.
        route, address = "", address or route
    status = told.status_code if told.status_code is not None else told.status or 0
    if not 0 <= status <= 999:
        raise _Refused("status_code", "is not a status")
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
    told: NativeQuery = _read(raw, NativeQuery, metric="db_query_duration")
    statement = told.query or told.statement or ""
    if not statement and told.query_type:
        # Without a text a query is known by what it does to which table.
        statement = f"{told.query_type.upper()} {told.table_name or ''}".strip()
    if not statement:
        raise _Refused("query", "is missing: send the statement, or query_type and table_name")
    count = told.params_count
    if count is not None and not 0 <= count < 1 << 31:
        raise _Refused("params_count", "is not a number of parameters")
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
        endpoint=cut(told.endpoint or "", MAX_ENDPOINT),
        release=cut(told.release or "", MAX_RELEASE),
        environment=cut(told.environment or "", MAX_ENVIRONMENT),
        trace_id=_read_hex(told.trace_id, 32),
        span_id=_read_hex(told.span_id, 16),
        record_id=_read_id(told.id),
    )


def _read(raw: Any, kind: type[Any], *, metric: str) -> Any:
    try:
        found = msgspec.json.decode(raw, type=dict[str, Any])
        if "metric" not in found:
            return msgspec.json.decode(raw, type=kind)
        told = msgspec.json.decode(raw, type=_Metric)
        if told.metric != metric:
            raise _Refused(
                "metric", f"is {told.metric[:50]!r}; only {metric} is taken here, others at /api/v1/metrics/"
            )
        return msgspec.convert(
            {**told.tags, "duration_ms": told.value, "timestamp": told.timestamp}, type=kind, strict=False
        )
    except msgspec.ValidationError as problem:
        reason, _, path = str(problem).partition(" - at `")
        name = path.removeprefix("$").removesuffix("`").strip(".") or "record"
        raise _Refused(name, reason[:1].lower() + reason[1:]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise _Refused("record", f"can't be read: {problem}") from None


def _read_seconds(told: NativeRequest | NativeQuery) -> float:
    value = told.duration_ms / 1000 if told.duration_ms is not None else told.duration
    if value is None:
        raise _Refused("duration_ms", "is missing: send milliseconds, or seconds as duration")
    if not 0 <= value <= MAX_SECONDS:
        raise _Refused("duration_ms", "is not a duration within a day")
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
        raise _Refused("timestamp", "is no time: RFC 3339, or seconds since 1970") from None


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
        raise _Refused("id", "is no UUID") from None
