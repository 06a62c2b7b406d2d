"""Whether the application answers quickly: the answer, its figures, and what takes longest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from config.admin.pages import admin_page
from config.admin.states import State
from config.exports import make_csv
from config.figures import write_short
from monitoring.applications.current import find_current_application
from monitoring.applications.models import Application
from monitoring.performance.admin.parts import (
    RANGE_WORDS,
    VIEW,
    Card,
    Row,
    draw_errors,
    draw_rate,
    draw_times,
    endpoint_url,
    list_ranges,
    make_card,
    make_cells,
    read_range,
    seconds_of,
    statement_url,
)
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.selectors import (
    Stretch,
    find_stretch,
    is_reporting,
    list_endpoints,
    list_environments,
    list_statements,
    read_sketches,
    sum_queries,
    sum_requests,
)
from monitoring.performance.summaries import Figures
from monitoring.performance.targets import AVERAGE, ERROR_SHARE, P95, QUERY_AVERAGE, QUERY_P95, judge

SHOWN = 25
TABS = {"endpoints": "Endpoints", "queries": "Database queries", "jobs": "Jobs"}
SORTS = {
    "seconds": "Most time in all",
    "average": "Slowest on average",
    "longest": "Longest single one",
    "count": "Most often",
    "failed": "Most failures",
}
EXPORTED = 1000
REQUESTS = 'http_request_method!=""'


@admin_page("monitoring/performance/", name="monitoring_performance", permission=VIEW)
def show_board(request: HttpRequest) -> HttpResponseBase:
    """Show how the chosen application performs."""
    application = find_current_application(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Performance",
        "application": application,
        "is_fullwidth": "1",
    }
    if application is not None and is_reporting(application_id=application.pk):
        context |= _describe(request, application)
    return render(request, "monitoring/performance/board.html", context)


def _describe(request: HttpRequest, application: Application) -> dict[str, Any]:
    chosen = read_range(request)
    now = timezone.now()
    stretch = find_stretch(
        application_id=application.pk, chosen=chosen, now=now, environment=request.GET.get("environment", "")
    )
    requests, queries = sum_requests(stretch), sum_queries(stretch)
    verdict = judge(count=requests.count, average=requests.average, p95=requests.p95, error_share=requests.error_share)
    return {
        "is_reporting": True,
        "chosen_range": chosen,
        "range_words": RANGE_WORDS[chosen],
        "ranges": list_ranges(request, chosen),
        "verdict": verdict,
        "requests": requests,
        "queries": queries,
        "cards": list_cards(requests, queries, chosen),
        "charts": [
            draw_times(
                application_id=application.pk,
                chosen=chosen,
                metric="http_server_request_duration_seconds",
                selector=REQUESTS,
                title="Response time",
                key="performance",
                target=P95,
            ),
            draw_rate(
                application_id=application.pk,
                chosen=chosen,
                metric="http_server_request_duration_seconds",
                selector=REQUESTS,
                title="Requests",
                key="performance",
            ),
            draw_errors(application_id=application.pk, chosen=chosen, selector=REQUESTS, key="performance"),
        ],
        "environment": stretch.environment,
        "environments": list_environments(application_id=application.pk, since=stretch.start),
        **_describe_table(request, stretch, chosen),
    }


def list_cards(requests: Figures, queries: Figures, chosen: str) -> list[Card]:
    """Return the big figures: requests, then queries where there are any."""
    cards = [
        Card("Requests", write_short(requests.count), State.QUIET, write_rate(requests.count, seconds_of(chosen))),
        make_card("Failed", ERROR_SHARE, requests.error_share),
        make_card("Average", AVERAGE, requests.average),
        make_card("95th percentile", P95, requests.p95),
        Card("Slow", write_short(requests.slow), State.WATCH if requests.slow else State.WELL, "took longer than 5 s"),
    ]
    if queries.count:
        cards += [
            make_card("Query, average", QUERY_AVERAGE, queries.average),
            make_card("Query, 95th percentile", QUERY_P95, queries.p95),
            Card(
                "Slow queries",
                write_short(queries.slow),
                State.WATCH if queries.slow else State.WELL,
                "took longer than 1 s",
            ),
        ]
    return cards


def write_rate(count: int, seconds: int) -> str:
    """Return how many of them there are in a second, minute or hour, whichever makes a number to read."""
    name, length = next(
        ((name, length) for name, length in (("second", 1), ("minute", 60)) if count * length >= seconds),
        ("hour", 3600),
    )
    rate = count * length / seconds
    return f"{write_short(rate) if rate >= 1 else 'less than 1'} per {name} on average"


def _describe_table(request: HttpRequest, stretch: Stretch, chosen: str) -> dict[str, Any]:
    tab, search, sort = _read_table(request)
    found = _list(stretch, tab=tab, search=search, sort=sort)
    shown = Paginator(found, SHOWN).get_page(request.GET.get("p"))
    kept = {"range": chosen, "tab": tab, "q": search, "sort": sort, "environment": stretch.environment}
    base = {"range": chosen, "sort": sort, "environment": stretch.environment}
    return {
        "tab": tab,
        "tabs": [(urlencode({**base, "tab": key}), words, key == tab) for key, words in TABS.items()],
        "search": search,
        "sort": sort,
        "sorts": list(SORTS.items()),
        "rows": [make_row(one, figures, chosen) for one, figures in read_sketches(stretch, list(shown.object_list))],
        "total": len(found),
        "paging": shown,
        "paging_query": urlencode(kept),
        "export_url": f"{reverse('admin:monitoring_performance_export')}?{urlencode(kept)}",
    }


def _read_table(request: HttpRequest) -> tuple[str, str, str]:
    tab, sort = request.GET.get("tab", "endpoints"), request.GET.get("sort", "seconds")
    search = request.GET.get("q", "").strip()
    return tab if tab in TABS else "endpoints", search, sort if sort in SORTS else "seconds"


def _list(stretch: Stretch, *, tab: str, search: str, sort: str) -> list[tuple[Endpoint | Statement, Figures]]:
    if tab == "queries":
        return [*list_statements(stretch, search=search, order=sort)]
    kind = "jobs" if tab == "jobs" else "requests"
    return [*list_endpoints(stretch, kind=kind, search=search, order=sort)]  # type: ignore[arg-type]  # one of two words


def make_row(one: Endpoint | Statement, figures: Figures, chosen: str) -> Row:
    """Return the line of an endpoint or statement."""
    if isinstance(one, Endpoint):
        return Row(one.endpoint, endpoint_url(one, chosen=chosen), figures, make_cells(figures), chip=one.method)
    cells = make_cells(figures, is_query=True)
    return Row(one.statement[:300], statement_url(one, chosen=chosen), figures, cells, one.table, one.operation)


@admin_page("monitoring/performance/table.csv", name="monitoring_performance_export", permission=VIEW)
def export_table(request: HttpRequest) -> HttpResponse:
    """Return the chosen table as the page lists it, a thousand lines at most; seconds."""
    application = find_current_application(request)
    if application is None:
        raise Http404("There is no application.")
    tab, search, sort = _read_table(request)
    stretch = find_stretch(
        application_id=application.pk,
        chosen=read_range(request),
        now=timezone.now(),
        environment=request.GET.get("environment", ""),
    )
    found = read_sketches(stretch, _list(stretch, tab=tab, search=search, sort=sort)[:EXPORTED])
    header = ["name", "method", "count", "failed", "slow", "seconds", "average", "p50", "p75", "p95", "p99", "longest"]
    rows = [
        [
            one.endpoint if isinstance(one, Endpoint) else one.statement,
            one.method if isinstance(one, Endpoint) else one.operation,
            *(figures.count, figures.failed, figures.slow),
            *(
                None if value is None else f"{value:.4g}"
                for value in (
                    *(figures.seconds, figures.average, figures.p50),
                    *(figures.p75, figures.p95, figures.p99, figures.longest),
                )
            ),
        ]
        for one, figures in found
    ]
    return make_csv(f"{tab}-{application.slug}", header, rows)
