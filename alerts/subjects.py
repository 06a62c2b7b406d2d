"""What an alert is about, by the labels that name things of the rooms below: the way from the alert to them."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest

from alerts.models import Alert
from monitoring.errors.selectors import find_issue_link
from monitoring.performance.selectors import find_endpoint_link, find_statement_link
from monitoring.releases.selectors import find_release_link
from monitoring.uptime.selectors import find_check_link

Link = tuple[str, str]
"""Title and address."""

#: Label, what it names, the permission to see that, and how it is found.
_SUBJECTS: tuple[tuple[str, str, str, Callable[[int, str], Link | None]], ...] = (
    ("issue", "Error", "monitoring.view_errorissue", lambda owner, pk: find_issue_link(application_id=owner, pk=pk)),
    (
        "endpoint_id",
        "Endpoint",
        "monitoring.view_application",
        lambda owner, pk: find_endpoint_link(application_id=owner, pk=pk),
    ),
    (
        "statement_id",
        "Database statement",
        "monitoring.view_application",
        lambda owner, pk: find_statement_link(application_id=owner, pk=pk),
    ),
    ("check_id", "Check", "monitoring.view_check", lambda owner, pk: find_check_link(application_id=owner, pk=pk)),
    (
        "release",
        "Release",
        "monitoring.view_release",
        lambda owner, version: find_release_link(application_id=owner, version=version),
    ),
)


def list_subjects(request: HttpRequest, alert: Alert) -> list[tuple[str, str, str]]:
    """Return what an alert's labels name, as far as the reader may see it: what it is, title, address."""
    found = []
    for label, what, permission, find in _SUBJECTS:
        value = str(alert.labels.get(label, ""))
        if value and request.user.has_perm(permission):
            link = find(alert.application_id, value)
            if link is not None:
                found.append((what, *link))
    return found
