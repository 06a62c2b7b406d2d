"""Which errors and queries are of an endpoint, of others with the same address told apart by what names a method."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Q, Sum

from monitoring.browser.pages import template_path
from monitoring.errors.enums import OPEN_STATES
from monitoring.errors.models import ErrorIssue
from monitoring.performance.models import Endpoint, Query, Request, Statement
from monitoring.performance.selectors import SPENT

_METHOD_IN_FRONT = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|CONNECT|QUERY) +(?=\S)")

#: The open issues that were seen last, and what the newest events of each name.
_EVENTS_SQL = """
SELECT DISTINCT issue.id, coalesce(event.tags ->> 'transaction', ''), event.trace_id
FROM (
    SELECT id FROM monitoring_errorissue WHERE application_id = %s AND last_seen >= %s AND state = ANY(%s)
    ORDER BY last_seen DESC LIMIT 200
) AS issue
JOIN monitoring_errorgroup AS kind ON kind.issue_id = issue.id
CROSS JOIN LATERAL (
    SELECT tags, trace_id FROM monitoring_errorevent
    WHERE group_id = kind.id AND received_at >= %s ORDER BY id DESC LIMIT 20
) AS event
"""


_EVENTS_OF_SQL = """
SELECT DISTINCT coalesce(event.tags ->> 'transaction', ''), event.trace_id
FROM monitoring_errorgroup AS kind
CROSS JOIN LATERAL (
    SELECT tags, trace_id FROM monitoring_errorevent
    WHERE group_id = kind.id AND received_at >= %s ORDER BY id DESC LIMIT 20
) AS event
WHERE kind.issue_id = %s
"""


def list_issues_of(*, endpoint: Endpoint, since: datetime, limit: int = 8) -> list[ErrorIssue]:
    """Return open issues whose newest events happened in this endpoint, the last seen first; three queries.

    The 200 issues seen last are asked for their last twenty events.
    """
    states = [state.value for state in OPEN_STATES]
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS_SQL, [endpoint.application_id, since, states, since])
        rows: list[tuple[int, str, str]] = cursor.fetchall()
    traces = {trace_id for _, _, trace_id in rows if trace_id}
    asked: dict[str, list[tuple[int, str]]] = {}
    requests = Request.objects.filter(
        application_id=endpoint.application_id, trace_id__in=traces, started_at__gte=since
    ).values_list("trace_id", "endpoint_id", "endpoint__endpoint")
    for trace_id, endpoint_id, name in requests:
        asked.setdefault(trace_id, []).append((endpoint_id, name))
    ids = {issue for issue, transaction, trace in rows if is_event_of(endpoint, transaction, asked.get(trace, []))}
    return list(ErrorIssue.objects.filter(pk__in=ids).order_by("-last_seen")[:limit])


def is_event_of(endpoint: Endpoint, transaction: str, requests: Iterable[tuple[int, str]]) -> bool:
    """Return whether an error happened in an endpoint, by its transaction and the requests of its trace (id and name of endpoint).

    A transaction without a method is that of every method, unless the trace says which. Without a transaction the whole
    trace has to be the endpoint's: a page's trace holds requests of many.
    """
    known = list(requests)
    if not transaction:
        return bool(known) and all(pk == endpoint.pk for pk, _ in known)
    front = _METHOD_IN_FRONT.match(transaction)
    name = transaction[front.end() :] if front else transaction
    if endpoint.endpoint not in {name, template_path(name) if name.startswith("/") else name}:
        return False
    if front:
        return front[1] == endpoint.method
    alike = {pk for pk, other in known if other == endpoint.endpoint}
    return not alike or endpoint.pk in alike


def list_queries_of(*, endpoint: Endpoint, since: datetime, limit: int = 10) -> list[tuple[Statement, int, float]]:
    """Return which statements an endpoint runs: statement, runs and seconds in all.

    Queries name an address. Where it answers other methods too, those of a trace that holds only such a request are left out.
    """
    wanted = {"application_id": endpoint.application_id, "started_at__gte": since}
    found = Query.objects.filter(**wanted, endpoint=endpoint.endpoint)
    alike = Endpoint.objects.filter(application_id=endpoint.application_id, endpoint=endpoint.endpoint)
    others = list(alike.exclude(pk=endpoint.pk).values_list("pk", flat=True))
    if others:
        traces = Request.objects.filter(**wanted).exclude(trace_id="").values("trace_id")
        own = traces.filter(endpoint_id=endpoint.pk)
        found = found.exclude(Q(trace_id__in=traces.filter(endpoint_id__in=others)) & ~Q(trace_id__in=own))
    rows = list(
        found.order_by().values_list("statement_id").annotate(Sum("weight"), seconds=SPENT).order_by("-seconds")[:limit]
    )
    known = Statement.objects.in_bulk([row[0] for row in rows])
    return [(known[pk], count, seconds) for pk, count, seconds in rows if pk in known]


def find_callers(*, application_id: int, names: Iterable[str]) -> dict[str, list[Endpoint]]:
    """Return the endpoints of each name, by method: queries name no method."""
    found: dict[str, list[Endpoint]] = {}
    for endpoint in Endpoint.objects.filter(application_id=application_id, endpoint__in=list(names)).order_by("method"):
        found.setdefault(endpoint.endpoint, []).append(endpoint)
    return found


def list_endpoints_of(*, issue_id: int, application_id: int, since: datetime, limit: int = 5) -> list[Endpoint]:
    """Return the endpoints that an issue's newest events happened in: by their transaction, and by the requests of their trace."""
    with connection.cursor() as cursor:
        cursor.execute(_EVENTS_OF_SQL, [since, issue_id])
        rows: list[tuple[str, str]] = cursor.fetchall()
    names = {_METHOD_IN_FRONT.sub("", transaction) for transaction, _ in rows if transaction}
    names |= {template_path(name) for name in names if name.startswith("/")}
    asked: dict[str, list[tuple[int, str]]] = {}
    requests = Request.objects.filter(
        application_id=application_id, trace_id__in={trace for _, trace in rows if trace}, started_at__gte=since
    ).values_list("trace_id", "endpoint_id", "endpoint__endpoint")
    for trace_id, endpoint_id, name in requests:
        asked.setdefault(trace_id, []).append((endpoint_id, name))
    ids = {pk for some in asked.values() for pk, _ in some}
    known = Endpoint.objects.filter(Q(endpoint__in=names) | Q(pk__in=ids), application_id=application_id)
    found = [
        one
        for one in known.exclude(method="").order_by("pk")
        if any(is_event_of(one, transaction, asked.get(trace, [])) for transaction, trace in rows)
    ]
    return found[:limit]
