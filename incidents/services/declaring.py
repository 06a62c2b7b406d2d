"""Declaring incidents: by a person, a program, or a step of an escalation policy."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from alerts.facts import AlertFacts, describe_alerts, describe_group, list_open_groups
from config.actors import Actor
from incidents.clocks import find_deadlines, find_next_look
from incidents.drafts import IncidentDraft, IncidentInvalid, check_draft, shorten_title
from incidents.enums import EntryKind, IncidentSource, IncidentStatus
from incidents.levels import judge_severity
from incidents.models import Incident
from incidents.selectors import find_open_incident
from incidents.services.grouping import (
    attach_group,
    find_incident_of_group,
    is_over,
    link_alerts,
    lock_groups,
    name_alerts,
    note_group_over,
    sort_by_severity,
    take_group,
    write_joined,
)
from incidents.services.timeline import write_entry

logger = logging.getLogger(__name__)


class AlreadyOpen(Exception):
    """An incident is open for these alerts; `number` says which."""

    def __init__(self, number: int) -> None:
        super().__init__(f"Incident {number} is open for these alerts. Add what you know to it.")
        self.number = number


@transaction.atomic
def declare_incident(*, draft: IncidentDraft, source: IncidentSource, by: Actor, now: datetime) -> Incident:
    """Declare an incident, with the groups that its alerts are in; raise IncidentInvalid or AlreadyOpen."""
    check_draft(draft)
    alerts = describe_alerts(draft.alert_ids)
    _check_alerts(draft, alerts)
    lock_groups()
    groups = list_open_groups(draft.alert_ids)
    found = find_open_incident(draft.alert_ids, keys=groups)
    if found is not None:
        raise AlreadyOpen(found.number)
    incident = _open(draft, source=source, by=by, at=now)
    text = draft.description.replace("\x00", "").strip()
    if alerts:
        text = f"{text}\n{name_alerts(alerts)}".strip()
        link_alerts(incident=incident, alerts=alerts, now=now)
    _write_declared(incident, text=text, alerts=alerts, by=by)
    for group_id in groups.values():
        take_group(incident=incident, group_id=group_id, now=now)
    return incident


@transaction.atomic
def declare_wanted_incident(
    *, group_id: int, alert_ids: Sequence[int], policy: str, wanted_at: datetime, now: datetime
) -> Incident | None:
    """Declare the incident that a policy wants for a group of alerts, or let the one that is open for them take the group.

    Returns it; None if the group is forgotten. An incident that was resolved only after it was wanted counts as open, so
    that a late or repeated wish does not declare another. Its clocks run from when it was wanted.
    """
    lock_groups()
    group = describe_group(group_id, also=alert_ids)
    if group is None or not group.alerts:
        logger.warning("policy %r wants an incident for group %s, which is forgotten", policy, group_id)
        return None
    by = Actor(name=f"policy “{policy}”")
    incident = find_incident_of_group(group, since=wanted_at)
    if incident is not None:
        if incident.is_open and (joined := attach_group(incident=incident, group=group, now=now)):
            write_joined(incident=incident, alerts=joined, at=now)
        return incident
    alerts = sort_by_severity(group.alerts)
    wanted = [alert for alert in alerts if alert.alert_id in set(alert_ids)] or alerts
    level, reason = judge_severity(wanted[0].severity)
    draft = IncidentDraft(title=_write_title(wanted), level=level, application_id=group.application_id)
    incident = _open(draft, source=IncidentSource.POLICY, by=by, at=min(wanted_at, now))
    attach_group(incident=incident, group=group, now=now)
    text = f"{level}, because {reason}.\n{name_alerts(alerts)}"
    _write_declared(incident, text=text, alerts=group.alerts, by=by)
    if is_over(group):
        note_group_over(group_id=group_id, now=now)
    return incident


def _check_alerts(draft: IncidentDraft, alerts: Sequence[AlertFacts]) -> None:
    missing = sorted(set(draft.alert_ids) - {alert.alert_id for alert in alerts})
    if missing:
        raise IncidentInvalid({"alerts": f"There is no alert {missing[0]}."})
    foreign = [alert.alert_id for alert in alerts if draft.application_id not in {None, alert.application_id}]
    if foreign:
        raise IncidentInvalid({"alerts": f"There is no alert {foreign[0]} of this application."})


def _open(draft: IncidentDraft, *, source: IncidentSource, by: Actor, at: datetime) -> Incident:
    respond_by, resolve_by = find_deadlines(draft.level, declared_at=at, paused=timedelta(0))
    incident = Incident(
        title=shorten_title(draft.title),
        description=draft.description.replace("\x00", "").strip(),
        level=draft.level,
        status=IncidentStatus.DECLARED,
        application_id=draft.application_id,
        source=source,
        declared_at=at,
        declared_by_id=by.user_id,
        declared_name=by.name[:150],
        respond_by=respond_by,
        resolve_by=resolve_by,
    )
    incident.due_at = find_next_look(incident.clocks)
    incident.save()
    return incident


def _write_declared(incident: Incident, *, text: str, alerts: Sequence[AlertFacts], by: Actor) -> None:
    write_entry(
        incident=incident,
        kind=EntryKind.DECLARED,
        at=incident.declared_at,
        text=text,
        by=by,
        level=incident.level,
        alert_ids=[alert.alert_id for alert in alerts],
    )


def _write_title(alerts: Sequence[AlertFacts]) -> str:
    more = len(alerts) - 1
    return alerts[0].summary if not more else f"{shorten_title(alerts[0].summary)[:180]} and {more} more"
