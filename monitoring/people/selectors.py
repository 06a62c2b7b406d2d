"""Reading what one person did and met. All of it by the same key, in one application."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count

from monitoring.browser.models import BrowserVital
from monitoring.errors.events import USER_NAMES, make_user_key
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.performance.models import Request
from monitoring.usage.models import UsageEvent
from monitoring.user_reports.models import UserReport

LOOKED_BACK = timedelta(days=30)
SHOWN = 20

_SESSIONS_SQL = """
SELECT day, max(worst) FROM monitoring_session_user JOIN monitoring_release release ON release.id = release_id
WHERE release.application_id = %s AND user_key = %s AND day >= %s GROUP BY day ORDER BY day DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of somebody within LOOKED_BACK, the newest first. `days` are those with sessions: (day, worst outcome)."""

    issues: list[tuple[ErrorIssue, int]]
    requests: list[Request]
    features: list[tuple[str, int]]
    pages: list[tuple[str, int]]
    releases: list[str]
    days: list[tuple[datetime, int]]

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known."""
        return not (self.issues or self.requests or self.features or self.pages or self.days)


def list_keys(text: str) -> list[bytes]:
    """Return the keys that a person may have who is called so: their id, e-mail, name or address, or the key itself."""
    text = text.strip()[:200]
    if not text:
        return []
    keys = [key for name in USER_NAMES if (key := make_user_key({name: text})) is not None]
    if len(text) == 32:
        with contextlib.suppress(ValueError):
            keys.insert(0, bytes.fromhex(text))
    return keys


def find_known_key(*, application_id: int, text: str, now: datetime) -> bytes | None:
    """Return the key of the person who is called so, None if nobody was seen."""
    since = now - LOOKED_BACK
    for key in list_keys(text):
        wanted = {"application_id": application_id, "user_key": key}
        if (
            ErrorEvent.objects.filter(**wanted, received_at__gte=since).exists()
            or Request.objects.filter(**wanted, started_at__gte=since).exists()
            or UsageEvent.objects.filter(**wanted, at__gte=since).exists()
            or UserReport.objects.filter(**wanted, received_at__gte=since).exists()
        ):
            return key
    return None


def read_person(*, application_id: int, key: bytes, now: datetime) -> Person:
    """Return what is known of a person; eight queries however much it is."""
    since = now - LOOKED_BACK
    wanted = {"application_id": application_id, "user_key": key}
    counted = (
        ErrorEvent.objects.filter(**wanted, received_at__gte=since)
        .order_by()
        .values_list("group_id")
        .annotate(found=Count("id"))
    )
    by_group = dict(counted)
    issues: dict[ErrorIssue, int] = {}
    rows = ErrorIssue.objects.filter(groups__in=by_group).prefetch_related("groups").distinct().order_by("-last_seen")
    for issue in rows[:SHOWN]:
        issues[issue] = sum(by_group.get(group.pk, 0) for group in issue.groups.all())
    events = UsageEvent.objects.filter(**wanted, at__gte=since)
    pages = BrowserVital.objects.filter(**wanted, at__gte=since, name__in=["load", "load_repeat", "route", "ttfb"])
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS_SQL, [application_id, key, since, SHOWN])
        days = [(day, int(worst)) for day, worst in cursor.fetchall()]
    releases = {
        *ErrorEvent.objects.filter(**wanted, received_at__gte=since)
        .order_by("-id")
        .values_list("release", flat=True)[:200],
        *Request.objects.filter(**wanted, started_at__gte=since)
        .order_by("-started_at")
        .values_list("release", flat=True)[:200],
    }
    return Person(
        releases=sorted(releases - {""}),
        issues=list(issues.items()),
        requests=list(
            Request.objects.filter(**wanted, started_at__gte=since)
            .select_related("endpoint")
            .order_by("-started_at")[:SHOWN]
        ),
        features=list(
            events.filter(kind="feature")
            .values_list("name")
            .annotate(found=Count("record_id"))
            .order_by("-found")[:SHOWN]
        ),
        pages=list(pages.values_list("page").annotate(found=Count("record_id")).order_by("-found")[:SHOWN]),
        days=days,
    )
