"""Requests, jobs and queries as points: what rules and charts read.

Counters are the totals that rolling up keeps, so they never fall, whatever is restarted. Gauges tell of the five minutes before.
Names and units are OpenTelemetry's (semantic conventions, HTTP and database metrics), in Prometheus' spelling; `error_rate` (percent)
and `response_time` (milliseconds) are the forms in which the seed writes conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from monitoring.applications.models import Application
from monitoring.applications.selectors import find_own_application_id
from monitoring.metrics.recording import Point, record_points
from monitoring.performance.buckets import LIMITS, SIZE, SLOW_QUERY_SECONDS, SLOW_REQUEST_SECONDS
from monitoring.performance.models import Endpoint, Statement

REQUESTS, JOBS = "http_server_request_duration_seconds", "job_duration_seconds"
FAILED_REQUESTS, FAILED_JOBS = "http_server_requests_failed_total", "jobs_failed_total"
QUERIES = "db_client_operation_duration_seconds"
ERROR_RATE, RESPONSE_TIME, RATE, EXPECTED = "error_rate", "response_time", "request_rate", "request_rate_expected"
RECENT_REQUESTS = "requests_recent"
SLOWEST_REQUEST, SLOWEST_QUERY = "http_server_slowest_seconds", "db_client_slowest_seconds"

RECORDED_FOR = timedelta(days=1)
"""A counter without news for so long is not recorded any more; its series ends."""
STEP_MS = 15_000
WINDOW = timedelta(minutes=5)
MAX_SLOWEST = 20
MAX_COUNTED = 300
"""Endpoints, and pairs of operation and table, of one application that have series of their own; the others share one."""
OTHER = "(other)"

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

Labels = tuple[tuple[str, str], ...]
#: Of one series: how many, failed, seconds, buckets, and whether it was never recorded.
Counted = tuple[int, int, float, list[int], bool]


def record_performance(*, now: datetime) -> int:
    """Record counters and gauges of all applications; return how many points were stored."""
    points: dict[int, list[Point]] = {}
    endpoints, statements = _find_fresh(Endpoint, now), _find_fresh(Statement, now)
    time_ms = int(now.timestamp() * 1000)
    for application_id, some in _by_application(endpoints).items():
        points.setdefault(application_id, []).extend(_count_requests(some, time_ms))
    for application_id, some in _by_application(statements).items():
        points.setdefault(application_id, []).extend(_count_queries(some, time_ms))
    for application_id, found in _measure_recent(now, time_ms):
        points.setdefault(application_id, []).extend(found)
    stored = sum(record_points(application_id=one, points=some).stored for one, some in sorted(points.items()))
    Endpoint.objects.filter(pk__in=[one.pk for one in endpoints], recorded_at=None).update(recorded_at=now)
    Statement.objects.filter(pk__in=[one.pk for one in statements], recorded_at=None).update(recorded_at=now)
    return stored


def _find_fresh(model: Any, now: datetime) -> list[Any]:
    return list(model.objects.filter(last_seen__gt=now - RECORDED_FOR).order_by("application_id", "-total", "pk"))


def _by_application(found: Iterable[Any]) -> dict[int, list[Any]]:
    grouped: dict[int, list[Any]] = {}
    for one in found:
        grouped.setdefault(one.application_id, []).append(one)
    return grouped


def _count_requests(endpoints: list[Endpoint], time_ms: int) -> Iterator[Point]:
    """Yield the points of endpoints; which of them have series of their own is decided by age, so that it stays so."""
    own = {one.pk for one in sorted(endpoints, key=lambda one: one.pk)[:MAX_COUNTED]}
    requests: dict[Labels, list[Endpoint]] = {}
    jobs: dict[Labels, list[Endpoint]] = {}
    for one in endpoints:
        name = one.endpoint if one.pk in own else OTHER
        if one.method:
            requests.setdefault((("http_request_method", one.method), ("http_route", name)), []).append(one)
        else:
            jobs.setdefault((("job", name),), []).append(one)
    yield from _write_counters(requests, REQUESTS, FAILED_REQUESTS, time_ms)
    yield from _write_counters(jobs, JOBS, FAILED_JOBS, time_ms)


def _count_queries(statements: list[Statement], time_ms: int) -> Iterator[Point]:
    grouped: dict[Labels, list[Statement]] = {}
    for one in sorted(statements, key=lambda one: one.pk):
        labels = (("db_collection_name", one.table or "(none)"), ("db_operation_name", one.operation or "(none)"))
        if labels not in grouped and len(grouped) >= MAX_COUNTED:
            labels = (("db_collection_name", OTHER), ("db_operation_name", OTHER))
        grouped.setdefault(labels, []).append(one)
    yield from _write_counters(grouped, QUERIES, "", time_ms)


def _write_counters(
    grouped: Mapping[Labels, list[Any]], metric: str, failed_metric: str, time_ms: int
) -> Iterator[Point]:
    """Yield a histogram's points for each group, and 0 a step before where it is its first."""
    for labels, some in grouped.items():
        total, failed, seconds = (
            sum(one.total for one in some),
            sum(one.failed for one in some),
            sum(one.seconds for one in some),
        )
        buckets = [sum(one.buckets[place] for one in some if one.buckets) for place in range(SIZE)]
        is_new = all(one.recorded_at is None for one in some)
        values = [(f"{metric}_count", total, labels), (f"{metric}_sum", seconds, labels)]
        reached = 0
        for limit, count in zip((*map(_write_limit, LIMITS), "+Inf"), buckets, strict=True):
            reached += count
            values.append((f"{metric}_bucket", reached, (*labels, ("le", limit))))
        if failed_metric:
            values.append((failed_metric, failed, labels))
        for name, value, named in values:
            if is_new:
                yield Point(name, 0.0, time_ms - STEP_MS, dict(named))
            yield Point(name, float(value), time_ms, dict(named))


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
                "db_collection_name": one.table or "(none)",
            }
            if is_query
            else {"endpoint_id": str(one.pk), "http_request_method": one.method, "http_route": one.endpoint}
        )
        yield application_id, [Point(SLOWEST_QUERY if is_query else SLOWEST_REQUEST, float(longest), time_ms, labels)]


def _write_limit(limit: float) -> str:
    """Return a bucket's limit as Prometheus' clients write it."""
    return f"{limit:g}" if limit != int(limit) else f"{limit:.1f}"
