"""The page of one trace: what happened within what, and how long each took."""

from __future__ import annotations

from dataclasses import replace

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from config.admin.pages import admin_page
from config.related import Related, find_related
from monitoring.applications.current import find_current_application
from monitoring.applications.links import release_url
from monitoring.errors.models import ErrorEvent, ErrorGroup
from monitoring.performance.admin.parts import VIEW, endpoint_url, person_url, statement_url
from monitoring.performance.selectors import Trace, read_trace
from monitoring.performance.waterfall import Piece, lay_out

ENDPOINTS = 10
"""Endpoints of a trace that are asked for what is related to them."""


@admin_page("monitoring/traces/<str:trace_id>/", name="monitoring_trace", permission=VIEW)
def show_trace(request: HttpRequest, trace_id: str) -> HttpResponseBase:
    """Show a trace of the chosen application, its errors to those who may see errors."""
    application = find_current_application(request)
    trace_id = trace_id.replace("\x00", "").replace("-", "").lower()[:32]
    now = timezone.now()
    trace = (
        read_trace(application_id=application.pk, trace_id=trace_id, now=now)
        if application is not None
        else Trace([], [], [], [], [])
    )
    can_see_errors = request.user.has_perm("monitoring.view_errorissue")
    if not can_see_errors:
        trace = replace(trace, errors=[])
    issues = find_issue_ids(trace.errors)
    bars, seconds = lay_out(list_pieces(trace, issues))
    users = {(bytes(one.user_key), one.application_id) for one in trace.requests if one.user_key is not None}
    context = {
        **admin.site.each_context(request),
        "title": f"Trace {trace_id[:8]}",
        "application": application,
        "trace": trace,
        "trace_id": trace_id,
        "bars": bars,
        "seconds": seconds,
        "errors": [(event, issues.get(event.group_id)) for event in trace.errors],
        "releases": [
            (version, release_url(version, application_id=application.pk))
            for version in sorted({one.release for one in trace.requests} | {one.release for one in trace.spans})
            if version and application is not None
        ],
        "related": _list_related(request, trace),
        "users": [
            (key.hex()[:8], person_url(key, application_id=application_id)) for key, application_id in sorted(users)
        ],
        "can_see_errors": can_see_errors,
        "is_fullwidth": "1",
    }
    return render(request, "monitoring/performance/trace.html", context)


def _list_related(request: HttpRequest, trace: Trace) -> list[Related]:
    asked = sorted({(one.endpoint_id, one.application_id) for one in trace.requests})
    found = [find_related(request, "endpoint", application_id=owner, pk=pk) for pk, owner in asked[:ENDPOINTS]]
    return [each for some in found for each in some]


def list_pieces(trace: Trace, issues: dict[int, int]) -> list[Piece]:
    """Return the pieces of the waterfall: spans, and requests and queries that no span stands for."""
    known = {span.span_id for span in trace.spans}
    pieces = [
        Piece(
            kind=span.operation or span.kind,
            name=span.name,
            started_at=span.started_at,
            duration=span.duration,
            key=span.span_id,
            parent=span.parent_id,
            detail=span.service,
            failed=span.failed,
        )
        for span in trace.spans
    ]
    roots = [one for one in trace.requests if not one.span_id or one.span_id not in known]
    pieces += [
        Piece(
            kind="request" if one.endpoint.method else "job",
            name=str(one.endpoint),
            started_at=one.started_at,
            duration=one.duration,
            key=one.span_id or one.record_id.hex,
            detail=str(one.status) if one.status else "",
            failed=one.failed,
            url=endpoint_url(one.endpoint),
        )
        for one in roots
    ]
    # A client without spans tells of a request and its queries only: those lie within the request.
    parent = (roots[0].span_id or roots[0].record_id.hex) if len(roots) == 1 else ""
    pieces += [
        Piece(
            kind="query",
            name=query.statement.statement[:200],
            started_at=query.started_at,
            duration=query.duration,
            key=query.span_id,
            parent=parent,
            failed=query.failed,
            url=statement_url(query.statement),
        )
        for query in trace.queries
        if not query.span_id or query.span_id not in known
    ]
    return pieces


def find_issue_ids(events: list[ErrorEvent]) -> dict[int, int]:
    """Return the issue of each group that events are of."""
    groups = (
        ErrorGroup.objects.filter(pk__in={event.group_id for event in events}) if events else ErrorGroup.objects.none()
    )
    return dict(groups.values_list("pk", "issue_id"))
