"""Errors on the admin home: those that wait for somebody."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.panels import Panel, panel
from monitoring.applications.current import find_current_application
from monitoring.errors.enums import IssueState
from monitoring.errors.selectors import count_by_hour, list_issues

SHOWN = 4


@panel(key="errors", title="Errors", order=28, width=1, permission="monitoring.view_errorissue")
def errors(request: HttpRequest) -> Panel:
    """The errors of the chosen application that wait for somebody: the critical first, then the newest seen."""
    application = find_current_application(request)
    url = reverse("admin:monitoring_errorissue_changelist")
    if application is None:
        add = reverse("admin:monitoring_application_add")
        text = "Add your ERP as an application: its errors are gathered here."
        return Panel("monitoring/panels/nothing.html", {"text": text, "url": add, "action": "Add an application"})
    waiting = list_issues(application_id=application.pk).waiting()
    issues = list(waiting.by_need()[:SHOWN])
    if not issues:
        return Panel("monitoring/panels/errors.html", {"issues": []}, State.WELL, "nothing waits", url)
    hours = count_by_hour(issue_ids=[issue.pk for issue in issues], now=timezone.now())
    total = waiting.count()
    rows = [(issue, IssueState(issue.state), hours[issue.pk]) for issue in issues]
    is_bad = any(issue.critical_at or issue.state == IssueState.REGRESSED for issue in issues)
    return Panel(
        "monitoring/panels/errors.html",
        {"issues": rows, "more": total - len(issues)},
        State.BAD if is_bad else State.WATCH,
        f"{total} wait{'s' if total == 1 else ''}",
        url,
    )
