"""Reading how releases do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import re2
from django.db import connection
from django.db.models import Count, QuerySet, Sum

from monitoring.errors.models import ErrorIssue, IssueTransition
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage
from monitoring.releases.enums import Reason, Verdict
from monitoring.releases.models import Comparison, Deployment, Release, ReleaseHour
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


def find_version(*, application_id: int, pk: int) -> str:
    """Return a release's version, empty for none of the application."""
    found = Release.objects.filter(application_id=application_id, pk=pk).values_list("version", flat=True).first()
    return found or ""


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
    """What the list shows of a release: the last day's health, its share of all sessions, sessions per hour, new errors.

    `reasons` are those for the verdict WORSE. `environments` are where it ran in that day or was ever deployed.
    """

    health: Health
    adoption: float | None
    hours: tuple[int, ...]
    new_issues: int
    verdict: Verdict = Verdict.UNKNOWN
    reasons: tuple[Reason, ...] = ()
    deployed_at: datetime | None = None
    environments: tuple[str, ...] = field(default=())


def describe_releases(releases: Sequence[Release], *, now: datetime, hours: int = 24) -> dict[int, Row]:
    """Return the rows of a list, in a fixed number of queries."""
    ids = [release.pk for release in releases]
    first = _start_of_hour(now) - timedelta(hours=hours - 1)
    found = ReleaseHour.objects.filter(hour__gte=first)
    by_release: dict[int, dict[datetime, tuple[int, ...]]] = {}
    places: dict[int, set[str]] = {}
    rows = found.filter(release_id__in=ids).values_list("release_id", "environment", "hour")
    sums = rows.annotate(Sum("sessions"), Sum("errored"), Sum("abnormal"), Sum("crashed")).order_by()
    for release_id, environment, hour, *counts in sums:
        hours_of = by_release.setdefault(release_id, {})
        hours_of[hour] = tuple(map(sum, zip(counts, hours_of.get(hour, (0, 0, 0, 0)), strict=True)))
        places.setdefault(release_id, set()).add(environment)
    applications = {release.application_id for release in releases}
    totals = dict(
        found.filter(application_id__in=applications).values_list("application_id").annotate(Sum("sessions")).order_by()
    )
    people = _count_people(ids, day=first)
    issues = count_new_issues(ids)
    verdicts = judge_verdicts(releases)
    deployed: dict[int, datetime] = {}
    for release_id, environment, at in Deployment.objects.filter(release_id__in=ids).values_list(
        "release_id", "environment", "deployed_at"
    ):
        deployed[release_id] = max(at, deployed.get(release_id, at))
        places.setdefault(release_id, set()).add(environment)
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
            *verdicts[release.pk],
            deployed.get(release.pk),
            tuple(sorted(filter(None, places.get(release.pk, ())))),
        )
    return described


def judge_verdicts(releases: Sequence[Release]) -> dict[int, tuple[Verdict, tuple[Reason, ...]]]:
    """Return for each release what its comparisons say together, with the reasons where one is worse; two queries."""
    ids = [release.pk for release in releases]
    found: dict[int, list[tuple[str, bool]]] = {}
    for release_id, reason, is_regressed in Comparison.objects.filter(release_id__in=ids).values_list(
        "release_id", "reason", "is_regressed"
    ):
        found.setdefault(release_id, []).append((reason, is_regressed))
    oldest: dict[int, int] = {}
    applications = {release.application_id for release in releases}
    ordered = Release.objects.filter(application_id__in=applications).order_by("application_id", "first_seen", "pk")
    oldest.update(ordered.distinct("application_id").values_list("application_id", "pk"))
    verdicts: dict[int, tuple[Verdict, tuple[Reason, ...]]] = {}
    for release in releases:
        rows = found.get(release.pk, [])
        worse = {reason for reason, is_regressed in rows if is_regressed}
        if worse:
            verdicts[release.pk] = Verdict.WORSE, tuple(each for each in Reason if each.value in worse)
        elif rows:
            verdicts[release.pk] = Verdict.GOOD, ()
        else:
            is_first = oldest.get(release.application_id) == release.pk
            verdicts[release.pk] = (Verdict.FIRST if is_first else Verdict.UNKNOWN), ()
    return verdicts


def list_comparisons(release: Release) -> list[Comparison]:
    """Return what the newest comparisons of a release found, the worse ones first."""
    return list(
        Comparison.objects.filter(release=release)
        .select_related("before")
        .order_by("-is_regressed", "environment", "reason")
    )


def count_errors_by_hour(
    *, application_id: int, versions: Sequence[str], now: datetime, hours: int = 24
) -> dict[str, list[float | None]]:
    """Return for each version about how many errors an hour it had lately, oldest first; None where nothing was recorded.

    Read from application_errors_total, because single events are not indexed by release.
    """
    if not versions:
        return {}
    names = json.dumps("|".join(map(re2.escape, versions)), ensure_ascii=False)
    query = promql.parse(f"sum by (release) (increase(application_errors_total{{release=~{names}}}[1h]))")
    last_ms = int(_start_of_hour(now).timestamp() * 1000) + 3_600_000
    first_ms = last_ms - (hours - 1) * 3_600_000
    matrix = promql.evaluate_range(query, SeriesStorage(application_id), first_ms, last_ms, 3_600_000)
    found: dict[str, list[float | None]] = {version: [None] * hours for version in versions}
    for series in matrix.series:
        row = found.get(dict(series.labels.items()).get("release", ""))
        if row is not None:
            for moment, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
                row[(int(moment) - first_ms) // 3_600_000] = value if value == value else None
    return found


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


def list_mended_issues(release: Release, before: Release, *, limit: int = 10) -> list[ErrorIssue]:
    """Return errors that were last seen in the release before and are resolved, the most frequent first."""
    issues = ErrorIssue.objects.unmerged().filter(application_id=release.application_id, state="resolved")
    return list(issues.filter(last_release=before).order_by("-event_count", "-pk")[:limit])


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of a release: sessions and people."""

    day: datetime
    health: Health


def list_days(release: Release, *, since: datetime) -> list[Day]:
    """Return how a release did on each day with sessions, the oldest first. People are known as long as sessions are kept."""
    start = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days: dict[datetime, list[int]] = {}
    rows = ReleaseHour.objects.filter(release=release, hour__gte=start).values_list(
        "hour", "sessions", "errored", "abnormal", "crashed"
    )
    for hour, *counts in rows:
        day = hour.astimezone(UTC).replace(hour=0)
        days[day] = list(map(sum, zip(counts, days.get(day, [0, 0, 0, 0]), strict=True)))
    people: dict[datetime, tuple[int, int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, count(DISTINCT user_key), count(DISTINCT user_key) FILTER (WHERE worst = %s)"
            " FROM monitoring_session_user WHERE release_id = %s AND day >= %s GROUP BY day",
            [int(Outcome.CRASHED), release.pk, start],
        )
        people = {day: (users, crashed) for day, users, crashed in cursor.fetchall()}
    found: list[Day] = []
    for day in sorted(days):
        sessions, errored, abnormal, crashed = days[day]
        found.append(Day(day, Health(sessions, errored, abnormal, crashed, *people.get(day, (0, 0)))))
    return found


def find_release_after(release: Release) -> Release | None:
    """Return the release that was first seen next after a release."""
    later = Release.objects.filter(application_id=release.application_id, first_seen__gt=release.first_seen)
    return later.order_by("first_seen").first()


def find_release_link(*, application_id: int, version: str) -> tuple[str, str] | None:
    """Return version and address of the release that a label names; None where none has that name."""
    if not version:
        return None
    release = Release.objects.filter(application_id=application_id, version=version).first()
    return None if release is None else (release.version, release.get_absolute_url())


def list_used_environments(*, limit: int = 50) -> list[str]:
    """Return the names of environments in which releases ran or were deployed."""
    used = ReleaseHour.objects.exclude(environment="").values_list("environment", flat=True).distinct().order_by()
    deployed = Deployment.objects.exclude(environment="").values_list("environment", flat=True).distinct().order_by()
    return sorted({*used[:limit], *deployed[:limit]})[:limit]


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
    """Return what was announced as deployed in a stretch of time, the newest hundred, oldest first; for marks in charts too."""
    found = Deployment.objects.filter(release__application_id=application_id, deployed_at__gte=since)
    if until is not None:
        found = found.filter(deployed_at__lte=until)
    return list(found.select_related("release").order_by("-deployed_at", "-pk")[:100])[::-1]


def _start_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def sum_hours(filters: dict[str, Any]) -> Health:
    """Return the sessions of the hours that match."""
    sums = ReleaseHour.objects.filter(**filters).aggregate(
        sessions=Sum("sessions"), errored=Sum("errored"), abnormal=Sum("abnormal"), crashed=Sum("crashed")
    )
    return Health(**{name: number or 0 for name, number in sums.items()})
