"""Which alerts an incident is about, and what becomes of them.

Whoever decides to which incident a group of alerts belongs, or ends that by resolving it, takes turns on one lock: a policy
that wants an incident and an alert that joins the group meanwhile find each other in either order. The incident of one
application takes groups of that application only, because the application's keys read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from alerts.enums import AlertState, Severity
from alerts.facts import AlertFacts, GroupFacts, describe_group, find_open_group, list_open_groups
from incidents.enums import OPEN_STATUSES, EntryKind
from incidents.levels import is_worse, judge_severity
from incidents.models import Incident, IncidentAlert, IncidentGroup
from incidents.selectors import find_open_incident
from incidents.services.timeline import write_entry

_GROUPS_LOCK = 0x696E6369  # one advisory lock for whoever decides whose a group of alerts is
#: Alerts that a line of the timeline names one by one.
NAMED_ALERTS = 5


def lock_groups() -> None:
    """Wait for one's turn, which lasts until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GROUPS_LOCK])


def find_incident_of_group(group: GroupFacts, *, since: datetime) -> Incident | None:
    """Return the incident that is open for a group, or was open at some time since a moment; under the groups' lock.

    It is the one of the group's key, else an open one that is about one of its alerts and may take the group.
    """
    lasted = Q(status__in=OPEN_STATUSES) | Q(resolved_at__gte=since)
    found = Incident.objects.filter(lasted, groups__key=group.key).order_by("-number").first()
    if found is not None:
        return found
    found = find_open_incident([alert.alert_id for alert in group.alerts])
    return found if found is not None and _may_take(found, group) else None


def attach_group(*, incident: Incident, group: GroupFacts, now: datetime) -> list[AlertFacts]:
    """Let an open incident be about a group; return its alerts that are new to it. Under the groups' lock.

    A group that another incident is open for stays with that one, and one of several applications is not for one's incident.
    """
    is_taken = IncidentGroup.objects.filter(key=group.key, is_live=True).exclude(incident=incident).exists()
    if is_taken or not _may_take(incident, group):
        return []
    IncidentGroup.objects.update_or_create(
        incident=incident,
        key=group.key,
        defaults={"group_id": group.group_id, "over_at": None},
        create_defaults={"group_id": group.group_id, "joined_at": now},
    )
    return link_alerts(incident=incident, alerts=group.alerts, now=now)


def link_alerts(*, incident: Incident, alerts: Sequence[AlertFacts], now: datetime) -> list[AlertFacts]:
    """Let an incident be about alerts; return those that are new to it. Under the groups' lock."""
    known = set(incident.alerts.values_list("alert_id", flat=True))
    new = [alert for alert in alerts if alert.alert_id not in known]
    IncidentAlert.objects.bulk_create(
        [IncidentAlert(incident=incident, alert_id=alert.alert_id, linked_at=now) for alert in new]
    )
    return new


@transaction.atomic
def follow_alert(*, alert_id: int, now: datetime) -> int:
    """Add an alert that began to fire to the incidents open for its groups, with others that joined; return how many lines."""
    groups = list_open_groups([alert_id])
    rows = IncidentGroup.objects.filter(is_live=True, key__in=groups).select_related("incident")
    if rows and not rows.exclude(incident__alerts__alert_id=alert_id).exists():
        # Whoever came before it brought it along.
        return 0
    lock_groups()
    # Read anew: an incident may have been declared until now.
    return sum(take_group(incident=row.incident, group_id=groups[row.key], now=now) for row in rows.all())


def take_group(*, incident: Incident, group_id: int, now: datetime) -> bool:
    """Let an open incident be about a group, and write which of its alerts are new to it; return whether any is."""
    group = describe_group(group_id)
    joined = attach_group(incident=incident, group=group, now=now) if group is not None else []
    if joined:
        write_joined(incident=incident, alerts=joined, at=now)
    return bool(joined)


@transaction.atomic
def note_group_over(*, group_id: int, now: datetime) -> bool:
    """Note in an open incident that its alerts are over; resolving it is for people. Return False if no incident is about them."""
    lock_groups()
    row = IncidentGroup.objects.filter(group_id=group_id, is_live=True, over_at=None).select_related("incident").first()
    if row is None:
        return False
    row.over_at = now
    row.save(update_fields=["over_at"])
    write_entry(
        incident=row.incident,
        kind=EntryKind.ALERTS_OVER,
        at=now,
        text="All alerts of the group are over. If the trouble is over, too, resolve the incident.",
        group_id=group_id,
    )
    return True


def catch_up(*, incident: Incident, now: datetime) -> None:
    """Note what became of the groups of an incident while it was resolved: alerts that joined, groups that are over."""
    for row in incident.groups.order_by("pk"):
        open_id = find_open_group(row.key)
        if open_id is not None:
            take_group(incident=incident, group_id=open_id, now=now)
        elif row.over_at is None:
            note_group_over(group_id=row.group_id, now=now)


def write_joined(*, incident: Incident, alerts: Sequence[AlertFacts], at: datetime) -> None:
    """Write the line of alerts that joined; it says so if they are worse than the incident's level."""
    worst_first = sort_by_severity(alerts)
    text = name_alerts(worst_first)
    level, _ = judge_severity(worst_first[0].severity)
    if is_worse(level, incident.level):
        text += f"\nBy their severity this would be {level}: is {incident.level} still right?"
    write_entry(
        incident=incident,
        kind=EntryKind.ALERTS_JOINED,
        at=at,
        text=text,
        alert_ids=[alert.alert_id for alert in alerts],
    )


def sort_by_severity(alerts: Sequence[AlertFacts]) -> list[AlertFacts]:
    """Return alerts, the worst first and among them the oldest."""
    severities = list(Severity)
    return sorted(alerts, key=lambda alert: (-severities.index(Severity(alert.severity)), alert.alert_id))


def name_alerts(alerts: Sequence[AlertFacts]) -> str:
    """Return alerts by name, each on a line of its own."""
    lines = [f"{alert.severity.capitalize()}: {alert.summary}" for alert in alerts[:NAMED_ALERTS]]
    if len(alerts) > NAMED_ALERTS:
        lines.append(f"… and {len(alerts) - NAMED_ALERTS} more")
    return "\n".join(lines)


def is_over(group: GroupFacts) -> bool:
    """Say whether nothing in a group fires any more."""
    return not group.is_open or all(alert.state != AlertState.FIRING for alert in group.alerts)


def _may_take(incident: Incident, group: GroupFacts) -> bool:
    return incident.application_id in {None, group.application_id}
