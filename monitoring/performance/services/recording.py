"""Keeping requests, queries and spans: a few statements for any number of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec
from django.db import connection
from django.utils import timezone

from monitoring.attributes import bound_attributes
from monitoring.browser.records import cut, settle_time
from monitoring.partitions import QUERIES, REQUESTS, SPANS, DailyPartitions
from monitoring.performance.records import (
    MAX_ENDPOINT,
    MAX_ENVIRONMENT,
    MAX_NAME,
    MAX_RELEASE,
    QueryRecord,
    RequestRecord,
    SpanRecord,
)
from monitoring.performance.services.dictionaries import endpoints, statements
from monitoring.performance.statements import Statement, read_statement

_REQUEST_COLUMNS = {
    "application_id": "int", "started_at": "timestamptz", "record_id": "uuid", "duration": "float8", "endpoint_id": "bigint",
    "status": "int2", "failed": "bool", "url": "text", "release": "text", "environment": "text", "user_key": "bytea",
    "trace_id": "text", "span_id": "text", "weight": "int2",
}  # fmt: skip
_QUERY_COLUMNS = {
    "application_id": "int", "started_at": "timestamptz", "record_id": "uuid", "duration": "float8", "statement_id": "bigint",
    "parameter_count": "int", "failed": "bool", "endpoint": "text", "release": "text", "environment": "text",
    "trace_id": "text", "span_id": "text", "weight": "int2",
}  # fmt: skip
_SPAN_COLUMNS = {
    "application_id": "int", "trace_id": "text", "span_id": "text", "started_at": "timestamptz", "duration": "float8",
    "parent_id": "text", "name": "text", "kind": "text", "operation": "text", "failed": "bool", "service": "text",
    "release": "text", "environment": "text", "attributes": "jsonb",
}  # fmt: skip
_MARK_SQL = """
INSERT INTO {table} (application_id, minute)
SELECT application, date_trunc('minute', moment, 'UTC') FROM unnest(%s::int[], %s::timestamptz[]) AS found (application, moment)
GROUP BY 1, 2
"""

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def write_requests(records: Sequence[RequestRecord]) -> None:
    """Keep requests, in the caller's transaction, and mark their minutes to be counted. A repetition changes nothing."""
    now = timezone.now()
    words = [
        (record.application_id, (record.method[:16].upper(), cut(record.endpoint, MAX_ENDPOINT))) for record in records
    ]
    ids = endpoints.resolve(words)
    rows: Rows = {}
    for record, word in zip(records, words, strict=True):
        row = (
            record.application_id,
            _settle(record.started_at, now),
            record.record_id or uuid4(),
            record.duration,
            ids[word],
            record.status,
            record.failed,
            cut(record.url, 500),
            cut(record.release, MAX_RELEASE),
            cut(record.environment, MAX_ENVIRONMENT),
            record.user_key,
            cut(record.trace_id, 32),
            cut(record.span_id, 16),
            record.weight,
        )
        rows.setdefault(row[:3], row)
    _insert("monitoring_request", _REQUEST_COLUMNS, rows.values(), REQUESTS)
    _mark("monitoring_request_mark", rows)


def write_queries(records: Sequence[QueryRecord]) -> None:
    """Keep queries without their values, in the caller's transaction, and mark their minutes. A repetition changes nothing."""
    now = timezone.now()
    words = [(record.application_id, (record.system[:32], _read(record))) for record in records]
    ids = statements.resolve(words)
    rows: Rows = {}
    for record, word in zip(records, words, strict=True):
        row = (
            record.application_id,
            _settle(record.started_at, now),
            record.record_id or uuid4(),
            record.duration,
            ids[word],
            record.parameter_count,
            record.failed,
            cut(record.endpoint, MAX_ENDPOINT),
            cut(record.release, MAX_RELEASE),
            cut(record.environment, MAX_ENVIRONMENT),
            cut(record.trace_id, 32),
            cut(record.span_id, 16),
            record.weight,
        )
        rows.setdefault(row[:3], row)
    _insert("monitoring_query", _QUERY_COLUMNS, rows.values(), QUERIES)
    _mark("monitoring_query_mark", rows)


def write_spans(records: Sequence[SpanRecord]) -> None:
    """Keep spans, in the caller's transaction. One that is there already is not kept twice."""
    now = timezone.now()
    rows: Rows = {}
    for record in records:
        row = (
            record.application_id,
            cut(record.trace_id, 32),
            cut(record.span_id, 16),
            _settle(record.started_at, now),
            record.duration,
            cut(record.parent_id, 16),
            cut(record.name, MAX_NAME),
            record.kind[:16],
            cut(record.operation, 64),
            record.failed,
            cut(record.service, MAX_NAME),
            cut(record.release, MAX_RELEASE),
            cut(record.environment, MAX_ENVIRONMENT),
            _encode(record.attributes),
        )
        rows.setdefault(row[:4], row)
    _insert("monitoring_span", _SPAN_COLUMNS, rows.values(), SPANS)


def _settle(at: datetime, now: datetime) -> datetime:
    return settle_time(at, received_at=now).astimezone(UTC)


def _read(record: QueryRecord) -> Statement:
    return _read_cached(record.statement, record.system, record.operation, record.table)


@lru_cache(maxsize=4096)
def _read_cached(statement: str, system: str, operation: str, table: str) -> Statement:
    return read_statement(statement, system=system, operation=operation, table=table)


def _encode(attributes: Mapping[str, Any]) -> str:
    text = msgspec.json.encode(dict(attributes)).decode()
    # What looks like a zero byte, which jsonb does not take, may be the text "\\u0000".
    return msgspec.json.encode(bound_attributes(attributes)).decode() if "\\u0000" in text else text


def _insert(table: str, columns: dict[str, str], rows: Iterable[tuple[Any, ...]], partitions: DailyPartitions) -> None:
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    ordered = sorted(rows, key=lambda row: row[:4])
    transposed = [list(column) for column in zip(*ordered, strict=True)]
    partitions.ensure(days={moment.date() for moment in transposed[list(columns).index("started_at")]})
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING",  # noqa: S608  (names of this module)
            transposed,
        )


def _mark(table: str, rows: Rows) -> None:
    minutes = {(key[0], key[1].replace(second=0, microsecond=0)) for key in rows}
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK_SQL.format(table=table),
            [[application_id for application_id, _ in minutes], [minute for _, minute in minutes]],
        )
