"""What holds alerts now, and what matchers would hold: read for pages and REST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse

from alerts.enums import AlertState, HoldKind
from alerts.models import Alert, AlertQuerySet, Component, Hold, InhibitRule, Silence
from alerts.routing.matchers import Matcher, matches
from alerts.services.grouping import label_alert

SHOWN_ALERTS = 10


@dataclass(frozen=True, slots=True)
class Matching:
    """Firing alerts that matchers fit: how many, and the first of them."""

    count: int
    shown: list[Alert]


def list_matching(matchers: Sequence[Matcher], *, application_id: int | None = None) -> Matching:
    """Return the firing alerts that matchers fit, of one application or all, what needs someone most first."""
    alerts = Alert.objects.firing().by_need().select_related("application", "rule")
    if application_id is not None:
        alerts = alerts.filter(application_id=application_id)
    found = [alert for alert in alerts if matches(matchers, label_alert(alert))]
    return Matching(len(found), found[:SHOWN_ALERTS])


def prefetch_holds(alerts: AlertQuerySet) -> QuerySet[Alert]:
    """Return alerts, each with `open_holds`: what holds it now."""
    now = Hold.objects.filter(ended_at=None).order_by("pk")
    return alerts.prefetch_related(Prefetch("holds", queryset=now, to_attr="open_holds"))


def list_open_holds(alert: Alert) -> list[Hold]:
    """Return what holds an alert now; nothing if it is over."""
    return list(alert.holds.filter(ended_at=None).order_by("pk")) if alert.state == AlertState.FIRING else []


def link_hold(hold: Hold) -> str:
    """Return the address of what holds an alert, empty if it has none."""
    match HoldKind(hold.kind):
        case HoldKind.SILENCE:
            return reverse("admin:alerts_silence_change", args=[hold.reference])
        case HoldKind.MAINTENANCE:
            return reverse("admin:monitoring_maintenancewindow_change", args=[hold.reference])
        case HoldKind.INHIBITION | HoldKind.COMPONENT:
            return reverse("admin:alerts_alert_change", args=[hold.reference])
        case _:
            return ""


def annotate_held(silences: QuerySet[Silence]) -> QuerySet[Silence]:
    """Return silences, each with `held`: how many alerts it holds now."""
    return silences.annotate(held=_count_holds(HoldKind.SILENCE))


def list_silences(*, application_id: int) -> QuerySet[Silence]:
    """Return the silences that may hold alerts of an application: its own and those of all applications."""
    return annotate_held(Silence.objects.filter(Q(application_id=application_id) | Q(application=None)))


def list_inhibitions(*, application_id: int) -> QuerySet[InhibitRule]:
    """Return the inhibitions that may hold alerts of an application: its own and those of all applications."""
    return InhibitRule.objects.filter(Q(application_id=application_id) | Q(application=None)).order_by("name", "pk")


def list_components(*, application_id: int) -> QuerySet[Component]:
    """Return an application's own components and those of all applications, with what they need."""
    own = Component.objects.filter(Q(application_id=application_id) | Q(application=None))
    return own.prefetch_related("depends_on").order_by("-pk")


def _count_holds(kind: HoldKind) -> Coalesce:
    holds = Hold.objects.filter(kind=kind, reference=OuterRef("pk"), ended_at=None, alert__state=AlertState.FIRING)
    counted = holds.order_by().values("reference").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)
