"""Reading incidents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from alerts.facts import AlertFacts, describe_alerts
from config.ids import read_id
from incidents.enums import IncidentStatus
from incidents.models import Incident, TimelineEntry
from incidents.querysets import IncidentQuerySet

SHOWN_ALERTS = 50
SHOWN_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: open incidents, those that nobody responds to, those with a clock that is over."""

    open: int
    unanswered: int
    late: int


def measure_standing(*, now: datetime) -> Standing:
    """Return how things stand, in one query over open incidents."""
    unanswered = Q(status=IncidentStatus.DECLARED)
    late = (unanswered & Q(respond_by__lt=now)) | Q(resolve_by__lt=now)
    counts = Incident.objects.open().aggregate(
        open=Count("pk"), unanswered=Count("pk", filter=unanswered), late=Count("pk", filter=late)
    )
    return Standing(**counts)


def list_incidents(*, application_id: int) -> IncidentQuerySet:
    """Return an application's incidents, whatever their status."""
    return Incident.objects.filter(application_id=application_id)


def list_open_incidents(*, limit: int) -> list[Incident]:
    """Return the open incidents that need somebody most."""
    return list(Incident.objects.open().by_need().select_related("application")[:limit])


def list_incidents_of_alert(*, alert_id: int, limit: int = 5) -> list[Incident]:
    """Return the incidents that are about an alert, open ones first, then the newest."""
    return list(Incident.objects.filter(alerts__alert_id=alert_id).by_need()[:limit])


def find_open_incident(alert_ids: Iterable[int], *, keys: Iterable[str] = ()) -> Incident | None:
    """Return the open incident that is about one of the alerts, or takes groups of one of the keys; the oldest of several."""
    about = Q(alerts__alert_id__in=list(alert_ids)) | Q(groups__key__in=list(keys))
    return Incident.objects.open().filter(about).order_by("number").first()


def list_alerts_of(incident: Incident) -> list[AlertFacts]:
    """Return the alerts that an incident is about, as they are now, what needs someone most first."""
    newest = incident.alerts.order_by("-pk").values_list("alert_id", flat=True)
    return describe_alerts(newest[:SHOWN_ALERTS])


def list_timeline(incident: Incident, *, is_whole: bool = False) -> tuple[list[TimelineEntry], int]:
    """Return the lines of an incident, oldest first, the newest SHOWN_ENTRIES of them or all; and how many are left out."""
    newest = incident.timeline.select_related("corrects").order_by("-pk")
    if is_whole:
        return list(newest)[::-1], 0
    shown = list(newest[: SHOWN_ENTRIES + 1])
    if len(shown) <= SHOWN_ENTRIES:
        return shown[::-1], 0
    return shown[:SHOWN_ENTRIES][::-1], incident.timeline.count() - SHOWN_ENTRIES


def find_incident(number: int | str) -> Incident | None:
    """Return an incident by its number; None if there is none."""
    rows: QuerySet[Incident] = Incident.objects.select_related("application", "declared_by", "responded_by")
    return rows.filter(pk=read_id(number)).first()
