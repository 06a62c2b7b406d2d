"""The pages of one endpoint and of one database statement."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from config.admin.pages import admin_page
from config.related import find_related
from monitoring.applications.links import page_url, release_url
from monitoring.applications.models import Application
from monitoring.browser.drawings import count_bins, draw_distribution
from monitoring.browser.targets import Target
from monitoring.performance.admin.board import list_cards
from monitoring.performance.admin.parts import (
    RANGE_WORDS,
    VIEW,
    Row,
    draw_errors,
    draw_rate,
    draw_times,
    endpoint_url,
    list_ranges,
    make_card,
    make_cells,
    person_url,
    quote,
    read_range,
    statement_url,
    trace_url,
)
from monitoring.performance.attribution import find_callers, list_issues_of, list_queries_of
from monitoring.performance.models import Endpoint, EndpointHour, Statement, StatementHour
from monitoring.performance.selectors import (
    RANGES,
    Wanted,
    find_stretch,
    list_callers,
    list_releases_of,
    list_requests,
    list_slowest_queries,
    sum_queries,
    sum_requests,
)
from monitoring.performance.summaries import Figures, add_up
from monitoring.performance.targets import P95, QUERY_AVERAGE, QUERY_P95

SHOWN = 15
#: Single rows are looked through for a week at most; hours tell of longer.
ROWS_FOR = timedelta(days=7)


@admin_page("monitoring/endpoints/<int:pk>/", name="monitoring_endpoint", permission=VIEW)
def show_endpoint(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one endpoint or job."""
    endpoint = Endpoint.objects.filter(pk=pk).first()
    if endpoint is None:
        raise Http404("There is no such endpoint.")
    chosen, now = read_range(request), timezone.now()
    stretch = find_stretch(application_id=endpoint.application_id, chosen=chosen, now=now)
    since = now - min(RANGES[chosen], ROWS_FOR)
    hours = EndpointHour.objects.filter(endpoint=endpoint, hour__gte=stretch.start)
    is_job = not endpoint.method
    can_see_issues = not is_job and request.user.has_perm("monitoring.view_errorissue")
    figures = sum_requests(stretch, endpoint=endpoint) if not is_job else _sum(hours)
    rows = list_requests(application_id=endpoint.application_id, since=since, wanted=Wanted(endpoint_id=endpoint.pk))
    metric = "job_duration_seconds" if is_job else "http_server_request_duration_seconds"
    selector = (
        f"job={quote(endpoint.endpoint)}"
        if is_job
        else f"http_route={quote(endpoint.endpoint)},http_request_method={quote(endpoint.method)}"
    )
    common: dict[str, Any] = {
        "application_id": endpoint.application_id,
        "chosen": chosen,
        "key": f"endpoint-{pk}",
    }
    charts = [
        draw_times(**common, metric=metric, selector=selector, title="Response time", target=P95),
        draw_rate(**common, metric=metric, selector=selector, title="How often"),
    ]
    if not is_job:
        charts.append(draw_errors(**common, selector=selector))
    context = {
        **_describe(request, endpoint.application, chosen),
        "title": str(endpoint),
        "endpoint": endpoint,
        "figures": figures,
        "cards": list_cards(figures, Figures(), chosen),
        "charts": charts,
        "picture": draw_picture(P95, figures),
        "releases": compare(hours, endpoint.application_id, is_query=False),
        "slowest": [describe_request(one) for one in rows.order_by("-duration")[:SHOWN]],
        "newest": [describe_request(one) for one in rows[:SHOWN]],
        "all_url": page_url("monitoring_requests", application_id=endpoint.application_id, endpoint=pk),
        "failed_url": page_url("monitoring_requests", application_id=endpoint.application_id, endpoint=pk, failed=1),
        "statements": [
            (statement, statement_url(statement, chosen=chosen), count, seconds)
            for statement, count, seconds in list_queries_of(endpoint=endpoint, since=since)
        ],
        "can_see_issues": can_see_issues,
        "issues": list_issues_of(endpoint=endpoint, since=now - ROWS_FOR) if can_see_issues else [],
        "related": find_related(request, "endpoint", application_id=endpoint.application_id, pk=endpoint.pk),
    }
    return render(request, "monitoring/performance/endpoint.html", context)


@admin_page("monitoring/statements/<int:pk>/", name="monitoring_statement", permission=VIEW)
def show_statement(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show one database statement."""
    statement = Statement.objects.filter(pk=pk).first()
    if statement is None:
        raise Http404("There is no such statement.")
    chosen, now = read_range(request), timezone.now()
    stretch = find_stretch(application_id=statement.application_id, chosen=chosen, now=now)
    since = now - min(RANGES[chosen], ROWS_FOR)
    figures = sum_queries(stretch, statement=statement)
    hours = StatementHour.objects.filter(statement=statement, hour__gte=stretch.start)
    context = {
        **_describe(request, statement.application, chosen),
        "title": str(statement)[:80],
        "statement": statement,
        "figures": figures,
        "cards": [
            make_card("Average", QUERY_AVERAGE, figures.average),
            make_card("95th percentile", QUERY_P95, figures.p95),
        ],
        "cells": make_cells(figures, is_query=True),
        "picture": draw_picture(QUERY_P95, figures),
        "releases": compare(hours, statement.application_id, is_query=True),
        "runs": [
            (
                one,
                trace_url(one.trace_id, application_id=one.application_id),
                release_url(one.release, application_id=one.application_id),
            )
            for one in list_slowest_queries(statement=statement, since=since)
        ],
        "callers": describe_callers(statement, since=since, chosen=chosen),
        "related": find_related(request, "statement", application_id=statement.application_id, pk=statement.pk),
    }
    return render(request, "monitoring/performance/statement.html", context)


def describe_request(one: Any) -> dict[str, Any]:
    """Return a single request as its row shows it."""
    return {
        "request": one,
        "endpoint": str(one.endpoint),
        "endpoint_url": endpoint_url(one.endpoint),
        "trace_url": trace_url(one.trace_id, application_id=one.application_id),
        "user": bytes(one.user_key).hex() if one.user_key is not None else "",
        "user_url": person_url(one.user_key, application_id=one.application_id),
        "release_url": release_url(one.release, application_id=one.application_id),
        "tone": "bad" if one.failed else "watch" if one.status >= 400 else "well",
    }


def describe_callers(
    statement: Statement, *, since: datetime, chosen: str
) -> list[tuple[str, list[tuple[str, str]], int, float]]:
    """Return who runs a statement: name, each endpoint of that name with its address, runs, seconds in all."""
    callers = list_callers(statement=statement, since=since)
    known = find_callers(application_id=statement.application_id, names=[name for name, _, _ in callers])
    return [
        (name, [(str(one), endpoint_url(one, chosen=chosen)) for one in known.get(name, [])], count, seconds)
        for name, count, seconds in callers
    ]


def compare(hours: QuerySet[Any], application_id: int, *, is_query: bool) -> list[Row]:
    """Return releases, the newest first, each with how its p95 differs from that of the one before."""
    found = list_releases_of(hours, application_id=application_id)
    rows = []
    for place, (version, figures) in enumerate(found):
        before = found[place + 1][1] if place + 1 < len(found) else None
        note, tone = write_change(figures, before)
        url = release_url(version, application_id=application_id)
        rows.append(Row(version, url, figures, make_cells(figures, is_query=is_query), note, tone))
    return rows


def write_change(figures: Figures, before: Figures | None) -> tuple[str, str]:
    """Return in words how a release's p95 differs, and its state; too few of either say nothing."""
    if before is None or figures.p95 is None or not before.p95 or min(figures.count, before.count) < 20:
        return "", "quiet"
    change = figures.p95 / before.p95 - 1
    if abs(change) < 0.1:
        return "as before", "quiet"
    words = f"p95 {abs(change):.0%} {'slower' if change > 0 else 'faster'}".replace("%", " %")
    return words, "watch" if change > 0 else "well"


def draw_picture(target: Target, figures: Figures) -> dict[str, Any] | None:
    """Return the distribution with the table behind it, None without any."""
    if figures.sketch is None or not figures.sketch.count:
        return None
    svg: SafeString = mark_safe(draw_distribution(target, figures.sketch, label="Duration"))  # noqa: S308  (numbers and words of ours)
    bins, _ = count_bins(target, figures.sketch)
    return {"svg": svg, "bins": [(start, count) for start, count in bins if count]}


def _sum(hours: QuerySet[EndpointHour]) -> Figures:
    return add_up(hours.values_list("count", "failed", "slow", "seconds", "longest", "sketch"))


def _describe(request: HttpRequest, application: Application, chosen: str) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "application": application,
        "chosen_range": chosen,
        "range_words": RANGE_WORDS[chosen],
        "ranges": list_ranges(request, chosen),
        "is_fullwidth": "1",
    }
