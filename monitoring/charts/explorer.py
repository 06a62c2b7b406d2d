"""The Metrics page: ask anything, see it as a chart and as figures."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

from config.admin.pages import admin_page
from monitoring.applications.current import find_current_application
from monitoring.applications.models import Application
from monitoring.charts.spec import UNITS, Chart, Line, choose_step, fill_window
from monitoring.metrics import promql
from monitoring.metrics.models import MetricSeries

RANGES = {"15m": 900, "1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
MAX_NAMES = 200
MAX_QUERIES = 4
UNIT_WORDS = {
    "number": "Number",
    "ratio": "Ratio (as %)",
    "bytes": "Bytes",
    "bytes_per_second": "Bytes per second",
    "seconds": "Seconds",
    "per_second": "Per second",
}


@admin_page("monitoring/metrics/", name="monitoring_metrics_explorer", permission="monitoring.view_application")
def explore(request: HttpRequest) -> HttpResponseBase:
    """Show the query box, the names of what is reported, and the chart of the query."""
    application = find_current_application(request, chosen=request.GET.get("application"))
    queries = [query.strip() for query in request.GET.getlist("query") if query.strip()][:MAX_QUERIES]
    unit = request.GET.get("unit", "")
    unit = unit if unit in UNITS else guess_unit(queries[0] if queries else "")
    chosen_range = request.GET.get("range", "1h")
    seconds = RANGES.get(chosen_range, 3600)
    problem = _find_problem(queries, seconds)
    chart = None
    if application is not None and queries and not problem:
        lines = tuple(Line(query) for query in queries)
        chart = Chart(
            title=" and ".join(queries),
            lines=lines,
            unit=unit,
            height="large",
            application_id=application.pk,
            range_seconds=seconds,
        )
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Metrics",
        "application": application,
        "queries": queries or [""],
        "problem": problem,
        "chart": chart,
        "unit": unit,
        "units": [(name, UNIT_WORDS[name]) for name in UNITS],
        "ranges": list(RANGES),
        "chosen_range": chosen_range if chosen_range in RANGES else "1h",
        "is_fullwidth": "1",
        **_list_names(application, ""),
    }
    return render(request, "monitoring/explorer.html", context)


@admin_page("monitoring/metrics/names/", name="monitoring_metric_names", permission="monitoring.view_application")
def names(request: HttpRequest) -> HttpResponseBase:
    """Return the names of metrics that contain `search`, for the list beside the query."""
    application = find_current_application(request, chosen=request.GET.get("application"))
    found = _list_names(application, request.GET.get("search", ""))
    return render(request, "monitoring/metric_names.html", {"application": application, **found})


def guess_unit(query: str) -> str:
    """Return the unit that a query's metric names in its suffix, as Prometheus and OpenTelemetry spell it."""
    is_rate = any(function in query for function in ("rate(", "deriv("))
    if "bytes" in query:
        return "bytes_per_second" if is_rate or "bytes_per_second" in query else "bytes"
    if "_ratio" in query:
        return "ratio"
    if is_rate:
        return "per_second"
    return "seconds" if "_seconds" in query and "_total" not in query else "number"


def _find_problem(queries: list[str], seconds: int) -> dict[str, Any] | None:
    """Return the first query that is not PromQL, with what is wrong and where; None if all are."""
    step = choose_step(seconds, 600)
    for query in queries:
        try:
            promql.parse(fill_window(query, step))
        except promql.PromQLError as error:
            place = None if error.position is None else min(error.position, len(query))
            return {
                "query": query,
                "message": error.message,
                "before": query[:place] if place is not None else "",
                "after": query[place:] if place is not None else "",
                "character": None if place is None else place + 1,
            }
    return None


def _list_names(application: Application | None, search: str) -> dict[str, Any]:
    if application is None:
        return {"names": [], "names_left_out": False, "search": search}
    found = MetricSeries.objects.filter(application=application)
    for word in search.split():
        found = found.filter(name__icontains=word)
    first = list(found.order_by("name").values_list("name", flat=True).distinct()[: MAX_NAMES + 1])
    return {"names": first[:MAX_NAMES], "names_left_out": len(first) > MAX_NAMES, "search": search}
