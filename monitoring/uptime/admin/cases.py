"""The page of one check: where it stands and why, how it was, what can be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from config.admin.states import State
from config.lengths import describe_seconds
from config.related import find_related
from monitoring.charts.spec import Chart, Line, Mark, Threshold
from monitoring.uptime.admin.checks import write_availability
from monitoring.uptime.availability import Downtime, list_downtimes, measure_availability
from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.models import Check
from monitoring.uptime.selectors import PERIODS, list_changes, list_coming_windows, list_results
from monitoring.uptime.services.checks import CheckPaused, NotProbed, check_now, pause_check, resume_check
from monitoring.uptime.services.recording import DURATION

VIEW, CHANGE = "monitoring.view_check", "monitoring.change_check"
ADDRESS = "monitoring/check/<int:pk>"
SHOWN_RESULTS, SHOWN_DOWNTIMES = 12, 20
CHART_SECONDS = 24 * 3600
GOOD_RATIO, FAIR_RATIO = 0.999, 0.99


@admin_page(f"{ADDRESS}/case/", name="monitoring_check_case", permission=VIEW)
def case(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show a check."""
    check = _find(pk)
    context = {**admin.site.each_context(request), **describe_case(request, check)}
    return render(request, "monitoring/uptime/case.html", context)


@admin_page(f"{ADDRESS}/now/", name="monitoring_check_now", permission=VIEW)
def now_part(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return the part of the page that renews itself."""
    return render(request, "monitoring/uptime/now.html", describe_case(request, _find(pk)))


@admin_page(f"{ADDRESS}/look/", name="monitoring_check_look", permission=CHANGE)
@require_POST
def look_now(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Have it looked at at once."""
    try:
        check_now(check=_find(pk))
    except (CheckPaused, NotProbed) as error:
        messages.info(request, str(error))
    else:
        messages.success(request, "It is being looked at; the result shows up here in a few seconds.")
    return redirect("admin:monitoring_check_case", pk)


@admin_page(f"{ADDRESS}/pause/", name="monitoring_check_pause", permission=CHANGE)
@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Stop looking."""
    return _switch(
        request, pk, pause_check, yes="Paused: it is not looked at, and nobody is told.", no="It was paused."
    )


@admin_page(f"{ADDRESS}/resume/", name="monitoring_check_resume", permission=CHANGE)
@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Look again."""
    return _switch(request, pk, resume_check, yes="It is watched again.", no="It was not paused.")


def describe_case(request: HttpRequest, check: Check) -> dict[str, Any]:
    """Return the context of a check's page."""
    now = timezone.now()
    changes = list_changes([check.pk], since=now - max(PERIODS.values())).get(check.pk, [])
    downtimes = list_downtimes(changes)
    state = CheckState(check.state)
    return {
        "title": check.name,
        "opts": Check._meta,
        "original": check,
        "check": check,
        "state": state,
        "kind": CheckKind(check.kind),
        "can_change": request.user.has_perm(CHANGE),
        "can_plan": request.user.has_perm("monitoring.add_maintenancewindow"),
        "availabilities": [
            _describe_period(name, measure_availability(changes, start=now - period, end=now).ratio)
            for name, period in PERIODS.items()
        ],
        "downtimes": [_describe_downtime(one, now=now) for one in downtimes[:SHOWN_DOWNTIMES]],
        "results": list(list_results(check, limit=SHOWN_RESULTS)),
        "windows": list_coming_windows(check, now=now),
        "chart": draw_durations(check, downtimes),
        "ping_url": f"{settings.PUBLIC_URL}{reverse('check-ping', args=[check.ping_key])}",
        "interval": describe_seconds(check.interval_seconds),
        "grace": describe_seconds(check.grace_seconds),
        "timeout": describe_seconds(check.timeout_seconds),
        "expectations": _describe_expectations(check),
        "related": find_related(request, "check", application_id=check.application_id, pk=check.pk),
        "is_fullwidth": "1",
    }


def draw_durations(check: Check, downtimes: list[Downtime]) -> Chart:
    """Return the chart of a check's response times (of a heartbeat: how long its job ran), with its outages marked."""
    name = "How long the job ran" if check.kind == CheckKind.HEARTBEAT else "Response time"
    limit = () if check.kind == CheckKind.HEARTBEAT else (Threshold(check.timeout_seconds, "bad", "counts as down"),)
    recent = [one for one in downtimes if one.end is None or one.start.timestamp() > 0][:5]
    return Chart(
        title=f"{name}, 24 hours",
        lines=(Line(f'max_over_time({DURATION}{{check_id="{check.pk}"}}[$window])', name.lower()),),
        unit="seconds",
        height="medium",
        thresholds=limit,
        marks=tuple(Mark(one.start.timestamp(), "down", "bad") for one in recent),
        application_id=check.application_id,
        range_seconds=CHART_SECONDS,
        key=f"check-{check.pk}",
        empty="Nothing was measured in this time.",
    )


def _switch(request: HttpRequest, pk: int, act: Callable[..., bool], *, yes: str, no: str) -> HttpResponseBase:
    changed = act(check=_find(pk), by=request.user.get_username())
    (messages.success if changed else messages.info)(request, yes if changed else no)
    return redirect("admin:monitoring_check_case", pk)


def _find(pk: int) -> Check:
    check = Check.objects.select_related("application").filter(pk=pk).first()
    if check is None:
        raise Http404("There is no such check.")
    return check


def _describe_period(name: str, ratio: float | None) -> dict[str, Any]:
    state = State.QUIET if ratio is None or ratio >= GOOD_RATIO else State.WATCH if ratio >= FAIR_RATIO else State.BAD
    return {"name": name, "text": write_availability(ratio), "state": state}


def _describe_downtime(downtime: Downtime, *, now: datetime) -> dict[str, Any]:
    return {
        "start": downtime.start,
        "end": downtime.end,
        "reason": downtime.reason,
        "lasted": describe_seconds(downtime.lasted(now=now).total_seconds()),
    }


def _describe_expectations(check: Check) -> list[tuple[str, str]]:
    if check.kind == CheckKind.TLS:
        return [("Good for", f"at least {check.tls_days} days")]
    if check.kind != CheckKind.HTTP:
        return []
    found = [("Status", check.statuses)]
    if check.header_name:
        found.append(("Header", f"{check.header_name}: {check.header_value or 'anything'}"))
    if check.body_contains:
        found.append(("Body contains", check.body_contains))
    if check.body_pattern:
        found.append(("Body matches", check.body_pattern))
    if check.json_path:
        found.append(("JSON", f"{check.json_path} is {check.json_value or 'there'}"))
    return found
