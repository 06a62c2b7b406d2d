"""Uptime on the admin home: what is watched from outside, what is down on top."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse

from config.admin.states import State
from config.panels import Panel, panel
from monitoring.applications.current import find_current_application
from monitoring.uptime.enums import CheckState
from monitoring.uptime.models import Check
from monitoring.uptime.selectors import Standing, measure_standing

SHOWN = 5


@panel(key="uptime", title="Uptime", order=25, width=1, permission="monitoring.view_check")
def uptime(request: HttpRequest) -> Panel:
    """The checks of the chosen application."""
    application = find_current_application(request)
    url = reverse("admin:monitoring_check_changelist")
    standing = measure_standing(application_id=application.pk) if application else None
    if application is None or standing is None or not standing.total:
        text = "Nothing is watched from outside yet. Begin with your ERP's login page."
        nothing = {"text": text, "url": reverse("admin:monitoring_check_add"), "action": "Add a check"}
        return Panel("monitoring/panels/nothing.html", nothing)
    checks = Check.objects.filter(application=application).by_need()[:SHOWN]
    rows = [_describe(check) for check in checks]
    state, words = _summarise(standing)
    context = {"checks": rows, "more": standing.total - len(rows)}
    return Panel("monitoring/panels/uptime.html", context, state, words, url)


def _describe(check: Check) -> dict[str, object]:
    state = CheckState(check.state)
    is_amiss = state in {CheckState.DOWN, CheckState.PENDING}
    return {
        "name": check.name,
        "url": check.get_absolute_url(),
        "tone": state.tone,
        "label": state.label,
        "note": check.reason if is_amiss else "",
        "since": check.changed_at,
    }


def _summarise(standing: Standing) -> tuple[State, str]:
    if standing.down:
        return State.BAD, f"{standing.down} down"
    if standing.pending:
        return State.WATCH, "something fails"
    return (State.WELL, "all up") if standing.up else (State.QUIET, "not looked at")
