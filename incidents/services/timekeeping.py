"""Keeping the clocks: each is said to be nearly over, and to be over, once; as a line, an event and a mail."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import transaction

from config.lengths import describe_seconds
from config.outbox.services import publish
from incidents.clocks import Clock, ClockKind, Mark, find_deadlines, find_mark, find_next_look, rewind
from incidents.enums import EntryKind
from incidents.models import Incident
from incidents.services.telling import tell_of_clock
from incidents.services.timeline import write_entry

logger = logging.getLogger(__name__)

_KINDS = {Mark.WARNED: EntryKind.CLOCK_WARNED, Mark.BREACHED: EntryKind.CLOCK_BREACHED}


def keep_clocks(*, now: datetime) -> int:
    """Mark every clock that is due; return how many incidents were looked at. Turns that meet skip each other's."""
    due = list(Incident.objects.due(now).order_by("due_at").values_list("pk", flat=True))
    looked = 0
    for number in due:
        try:
            looked += _look(number, now)
        except Exception:
            # The outermost edge of one incident: it is tried again in a moment, and the others are looked at all the same.
            logger.exception("the clocks of incident %s could not be kept", number)
    return looked


@transaction.atomic
def _look(number: int, now: datetime) -> bool:
    incident = Incident.objects.select_for_update(skip_locked=True).due(now).filter(pk=number).first()
    if incident is None:
        return False
    mark_clocks(incident=incident, now=now)
    incident.save()
    return True


def mark_clocks(*, incident: Incident, now: datetime) -> None:
    """Make the marks that are due on a locked incident, and set when to look next; the caller saves it.

    Called before a clock is stopped, too: what is answered too late is late, whether or not a turn came in between.
    """
    for clock in incident.clocks:
        mark = find_mark(clock, now=now)
        if mark is not None:
            setattr(incident, f"{clock.kind}_{mark}_at", now)
            _tell(incident, clock, mark, now)
    incident.due_at = find_next_look(incident.clocks)


def set_deadlines(*, incident: Incident, now: datetime) -> None:
    """Give a locked incident the deadlines of its level; marks of running clocks that are not true any more go."""
    incident.respond_by, incident.resolve_by = find_deadlines(
        incident.level, declared_at=incident.declared_at, paused=incident.paused
    )
    for clock in incident.clocks:
        if clock.stopped_at is None:
            fresh = rewind(clock, now=now)
            setattr(incident, f"{clock.kind}_warned_at", fresh.warned_at)
            setattr(incident, f"{clock.kind}_breached_at", fresh.breached_at)
    incident.due_at = find_next_look(incident.clocks)


def _tell(incident: Incident, clock: Clock, mark: Mark, now: datetime) -> None:
    words = _write(clock, mark, now)
    until = clock.due_at.astimezone(UTC).isoformat()
    write_entry(incident=incident, kind=_KINDS[mark], at=now, text=words, clock=clock.kind, due_at=until)
    publish(
        type=f"incident.clock_{mark}",
        payload={
            "number": incident.number,
            "title": incident.title,
            "level": incident.level,
            "clock": str(clock.kind),
            "due_at": until,
            "at": now.astimezone(UTC).isoformat(),
        },
        application_id=incident.application_id,
    )
    tell_of_clock(incident=incident, clock=clock, mark=mark, words=words)


def _write(clock: Clock, mark: Mark, now: datetime) -> str:
    length = describe_seconds(abs((clock.due_at - now).total_seconds()))
    until = f"{clock.due_at.astimezone(UTC):%d %b %Y, %H:%M} UTC"
    is_response = clock.kind is ClockKind.RESPOND
    if mark is Mark.WARNED:
        return f"{length} left to {'respond to it' if is_response else 'resolve it'}, until {until}."
    allowed = describe_seconds(clock.allowed.total_seconds())
    if is_response:
        return f"Nobody responded within {allowed}, until {until}."
    return f"It was not resolved within {allowed}, until {until}."
