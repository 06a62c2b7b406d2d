"""How releases do, as points: what rules and charts read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Sum

from monitoring.metrics.recording import Point, record_points
from monitoring.releases.models import Comparison, ReleaseHour

SESSIONS = "release_sessions_total"
UNHEALTHY = "release_sessions_unhealthy_total"
CRASHED = "release_sessions_crashed_total"
CRASH_FREE = "release_crash_free_sessions_ratio"
ADOPTION = "release_adoption_ratio"
REGRESSED = "release_regressed"
RECENT = timedelta(hours=24)
MAX_RECORDED = 20
"""Releases and environments of an application that are recorded, the busiest; each is six series."""

_Place = tuple[int, str]


def record_releases(*, now: datetime) -> int:
    """Record sessions, health and findings of releases that were used within a day; return how many points were stored."""
    time_ms = int(now.timestamp() * 1000)
    by_application: dict[int, list[Point]] = {}
    for application_id, places in _find_recent(now=now).items():
        by_application[application_id] = _describe(application_id, places, time_ms)
    comparisons = Comparison.objects.filter(is_current=True).select_related("release")
    for each in comparisons.order_by("pk"):
        labels = {"release": each.release.version, "environment": each.environment, "reason": each.reason}
        points = by_application.setdefault(each.release.application_id, [])
        points.append(Point(REGRESSED, float(each.is_regressed), time_ms, _without_empty(labels)))
    return sum(
        record_points(application_id=application_id, points=points).stored
        for application_id, points in by_application.items()
        if points
    )


def _find_recent(*, now: datetime) -> dict[int, list[tuple[_Place, str, int, int]]]:
    """Return for each application the busiest (release, environment), version, sessions and crashed ones of the last day."""
    rows = (
        ReleaseHour.objects.filter(hour__gte=now - RECENT)
        .values_list("application_id", "release_id", "environment", "release__version")
        .annotate(found=Sum("sessions"), bad=Sum("crashed"))
        .filter(found__gt=0)
        .order_by("application_id", "-found")
    )
    recent: dict[int, list[tuple[_Place, str, int, int]]] = {}
    for application_id, release_id, environment, version, sessions, crashed in rows:
        recent.setdefault(application_id, []).append(((release_id, environment), version, sessions, crashed))
    return recent


def _describe(application_id: int, places: list[tuple[_Place, str, int, int]], time_ms: int) -> list[Point]:
    everywhere: dict[str, int] = {}
    for (_, environment), _, sessions, _ in places:
        everywhere[environment] = everywhere.get(environment, 0) + sessions
    chosen = places[:MAX_RECORDED]
    ever = _sum_ever(application_id, [release_id for (release_id, _), *_ in chosen])
    points: list[Point] = []
    for place, version, sessions, crashed in chosen:
        labels = _without_empty({"release": version, "environment": place[1]})
        all_sessions, unhealthy, all_crashed = ever[place]
        values = {
            SESSIONS: all_sessions,
            UNHEALTHY: unhealthy,
            CRASHED: all_crashed,
            CRASH_FREE: 1 - crashed / sessions,
            ADOPTION: sessions / everywhere[place[1]],
        }
        points += [Point(name, float(value), time_ms, labels) for name, value in values.items()]
    return points


def _sum_ever(application_id: int, release_ids: list[int]) -> dict[_Place, tuple[int, int, int]]:
    rows = (
        ReleaseHour.objects.filter(application_id=application_id, release_id__in=release_ids)
        .values_list("release_id", "environment")
        .annotate(Sum("sessions"), Sum("errored"), Sum("abnormal"), Sum("crashed"))
        .order_by()
    )
    return {
        (release_id, environment): (sessions, errored + abnormal + crashed, crashed)
        for release_id, environment, sessions, errored, abnormal, crashed in rows
    }


def _without_empty(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}
