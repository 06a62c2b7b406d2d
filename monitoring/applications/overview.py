"""Reading applications for the admin: who was heard when, with how much."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, IntegerField, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from config.admin.states import State
from monitoring.applications.models import Application, IngestKey
from monitoring.losses.selectors import list_accounts
from monitoring.metrics.models import MetricSeries

#: The use of a key is written once a minute, so anything heard within three is still reporting.
REPORTING_WITHIN = timedelta(minutes=3)


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
    """Return whether an application that was last heard then is reporting."""
    if last_heard_at is None:
        return Heard(State.QUIET, "not heard yet", None)
    if now - last_heard_at <= REPORTING_WITHIN:
        return Heard(State.WELL, "reporting", last_heard_at)
    return Heard(State.WATCH, "silent", last_heard_at)


def find_overview(application_id: int) -> Application | None:
    """Return one application with its overview."""
    return annotate_overview(Application.objects.filter(pk=application_id)).first()


@dataclass(frozen=True, slots=True)
class RecentTotals:
    """What was sent in this hour and the one before: received = stored + refused + limited."""

    received: int = 0
    stored: int = 0
    refused: int = 0
    limited: int = 0


def count_recent(application_id: int) -> RecentTotals:
    """Return what became of everything an application sent since the start of the last full hour."""
    accounts = list_accounts(application_id=application_id, since=timezone.now() - timedelta(hours=2))
    return RecentTotals(
        received=sum(one.received for one in accounts),
        stored=sum(one.stored for one in accounts),
        refused=sum(one.refused for one in accounts),
        limited=sum(one.limited for one in accounts),
    )
