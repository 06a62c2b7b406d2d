"""What rooms above may know of alerts and their groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from alerts.enums import GroupState
from alerts.models import Alert, AlertGroup


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What rooms above may know of an alert."""

    alert_id: int
    application_id: int
    summary: str
    severity: str
    state: str
    url: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What rooms above may know of a group: `key` is that of the next group of alerts like these, too; worst alerts first."""

    group_id: int
    key: str
    application_id: int | None
    is_open: bool
    alerts: tuple[AlertFacts, ...]


def describe_alerts(alert_ids: Iterable[int]) -> list[AlertFacts]:
    """Return what is known of alerts, what needs someone most first; those that are forgotten are left out."""
    return [_describe_alert(alert) for alert in Alert.objects.filter(pk__in=list(alert_ids)).by_need()]


def describe_group(group_id: int, *, also: Iterable[int] = ()) -> GroupFacts | None:
    """Return a group with its alerts that are not over yet, and those named in `also`; None if it is forgotten."""
    group = AlertGroup.objects.filter(pk=group_id).first()
    if group is None:
        return None
    current = Q(is_done=False) | Q(alert_id__in=list(also))
    alert_ids = group.members.filter(current).values_list("alert_id", flat=True)
    is_open = group.state == GroupState.OPEN
    return GroupFacts(group.pk, group.key, group.application_id, is_open, tuple(describe_alerts(alert_ids)))


def list_open_groups(alert_ids: Iterable[int]) -> dict[str, int]:
    """Return the ids of the open groups that alerts are in, by key."""
    groups = AlertGroup.objects.filter(
        state=GroupState.OPEN, members__alert_id__in=list(alert_ids), members__is_done=False
    )
    return dict(groups.order_by("pk").values_list("key", "pk").distinct())


def find_open_group(key: str) -> int | None:
    """Return the id of the open group of a key, None if there is none."""
    return AlertGroup.objects.filter(key=key, state=GroupState.OPEN).values_list("pk", flat=True).first()


def _describe_alert(alert: Alert) -> AlertFacts:
    return AlertFacts(
        alert.pk,
        alert.application_id,
        alert.summary,
        alert.severity,
        alert.state,
        alert.get_absolute_url(),
        alert.fired_at or alert.active_since,
    )
