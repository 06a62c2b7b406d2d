"""What this room hears from alerts, and what it tells others by events."""

from __future__ import annotations

from django.utils import timezone

from config.outbox.models import Event
from config.outbox.registry import describe_event, subscribe
from incidents.services.declaring import declare_wanted_incident
from incidents.services.grouping import follow_alert, note_group_over

_CLOCK = {
    "number": "Number of the incident.",
    "title": "What is wrong, in one line.",
    "level": "P1, P2, P3 or P4.",
    "clock": "respond or resolve.",
    "due_at": "When its time is up (RFC 3339, UTC).",
    "at": "When that was noted (RFC 3339, UTC).",
}

describe_event(
    "incident.clock_warned", "The time to respond to an incident, or to resolve it, is nearly up.", payload=_CLOCK
)
describe_event(
    "incident.clock_breached", "The time to respond to an incident, or to resolve it, is up.", payload=_CLOCK
)


@subscribe("alert.incident_wanted", name="incidents: declare what a policy wants")
def hear_of_wanted_incident(event: Event) -> None:
    """Declare an incident for a group of alerts, unless one is open for them."""
    declare_wanted_incident(
        group_id=event.payload["group_id"],
        alert_ids=event.payload["alert_ids"],
        policy=event.payload["policy"],
        wanted_at=event.created_at,
        now=timezone.now(),
    )


@subscribe("alert.firing", name="incidents: follow alerts that join")
def hear_of_firing_alert(event: Event) -> None:
    """Add it to the incident that is open for its group."""
    follow_alert(alert_id=event.payload["alert_id"], now=timezone.now())


@subscribe("alert.group_closed", name="incidents: note that alerts are over")
def hear_of_closed_group(event: Event) -> None:
    """Note it in the incident that is open for the group."""
    note_group_over(group_id=event.payload["group_id"], now=timezone.now())
