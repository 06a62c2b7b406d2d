"""Reading how releases do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from monitoring.errors.models import ErrorIssue, IssueTransition
from monitoring.releases.models import Deployment, Release, ReleaseHour
from monitoring.releases.records import Outcome
from monitoring.releases.statistics import Interval, measure_share

_PEOPLE_SQL = """
SELECT count(*), count(*) FILTER (WHERE worst = %s) FROM (
    SELECT user_key, max(worst) AS worst FROM monitoring_session_user
    WHERE release_id = %s AND day >= %s AND (%s = '' OR environment = %s) GROUP BY user_key
) AS person
"""


@dataclass(frozen=True, slots=True)
class Health:
    """Sessions of a release, or of it in one environment, and the people in them. The outcomes exclude each other."""

    sessions: int = 0
    errored: int = 0
    abnormal: int = 0
    crashed: int = 0
    users: int = 0
    crashed_users: int = 0

    @property
    def crash_free_sessions(self) -> Interval | None:
        """Share of sessions that did not crash."""
        return measure_share(self.sessions - self.crashed, self.sessions)

    @property
    def crash_free_users(self) -> Interval | None:
        """Share of people none of whose sessions crashed."""
        return measure_share(self.users - self.crashed_users, self.users)

    @property
    def healthy(self) -> int:
        """Sessions without any trouble."""
        return self.sessions - self.errored - self.abnormal - self.crashed

    @property
    def unhealthy(self) -> int:
        """Sessions with trouble of any kind."""
        return self.errored + self.abnormal + self.crashed


def list_releases(*, application_id: int) -> QuerySet[Release]:
    """Return an application's releases, the newest first."""
    return Release.objects.filter(application_id=application_id).select_related("application")


def measure_health(
    release: Release, *, since: datetime, until: datetime | None = None, environment: str = ""
) -> Health:
    """Return how a release did since a time (to the hour; people to the day); `environment` empty: everywhere."""
    hours = ReleaseHour.objects.filter(release=release, hour__gte=_start_of_hour(since))
    if until is not None:
        hours = hours.filter(hour__lt=until)
    if environment:
        hours = hours.filter(environment=environment)
    sums = hours.aggregate(
        sessions=Sum("sessions"), errored=Sum("errored"), abnormal=Sum("abnormal"), crashed=Sum("crashed")
    )
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_SQL, [int(Outcome.CRASHED), release.pk, day, environment, environment])
        users, crashed_users = cursor.fetchone()
    return Health(**{name: number or 0 for name, number in sums.items()}, users=users, crashed_users=crashed_users)


@dataclass(frozen=True, slots=True)
class Row:
    """What the list shows of a release: the last day's health, its share of all sessions, sessions per hour, new errors."""

    health: Health
    adoption: float | None
    hours: tuple[int, ...]
    new_issues: int


def describe_releases(releases: Sequence[Release], *, now: datetime, hours: int = 24) -> dict[int, Row]:
    """Return the rows of a list, in a fixed number of queries."""
    ids = [release.pk for release in releases]
    first = _start_of_hour(now) - timedelta(hours=hours - 1)
    found = ReleaseHour.objects.filter(hour__gte=first)
    by_release: dict[int, dict[datetime, tuple[int, ...]]] = {}
    rows = found.filter(release_id__in=ids).values_list("release_id", "hour")
    sums = rows.annotate(Sum("sessions"), Sum("errored"), Sum("abnormal"), Sum("crashed")).order_by()
    for release_id, hour, *counts in sums:
        by_release.setdefault(release_id, {})[hour] = tuple(counts)
    applications = {release.application_id for release in releases}
    totals = dict(
        found.filter(application_id__in=applications).values_list("application_id").annotate(Sum("sessions")).order_by()
    )
    people = _count_people(ids, day=first)
    issues = count_new_issues(ids)
    described: dict[int, Row] = {}
    for release in releases:
        own = by_release.get(release.pk, {})
        sessions, errored, abnormal, crashed = (sum(counts[place] for counts in own.values()) for place in range(4))
        users, crashed_users = people.get(release.pk, (0, 0))
        total = totals.get(release.application_id)
        described[release.pk] = Row(
            Health(sessions, errored, abnormal, crashed, users, crashed_users),
            sessions / total if total else None,
            tuple(own.get(first + timedelta(hours=place), (0,))[0] for place in range(hours)),
            issues.get(release.pk, 0),
        )
    return described


def _count_people(release_ids: list[int], *, day: datetime) -> dict[int, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT release_id, count(*), count(*) FILTER (WHERE worst = %s) FROM ("
            "    SELECT release_id, user_key, max(worst) AS worst FROM monitoring_session_user"
            "    WHERE release_id = ANY(%s) AND day >= %s GROUP BY release_id, user_key"
            ") AS person GROUP BY release_id",
            [int(Outcome.CRASHED), release_ids, day.replace(hour=0)],
        )
        return {release_id: (users, crashed) for release_id, users, crashed in cursor.fetchall()}


def count_new_issues(release_ids: Iterable[int]) -> dict[int, int]:
    """Return how many errors happened first in each release."""
    issues = ErrorIssue.objects.unmerged().filter(first_release_id__in=list(release_ids))
    return dict(issues.values_list("first_release_id").annotate(Count("pk")).order_by())


def list_new_issues(release: Release, *, limit: int = 10) -> list[ErrorIssue]:
    """Return errors that happened first in a release, the most frequent first."""
    issues = ErrorIssue.objects.unmerged().filter(first_release=release)
    return list(issues.order_by("-event_count", "-pk")[:limit])


def list_regressed_issues(release: Release, *, limit: int = 10) -> list[ErrorIssue]:
    """Return errors that came back since a release was first seen and were last seen in it."""
    returned = IssueTransition.objects.filter(to_state="regressed", at__gte=release.first_seen).values("issue_id")
    issues = ErrorIssue.objects.unmerged().filter(last_release=release, pk__in=returned)
    return list(issues.exclude(first_release=release).order_by("-event_count", "-pk")[:limit])


def find_release_before(release: Release, *, environment: str = "") -> Release | None:
    """Return the release that was first seen before a release, the newest of those; with sessions there, if an environment is named."""
    earlier = Release.objects.filter(application_id=release.application_id, first_seen__lt=release.first_seen)
    if environment:
        earlier = earlier.filter(hours__environment=environment).distinct()
    return earlier.order_by("-first_seen").first()


def list_environments(release: Release, *, since: datetime) -> list[tuple[str, Health]]:
    """Return how a release did in each environment, the busiest first."""
    hours = ReleaseHour.objects.filter(release=release, hour__gte=_start_of_hour(since))
    names = hours.values_list("environment").annotate(found=Sum("sessions")).order_by("-found")
    return [
        (name, Health(*counts))
        for name, *counts in names.values_list(
            "environment", Sum("sessions"), Sum("errored"), Sum("abnormal"), Sum("crashed")
        )
    ]


def list_deployments(*, application_id: int, since: datetime, until: datetime | None = None) -> list[Deployment]:
    """Return what was announced as deployed in a stretch of time, the oldest first; for marks in charts too."""
    found = Deployment.objects.filter(release__application_id=application_id, deployed_at__gte=since)
    if until is not None:
        found = found.filter(deployed_at__lte=until)
    return list(found.select_related("release").order_by("deployed_at", "pk")[:100])


def _start_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def sum_hours(filters: dict[str, Any]) -> Health:
    """Return the sessions of the hours that match."""
    sums = ReleaseHour.objects.filter(**filters).aggregate(
        sessions=Sum("sessions"), errored=Sum("errored"), abnormal=Sum("abnormal"), crashed=Sum("crashed")
    )
    return Health(**{name: number or 0 for name, number in sums.items()})
