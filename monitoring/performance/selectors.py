"""Reading requests, queries and traces: hours for figures over time, rows for single ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import F, Max, Q, QuerySet, Sum
from django.urls import reverse

from config.ids import read_id
from monitoring.errors.models import ErrorEvent
from monitoring.logs.models import LogRecord
from monitoring.performance.models import Endpoint, EndpointHour, Query, Request, Span, Statement, StatementHour
from monitoring.performance.summaries import Figures, add_up
from monitoring.releases.models import Release

RANGES = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"

#: In what order endpoints and statements can be listed: an SQL expression over the sums.
ORDERS = {
    "seconds": "-seconds__sum",
    "average": "-average",
    "count": "-count__sum",
    "failed": "-failed__sum",
    "longest": "-longest__max",
}
EXCEPTIONS_OF_TRACE, LINES_OF_TRACE, SPANS_OF_TRACE = 50, 100, 1_000
TRACE_DAYS = timedelta(days=30)

Kind = Literal["requests", "jobs"]
_SUMS = {
    "count__sum": Sum("count"),
    "failed__sum": Sum("failed"),
    "slow__sum": Sum("slow"),
    "seconds__sum": Sum("seconds"),
    "longest__max": Max("longest"),
}


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole hours of an application from `start` until now; empty `environment` means all."""

    application_id: int
    start: datetime
    environment: str = ""

    @property
    def filters(self) -> dict[str, Any]:
        """Return what chooses the hours."""
        found: dict[str, Any] = {"application_id": self.application_id, "hour__gte": self.start}
        return {**found, "environment": self.environment} if self.environment else found


def find_stretch(*, application_id: int, chosen: str, now: datetime, environment: str = "") -> Stretch:
    """Return the last hours or days (a key of RANGES), the hour that is not over included."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Stretch(application_id, hour + timedelta(hours=1) - RANGES[chosen], environment)


def is_reporting(*, application_id: int) -> bool:
    """Whether a request or query was ever kept of an application."""
    return (
        Endpoint.objects.filter(application_id=application_id).exists()
        or Statement.objects.filter(application_id=application_id).exists()
    )


def sum_requests(stretch: Stretch, **filters: Any) -> Figures:
    """Return the figures of all requests (jobs left out), with percentiles."""
    hours = EndpointHour.objects.filter(**stretch.filters, **filters).exclude(endpoint__method="")
    return add_up(
        hours.values_list("count", "failed", "slow", "seconds", "longest", "sketch").iterator(chunk_size=5000)
    )


def sum_queries(stretch: Stretch, **filters: Any) -> Figures:
    """Return the figures of all database queries, with percentiles."""
    hours = StatementHour.objects.filter(**stretch.filters, **filters)
    return add_up(
        hours.values_list("count", "failed", "slow", "seconds", "longest", "sketch").iterator(chunk_size=5000)
    )


def list_endpoints(
    stretch: Stretch, *, kind: Kind = "requests", search: str = "", order: str = "seconds"
) -> list[tuple[Endpoint, Figures]]:
    """Return an application's endpoints with their figures, percentiles left out (`read_sketches` adds them)."""
    hours = EndpointHour.objects.filter(**stretch.filters)
    hours = hours.filter(endpoint__method="") if kind == "jobs" else hours.exclude(endpoint__method="")
    if search:
        hours = hours.filter(endpoint__endpoint__icontains=search.replace("\x00", ""))
    rows = _sum_by(hours, "endpoint_id", order)
    known = Endpoint.objects.in_bulk([row["endpoint_id"] for row in rows])
    return [(known[row["endpoint_id"]], _figures(row)) for row in rows if row["endpoint_id"] in known]


def list_statements(stretch: Stretch, *, search: str = "", order: str = "seconds") -> list[tuple[Statement, Figures]]:
    """Return an application's statements with their figures, percentiles left out (`read_sketches` adds them)."""
    hours = StatementHour.objects.filter(**stretch.filters)
    if search:
        text = search.replace("\x00", "")
        hours = hours.filter(Q(statement__statement__icontains=text) | Q(statement__table__icontains=text))
    rows = _sum_by(hours, "statement_id", order)
    known = Statement.objects.in_bulk([row["statement_id"] for row in rows])
    return [(known[row["statement_id"]], _figures(row)) for row in rows if row["statement_id"] in known]


def read_sketches(stretch: Stretch, found: Sequence[tuple[Any, Figures]]) -> list[tuple[Any, Figures]]:
    """Return endpoints or statements with percentiles; one query for a page of them."""
    if not found:
        return []
    is_endpoint = isinstance(found[0][0], Endpoint)
    hours = (EndpointHour if is_endpoint else StatementHour).objects.filter(**stretch.filters)
    owner = "endpoint_id" if is_endpoint else "statement_id"
    rows = hours.filter(**{f"{owner}__in": [one.pk for one, _ in found]}).values_list(
        owner, "count", "failed", "slow", "seconds", "longest", "sketch"
    )
    by_owner: dict[int, list[Any]] = {}
    for row in rows.iterator(chunk_size=5000):
        by_owner.setdefault(row[0], []).append(row[1:])
    return [(one, add_up(by_owner.get(one.pk, []))) for one, _ in found]


def compare_releases(
    *, application_id: int, release: str, before: str | None, since: datetime, limit: int = 20
) -> list[tuple[Endpoint, Figures, Figures]]:
    """Return endpoints with their figures in a release and in the one before it, those with most requests first.

    `before` None: there is none, and nothing to compare with.
    """
    hours = EndpointHour.objects.filter(application_id=application_id, hour__gte=since).exclude(endpoint__method="")
    rows: dict[tuple[int, str], list[Any]] = {}
    found = hours.filter(release__in=[release] if before is None else [release, before]).values_list(
        "endpoint_id", "release", "count", "failed", "slow", "seconds", "longest", "sketch"
    )
    for endpoint_id, version, *numbers in found.iterator(chunk_size=5000):
        rows.setdefault((endpoint_id, version), []).append(tuple(numbers))
    known = Endpoint.objects.in_bulk({endpoint_id for endpoint_id, _ in rows})
    pairs = [
        (
            endpoint,
            add_up(rows.get((pk, release), [])),
            add_up(rows.get((pk, before), [])) if before is not None else Figures(),
        )
        for pk, endpoint in known.items()
    ]
    return sorted(pairs, key=lambda pair: -pair[1].count)[:limit]


def list_releases_of(hours: QuerySet[Any], *, application_id: int, limit: int = 6) -> list[tuple[str, Figures]]:
    """Return the figures of an endpoint's or statement's hours by release, the newest release first."""
    rows: dict[str, list[Any]] = {}
    for version, *numbers in hours.exclude(release="").values_list(
        "release", "count", "failed", "slow", "seconds", "longest", "sketch"
    ):
        rows.setdefault(version, []).append(tuple(numbers))
    order = Release.objects.filter(application_id=application_id, version__in=rows).order_by("-first_seen")
    newest = list(order.values_list("version", flat=True)[:limit])
    newest += [version for version in rows if version not in newest][: limit - len(newest)]
    return [(version, add_up(rows[version])) for version in newest]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which single requests are looked for; empty and None: any."""

    endpoint_id: int | None = None
    status: str = ""
    at_least: float | None = None
    failed: bool = False
    user_key: bytes | None = None
    release: str = ""
    trace_id: str = ""


def list_requests(*, application_id: int, since: datetime, wanted: Wanted) -> QuerySet[Request]:
    """Return single requests, the newest first; `status` is a number or a class like 5xx."""
    found = Request.objects.filter(application_id=application_id, started_at__gte=since).select_related("endpoint")
    if wanted.endpoint_id is not None:
        found = found.filter(endpoint_id=wanted.endpoint_id)
    if len(wanted.status) == 3 and wanted.status[0].isdecimal() and wanted.status[1:].lower() == "xx":
        first = int(wanted.status[0]) * 100
        found = found.filter(status__gte=first, status__lt=first + 100)
    elif wanted.status.isdecimal() and len(wanted.status) <= 3:
        found = found.filter(status=int(wanted.status))
    if wanted.at_least is not None:
        found = found.filter(duration__gte=wanted.at_least)
    if wanted.failed:
        found = found.filter(failed=True)
    if wanted.user_key is not None:
        found = found.filter(user_key=wanted.user_key)
    if wanted.release:
        found = found.filter(release=wanted.release)
    if wanted.trace_id:
        found = found.filter(trace_id=wanted.trace_id)
    return found.order_by("-started_at")


def list_queries(
    *,
    application_id: int,
    since: datetime,
    statement_id: int | None = None,
    at_least: float | None = None,
    trace_id: str = "",
) -> QuerySet[Query]:
    """Return single queries, the newest first; `at_least` in seconds."""
    found = Query.objects.filter(application_id=application_id, started_at__gte=since).select_related("statement")
    if statement_id is not None:
        found = found.filter(statement_id=statement_id)
    if at_least is not None:
        found = found.filter(duration__gte=at_least)
    if trace_id:
        found = found.filter(trace_id=trace_id)
    return found.order_by("-started_at")


def list_slowest_queries(*, statement: Statement, since: datetime, limit: int = 20) -> list[Query]:
    """Return a statement's slowest runs."""
    found = Query.objects.filter(
        application_id=statement.application_id, statement_id=statement.pk, started_at__gte=since
    )
    return list(found.order_by("-duration")[:limit])


SPENT = Sum(F("duration") * F("weight"))
"""Seconds in all, of rows that each stand for several."""


def list_callers(*, statement: Statement, since: datetime, limit: int = 10) -> list[tuple[str, int, float]]:
    """Return which endpoints run a statement: name, runs and seconds in all."""
    found = Query.objects.filter(
        application_id=statement.application_id, statement_id=statement.pk, started_at__gte=since
    ).exclude(endpoint="")
    rows = found.values_list("endpoint").annotate(Sum("weight"), seconds=SPENT).order_by("-seconds")
    return list(rows[:limit])


def find_addresses(*, application_id: int, trace_ids: Iterable[str]) -> dict[str, str]:
    """Return the address of the page whose load or change began a trace, by trace."""
    found = Span.objects.filter(
        application_id=application_id, trace_id__in=list(trace_ids), operation__in=["pageload", "navigation"]
    )
    return {one.trace_id: str(one.attributes.get("url.full") or "") for one in found.order_by("-started_at")}


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that names one trace, each in the order it began."""

    spans: list[Span]
    requests: list[Request]
    queries: list[Query]
    errors: list[ErrorEvent]
    lines: list[LogRecord]

    @property
    def is_empty(self) -> bool:
        """Whether nothing names it."""
        return not (self.spans or self.requests or self.queries or self.errors or self.lines)


def read_trace(*, application_id: int, trace_id: str, now: datetime) -> Trace:
    """Return what is kept of a trace; five queries however much it is."""
    if not trace_id:
        return Trace([], [], [], [], [])
    wanted: dict[str, Any] = {"application_id": application_id, "trace_id": trace_id}
    since = now - TRACE_DAYS
    return Trace(
        spans=list(Span.objects.filter(**wanted, started_at__gte=since).order_by("started_at")[:SPANS_OF_TRACE]),
        requests=list(
            Request.objects.filter(**wanted, started_at__gte=since)
            .select_related("endpoint")
            .order_by("started_at")[:50]
        ),
        queries=list(
            Query.objects.filter(**wanted, started_at__gte=since)
            .select_related("statement")
            .order_by("started_at")[:SPANS_OF_TRACE]
        ),
        errors=list(
            ErrorEvent.objects.filter(**wanted, received_at__gte=since).order_by("occurred_at")[:EXCEPTIONS_OF_TRACE]
        ),
        lines=list(LogRecord.objects.filter(**wanted, at__gte=since).order_by("at")[:LINES_OF_TRACE]),
    )


def list_environments(*, application_id: int, since: datetime) -> list[str]:
    """Return where requests came from lately."""
    found = EndpointHour.objects.filter(application_id=application_id, hour__gte=since).exclude(environment="")
    return sorted(found.values_list("environment", flat=True).distinct())


def _sum_by(hours: QuerySet[Any], owner: str, order: str) -> list[dict[str, Any]]:
    summed = hours.values(owner).annotate(**_SUMS)
    chosen = ORDERS.get(order, ORDERS["seconds"])
    if chosen == "-average":
        rows = list(summed)
        return sorted(rows, key=lambda row: -row["seconds__sum"] / row["count__sum"])
    return list(summed.order_by(chosen, owner))


def _figures(row: dict[str, Any]) -> Figures:
    return Figures(row["count__sum"], row["failed__sum"], row["slow__sum"], row["seconds__sum"], row["longest__max"])


def find_endpoint_link(*, application_id: int, pk: str) -> tuple[str, str] | None:
    """Return title and address of an endpoint whose id stands in a label; None where it names none of the application's."""
    found = Endpoint.objects.filter(pk=read_id(pk), application_id=application_id).first()
    return None if found is None else (str(found), reverse("admin:monitoring_endpoint", args=[found.pk]))


def find_statement_link(*, application_id: int, pk: str) -> tuple[str, str] | None:
    """Return title and address of a database statement whose id stands in a label; None where it names none of the application's."""
    found = Statement.objects.filter(pk=read_id(pk), application_id=application_id).first()
    return None if found is None else (found.statement, reverse("admin:monitoring_statement", args=[found.pk]))
