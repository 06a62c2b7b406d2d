"""Reading what people said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from monitoring.errors.models import ErrorGroup, ErrorIssue
from monitoring.user_reports.models import UserReport

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Said:
    """A report as other rooms read it. `issue_id` None: it is about no error that is known (yet)."""

    id: int
    application_id: int
    message: str
    name: str
    email: str
    url: str
    release: str
    environment: str
    received_at: datetime
    event_id: str
    issue_id: int | None


def list_reports(*, application_id: int) -> QuerySet[UserReport]:
    """Return what was said about an application, the newest first."""
    return UserReport.objects.filter(application_id=application_id).order_by("-received_at", "-pk")


def list_reports_of_groups(group_ids: Sequence[int], *, limit: int = SHOWN) -> list[UserReport]:
    """Return what people said about an issue, the newest first."""
    return list(UserReport.objects.filter(group_id__in=group_ids).order_by("-received_at", "-pk")[:limit])


def list_reports_of_person(
    *, application_id: int, user_key: bytes, event_ids: Sequence[UUID] = (), limit: int = SHOWN
) -> list[UserReport]:
    """Return what one person said, the newest first, each with its issue.

    `event_ids` are errors that happened to them: who reports one may be known by another key, made of their e-mail.
    """
    reports = UserReport.objects.filter(application_id=application_id)
    theirs = reports.filter(Q(user_key=user_key) | Q(event_id__in=event_ids))
    found = list(theirs.order_by("-received_at", "-pk")[:limit])
    attach_issues(found)
    return found


def attach_issues(reports: Iterable[UserReport]) -> None:
    """Set the issue of each report, in one query."""
    rows = list(reports)
    groups = ErrorGroup.objects.filter(pk__in={row.group_id for row in rows if row.group_id is not None})
    issues: dict[int, ErrorIssue] = {group.pk: group.issue for group in groups.select_related("issue")}
    for row in rows:
        row.issue = issues.get(row.group_id) if row.group_id is not None else None


def find_report(report_id: int) -> Said | None:
    """Return a report by the id that its event `user_report.received` names; None if it is gone."""
    report = UserReport.objects.filter(pk=report_id).first()
    if report is None:
        return None
    attach_issues([report])
    return Said(
        id=report.pk,
        application_id=report.application_id,
        message=report.message,
        name=report.name,
        email=report.email,
        url=report.url,
        release=report.release,
        environment=report.environment,
        received_at=report.received_at,
        event_id=report.event_id.hex if report.event_id else "",
        issue_id=report.issue.pk if report.issue else None,
    )
