"""The one place where an incident's status and level change: under its row's lock, with the timeline's line beside it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from config.actors import Actor
from incidents.drafts import IncidentInvalid, clean_text
from incidents.enums import TRANSITIONS, EntryKind, IncidentLevel, IncidentStatus
from incidents.levels import REQUIREMENTS
from incidents.models import Incident, IncidentGroup
from incidents.services.grouping import catch_up, lock_groups
from incidents.services.timekeeping import mark_clocks, set_deadlines
from incidents.services.timeline import write_entry


class NotPossible(Exception):
    """The incident is not in a state in which this can be done; the text says what can."""


@transaction.atomic
def acknowledge_incident(*, number: int, by: Actor, now: datetime) -> bool:
    """Note that somebody responds, which stops the clock to respond; return False if somebody already does.

    Raises NotPossible for an incident that is over.
    """
    incident = _lock(number)
    if incident.status == IncidentStatus.ACKNOWLEDGED:
        return False
    if not incident.is_open:
        raise NotPossible("This incident is over; nobody has to respond.")
    mark_clocks(incident=incident, now=now)
    _respond(incident, by, now)
    _move(incident, IncidentStatus.ACKNOWLEDGED)
    _save(incident, EntryKind.ACKNOWLEDGED, by=by, now=now)
    return True


@transaction.atomic
def resolve_incident(*, number: int, text: str, by: Actor, now: datetime) -> Incident:
    """Note that the trouble is over and what was done, which stops the clocks; raise IncidentInvalid or NotPossible.

    Whoever resolves what nobody responded to has responded.
    """
    words = clean_text(text, field="text", missing="Say what was done.")
    lock_groups()
    incident = _lock(number)
    if not incident.is_open:
        raise NotPossible(f"This incident is {incident.status} already.")
    mark_clocks(incident=incident, now=now)
    if incident.responded_at is None:
        _respond(incident, by, now)
    _move(incident, IncidentStatus.RESOLVED)
    incident.resolved_at = max(now, incident.responded_at or now)
    IncidentGroup.objects.filter(incident=incident).update(is_live=False)
    _save(incident, EntryKind.RESOLVED, by=by, now=now, text=words)
    return incident


@transaction.atomic
def reopen_incident(*, number: int, text: str, by: Actor, now: datetime) -> Incident:
    """Note that the trouble is not over after all; raise IncidentInvalid or NotPossible.

    The clock to resolve goes on where it stopped. What its alerts do is followed again.
    """
    words = clean_text(text, field="text", missing="Say why it is not over.")
    lock_groups()
    incident = _lock(number)
    if incident.status != IncidentStatus.RESOLVED or incident.resolved_at is None:
        still = "closed: declare a new one" if incident.status == IncidentStatus.CLOSED else "open"
        raise NotPossible(f"This incident is {still}.")
    keys = incident.groups.values("key")
    other = IncidentGroup.objects.filter(key__in=keys, is_live=True).first()
    if other is not None:
        raise NotPossible(f"Incident {other.incident_id} is open for the same alerts: go on there.")
    incident.paused += max(now, incident.resolved_at) - incident.resolved_at
    incident.resolved_at = None
    _move(incident, IncidentStatus.ACKNOWLEDGED)
    incident.groups.update(is_live=True)
    set_deadlines(incident=incident, now=now)
    _save(incident, EntryKind.REOPENED, by=by, now=now, text=words)
    catch_up(incident=incident, now=now)
    return incident


@transaction.atomic
def close_incident(*, number: int, by: Actor, now: datetime) -> bool:
    """Note that nothing is left to do about a resolved incident; return False if that was so. Raises NotPossible."""
    incident = _lock(number)
    if incident.status == IncidentStatus.CLOSED:
        return False
    if incident.status != IncidentStatus.RESOLVED:
        raise NotPossible("Resolve the incident first, and say what was done.")
    _move(incident, IncidentStatus.CLOSED)
    incident.closed_at = max(now, incident.resolved_at or now)
    _save(incident, EntryKind.CLOSED, by=by, now=now)
    return True


@transaction.atomic
def change_level(*, number: int, level: str, reason: str, by: Actor, now: datetime) -> bool:
    """Give an open incident another level, with its deadlines, counted from the declaration; return False if it has it.

    Raises IncidentInvalid or NotPossible.
    """
    if level not in REQUIREMENTS:
        raise IncidentInvalid({"level": f"Choose one of {', '.join(REQUIREMENTS)}."})
    words = clean_text(reason, field="reason", missing="Say why the level changes.")
    incident = _lock(number)
    if not incident.is_open:
        raise NotPossible("This incident is over; its level stays. Reopen it first.")
    before = IncidentLevel(incident.level)
    if before == level:
        return False
    mark_clocks(incident=incident, now=now)
    incident.level = level
    set_deadlines(incident=incident, now=now)
    text = f"From {before.label} to {IncidentLevel(level).label}. {words}"
    incident.save()
    write_entry(
        incident=incident, kind=EntryKind.LEVEL_CHANGED, at=now, text=text, by=by, before=before.value, level=level
    )
    return True


def _lock(number: int) -> Incident:
    return Incident.objects.select_for_update().get(pk=number)


def _move(incident: Incident, to: IncidentStatus) -> None:
    if to not in TRANSITIONS[IncidentStatus(incident.status)]:
        raise NotPossible(f"An incident cannot go from {incident.status} to {to}.")
    incident.status = to


def _respond(incident: Incident, by: Actor, now: datetime) -> None:
    incident.responded_at = max(now, incident.declared_at)
    incident.responded_by_id, incident.responded_name = by.user_id, by.name[:150]


def _save(incident: Incident, kind: EntryKind, *, by: Actor, now: datetime, text: str = "") -> None:
    """Save it with the line of the timeline; stopped clocks are looked at no more."""
    mark_clocks(incident=incident, now=now)
    incident.save()
    write_entry(incident=incident, kind=kind, at=now, text=text, by=by)
