"""Requests, jobs and queries as points: what rules and charts read.

Counters are the totals that rolling up keeps, of all that ever shared a series, so they never fall, whatever is restarted and
whoever goes quiet. Gauges tell of the five minutes before.
Names and units are OpenTelemetry's (semantic conventions, HTTP and database metrics), in Prometheus' spelling; `error_rate` (percent)
and `response_time` (milliseconds) are the forms in which the seed writes conditions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection, transaction

from monitoring.applications.models import Application
from monitoring.applications.selectors import find_own_application_id
from monitoring.metrics.recording import Point, record_points
from monitoring.performance.buckets import LIMITS, SIZE, SLOW_QUERY_SECONDS, SLOW_REQUEST_SECONDS
from monitoring.performance.endpoints import OTHER
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.services.rolling_up import RECORDED_FOR

REQUESTS, JOBS = "http_server_request_duration_seconds", "job_duration_seconds"
FAILED_REQUESTS, FAILED_JOBS = "http_server_requests_failed_total", "jobs_failed_total"
QUERIES = "db_client_operation_duration_seconds"
ERROR_RATE, RESPONSE_TIME, RATE, EXPECTED = "error_rate", "response_time", "request_rate", "request_rate_expected"
RECENT_REQUESTS = "requests_recent"
SLOWEST_REQUEST, SLOWEST_QUERY = "http_server_slowest_seconds", "db_client_slowest_seconds"

STEP_MS = 15_000
WINDOW = timedelta(minutes=5)
MAX_SLOWEST = 20
MAX_COUNTED = 300
"""Endpoints, and pairs of operation and table, of one application that have series of their own: the oldest, so that it stays so."""
NOTHING = "(none)"

_RECENT_SQL = """
SELECT minute.application_id, sum(count), sum(minute.failed), sum(minute.seconds)
FROM monitoring_endpoint_minute minute JOIN monitoring_endpoint endpoint ON endpoint.id = owner_id
WHERE minute >= %s AND minute < %s AND endpoint.method <> '' GROUP BY 1
"""
_SLOWEST_SQL = """
SELECT application_id, owner_id, longest FROM (
    SELECT application_id, owner_id, max(longest) AS longest,
        row_number() OVER (PARTITION BY application_id ORDER BY max(longest) DESC) AS place
    FROM {minutes} WHERE minute >= %s AND longest > %s GROUP BY 1, 2
) AS ranked WHERE place <= %s
"""

#: Figures of an endpoint or statement, and of what is counted of it: how many, failed, seconds, and the buckets.
_FIGURES = 3 + SIZE
#: A group counts with all of its members, also those without news: what it loses would look like a restart to rate(). Added up
#: in one order, because sums of floating-point numbers in another one may be a trifle less.
_COUNTED_SQL = f"""
WITH one AS (
    SELECT id, application_id, {{first}} AS first, {{second}} AS second, coalesce(last_seen > %(since)s, false) AS is_fresh,
        recorded_at IS NULL OR before IS NOT NULL AS is_waking,
        ARRAY[total, failed, seconds]::float8[] || buckets::float8[] AS now,
        CASE WHEN recorded_at IS NOT NULL
            THEN coalesce(before, ARRAY[total, failed, seconds]::float8[] || buckets::float8[]) END AS was
    FROM {{owners}} WHERE application_id IN (SELECT application_id FROM {{owners}} WHERE last_seen > %(since)s)
), aged AS (
    SELECT *, min(id) OVER (PARTITION BY application_id, first, second) AS oldest FROM one
), placed AS (
    SELECT *, dense_rank() OVER (PARTITION BY application_id ORDER BY oldest) <= %(limit)s AS has_own FROM aged
)
SELECT application_id, CASE WHEN has_own THEN first ELSE {{rest}} END, CASE WHEN has_own THEN second ELSE '{OTHER}' END,
    bool_and(is_waking) FILTER (WHERE is_fresh), array_agg(id ORDER BY id) FILTER (WHERE is_fresh AND is_waking),
    {", ".join(f"coalesce(sum(now[{place}] ORDER BY id), 0)" for place in range(1, _FIGURES + 1))},
    {", ".join(f"coalesce(sum(was[{place}] ORDER BY id), 0)" for place in range(1, _FIGURES + 1))}
FROM placed GROUP BY 1, 2, 3 HAVING bool_or(is_fresh) ORDER BY 1, 2, 3
"""  # noqa: S608  (names of this module)
_ENDPOINTS_SQL = _COUNTED_SQL.format(owners="monitoring_endpoint", first="method", second="endpoint", rest="first")
_STATEMENTS_SQL = _COUNTED_SQL.format(
    owners="monitoring_statement",
    first=f"coalesce(nullif(operation, ''), '{NOTHING}')",
    second=f"coalesce(nullif(\"table\", ''), '{NOTHING}')",
    rest=f"'{OTHER}'",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """What shares one histogram: method and endpoint, or operation and table, and the figures of all of it.

    `was` is what the figures were when it was silent, None if it was not; `waking` are the members that end the silence.
    """

    first: str
    second: str
    figures: tuple[float, ...]
    was: tuple[float, ...] | None
    waking: list[int]


def record_performance(*, now: datetime) -> int:
    """Record counters and gauges of all applications; return how many points were stored."""
    time_ms = int(now.timestamp() * 1000)
    gauges: dict[int, list[Point]] = {}
    for application_id, found in _measure_recent(now, time_ms):
        gauges.setdefault(application_id, []).extend(found)
    endpoints, statements = _count(_ENDPOINTS_SQL, now), _count(_STATEMENTS_SQL, now)
    stored = 0
    for application_id in sorted(gauges.keys() | endpoints.keys() | statements.keys()):
        requests, queries = endpoints.get(application_id, []), statements.get(application_id, [])
        points = [*_write_requests(requests, time_ms), *_write_queries(queries, time_ms)]
        with transaction.atomic():
            _note_recorded(Endpoint, requests, now)
            _note_recorded(Statement, queries, now)
            points += gauges.get(application_id, [])
            stored += record_points(application_id=application_id, points=points).stored
    return stored


def _count(statement: str, now: datetime) -> dict[int, list[Counted]]:
    """Return, for each application with news within RECORDED_FOR, what its counters are at."""
    grouped: dict[int, list[Counted]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, {"since": now - RECORDED_FOR, "limit": MAX_COUNTED})
        for application_id, first, second, is_waking, waking, *numbers in cursor.fetchall():
            figures, was = tuple(numbers[:_FIGURES]), tuple(numbers[_FIGURES:])
            one = Counted(first, second, figures, was if is_waking else None, waking or [])
            grouped.setdefault(application_id, []).append(one)
    return grouped


def _note_recorded(model: Any, some: list[Counted], now: datetime) -> None:
    waking = [pk for one in some for pk in one.waking]
    if waking:
        model.objects.filter(pk__in=waking).update(recorded_at=now, before=None)


def _write_requests(endpoints: list[Counted], time_ms: int) -> Iterator[Point]:
    for one in endpoints:
        if one.first:
            labels = {"http_request_method": one.first, "http_route": one.second}
            yield from _write_counters(one, labels, REQUESTS, FAILED_REQUESTS, time_ms)
        else:
            yield from _write_counters(one, {"job": one.second}, JOBS, FAILED_JOBS, time_ms)


def _write_queries(statements: list[Counted], time_ms: int) -> Iterator[Point]:
    for one in statements:
        labels = {"db_operation_name": one.first, "db_collection_name": one.second}
        yield from _write_counters(one, labels, QUERIES, "", time_ms)


def _write_counters(
    one: Counted, labels: Mapping[str, str], metric: str, failed_metric: str, time_ms: int
) -> Iterator[Point]:
    """Yield a histogram's points, and where it was silent those it had before, a step earlier: an increase needs two."""
    moments = [(one.was, time_ms - STEP_MS), (one.figures, time_ms)]
    for figures, moment in moments:
        if figures is None:
            continue
        total, failed, seconds, *buckets = figures
        yield Point(f"{metric}_count", total, moment, labels)
        yield Point(f"{metric}_sum", seconds, moment, labels)
        for limit, reached in zip((*map(_write_limit, LIMITS), "+Inf"), accumulate(buckets), strict=True):
            yield Point(f"{metric}_bucket", reached, moment, {**labels, "le": limit})
        if failed_metric:
            yield Point(failed_metric, failed, moment, labels)


def _measure_recent(now: datetime, time_ms: int) -> Iterator[tuple[int, list[Point]]]:
    """Yield the gauges of each application with requests in the last five whole minutes, or that expects some."""
    end = now.astimezone(UTC).replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_RECENT_SQL, [end - WINDOW, end])
        recent = {application_id: numbers for application_id, *numbers in cursor.fetchall()}
    expected = dict(Application.objects.filter(expected_throughput__gt=0).values_list("pk", "expected_throughput"))
    for application_id in sorted(recent.keys() | expected.keys()):
        count, failed, seconds = recent.get(application_id, (0, 0, 0.0))
        found = {RATE: count / WINDOW.total_seconds(), RECENT_REQUESTS: float(count)}
        if count:
            found |= {ERROR_RATE: 100 * failed / count, RESPONSE_TIME: 1000 * seconds / count}
        if application_id in expected:
            found[EXPECTED] = expected[application_id]
        yield application_id, [Point(name, float(value), time_ms) for name, value in found.items()]
    yield from _measure_slowest("monitoring_endpoint_minute", SLOW_REQUEST_SECONDS, now, time_ms, is_query=False)
    yield from _measure_slowest("monitoring_statement_minute", SLOW_QUERY_SECONDS, now, time_ms, is_query=True)


def _measure_slowest(
    minutes: str, limit: float, now: datetime, time_ms: int, *, is_query: bool
) -> Iterator[tuple[int, list[Point]]]:
    with connection.cursor() as cursor:
        cursor.execute(_SLOWEST_SQL.format(minutes=minutes), [now - WINDOW, limit, MAX_SLOWEST])
        rows = cursor.fetchall()
    own_id = find_own_application_id()
    known: dict[int, Any] = (Statement if is_query else Endpoint).objects.in_bulk([row[1] for row in rows])
    for application_id, owner_id, longest in rows:
        one = known.get(owner_id)
        # How long the product's own work takes is on its pages; it pages nobody.
        if one is None or application_id == own_id or (not is_query and not one.method):
            continue
        labels = (
            {
                "statement_id": str(one.pk),
                "db_operation_name": one.operation or "query",
                "db_collection_name": one.table or NOTHING,
            }
            if is_query
            else {"endpoint_id": str(one.pk), "http_request_method": one.method, "http_route": one.endpoint}
        )
        yield application_id, [Point(SLOWEST_QUERY if is_query else SLOWEST_REQUEST, float(longest), time_ms, labels)]


def _write_limit(limit: float) -> str:
    """Return a bucket's limit as Prometheus' clients write it."""
    return f"{limit:g}" if limit != int(limit) else f"{limit:.1f}"
