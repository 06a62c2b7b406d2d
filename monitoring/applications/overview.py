"""Reading applications for the admin: who was heard when, with how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from config.admin.states import State
from monitoring.applications.models import Application, IngestKey
from monitoring.losses.enums import Signal
from monitoring.losses.models import LossAccount
from monitoring.losses.selectors import list_accounts
from monitoring.metrics.models import MetricSeries

#: The use of a key is written once a minute, so anything heard within three is still reporting.
REPORTING_WITHIN = timedelta(minutes=3)
#: After this long it is not between two reports any more, however rarely it reports.
SILENT_AFTER = timedelta(hours=24)
#: Who sent this many points in each of at least so many of the last full hours reports all the time.
STEADY_POINTS_PER_HOUR, STEADY_HOURS, STEADY_WINDOW = 60, 2, timedelta(hours=6)
#: A steady reporter that is quiet this long has stopped.
STOPPED_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Heard:
    """Whether an application is heard from: a state, that in words, and when it last was."""

    state: State
    words: str
    at: datetime | None


def annotate_overview(applications: QuerySet[Application]) -> QuerySet[Application]:
    """Add `last_heard_at`, `key_count` (not revoked) and `series_count` to each application."""
    keys = IngestKey.objects.filter(application=OuterRef("pk")).order_by().values("application")
    usable = keys.filter(revoked_at=None).annotate(found=Count("pk")).values("found")
    series = MetricSeries.objects.filter(application=OuterRef("pk")).order_by().values("application")
    return applications.annotate(
        last_heard_at=Subquery(keys.annotate(found=Max("last_used_at")).values("found")),
        key_count=Coalesce(Subquery(usable, output_field=IntegerField()), 0),
        series_count=Coalesce(
            Subquery(series.annotate(found=Count("pk")).values("found"), output_field=IntegerField()), 0
        ),
    )


def judge_heard(last_heard_at: datetime | None, *, now: datetime) -> Heard:
    """Return whether an application that was last heard then is reporting.

    Quiet for less than a day says nothing by itself: a nightly job reports once a day.
    """
    if last_heard_at is None:
        return Heard(State.QUIET, "not heard yet", None)
    if now - last_heard_at <= REPORTING_WITHIN:
        return Heard(State.WELL, "reporting", last_heard_at)
    if now - last_heard_at <= SILENT_AFTER:
        return Heard(State.QUIET, "quiet now", last_heard_at)
    return Heard(State.WATCH, "silent", last_heard_at)


def find_stopped(*, now: datetime) -> list[Application]:
    """Return applications that reported all the time and have stopped within the last day, with their overview."""
    steady = _find_steady(now=now - STOPPED_AFTER)
    found = annotate_overview(Application.objects.filter(pk__in=steady)) if steady else Application.objects.none()
    stopped = [one for one in found if _has_stopped(one.last_heard_at, now=now)]  # type: ignore[attr-defined]  # annotated
    return sorted(stopped, key=lambda one: one.pk)


def _has_stopped(last_heard_at: datetime | None, *, now: datetime) -> bool:
    return last_heard_at is not None and STOPPED_AFTER < now - last_heard_at <= SILENT_AFTER


def _find_steady(*, now: datetime) -> list[int]:
    """Return ids of applications that sent points in enough hours of the time before they may have stopped."""
    window = now - SILENT_AFTER - STEADY_WINDOW
    hours = (
        LossAccount.objects.filter(hour__gte=window, signal=Signal.POINTS)
        .order_by()
        .values("application_id", "hour")
        .annotate(points=Sum("stored"))
        .filter(points__gte=STEADY_POINTS_PER_HOUR)
        .values_list("application_id", "hour")
    )
    latest: dict[int, list[datetime]] = {}
    for application_id, hour in hours:
        latest.setdefault(application_id, []).append(hour)
    return [key for key, found in latest.items() if _count_last(found) >= STEADY_HOURS]


def _count_last(hours: list[datetime]) -> int:
    """Return how many of the hours lie in the window that ends with the last of them."""
    return sum(max(hours) - hour < STEADY_WINDOW for hour in hours)


def find_overview(application_id: int) -> Application | None:
    """Return one application with its overview."""
    return annotate_overview(Application.objects.filter(pk=application_id)).first()


@dataclass(frozen=True, slots=True)
class RecentTotals:
    """What was sent in this hour and the one before: received = stored + refused + limited + dropped."""

    received: int = 0
    stored: int = 0
    refused: int = 0
    limited: int = 0
    dropped: int = 0


def count_recent(application_id: int) -> RecentTotals:
    """Return what became of everything an application sent since the start of the last full hour."""
    accounts = list_accounts(application_id=application_id, since=timezone.now() - timedelta(hours=2))
    return RecentTotals(
        received=sum(one.received for one in accounts),
        stored=sum(one.stored for one in accounts),
        refused=sum(one.refused for one in accounts),
        limited=sum(one.limited for one in accounts),
        dropped=sum(one.dropped for one in accounts),
    )
