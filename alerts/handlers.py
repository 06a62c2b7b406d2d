"""What this room tells others by events."""

from __future__ import annotations

from django.utils import timezone

from config.nudges import Nudge
from config.outbox.models import Event
from config.outbox.registry import describe_event, subscribe
from monitoring.errors.services.critical import record_critical_counts

_evaluation = Nudge("alerts.tasks.evaluate_rules", "evaluate")

_PAYLOAD = {
    "alert_id": "Id of the alert.",
    "rule_id": "Id of the rule it comes from; null for one from outside.",
    "source": "Who reported it from outside: prometheus, alertmanager, grafana, http. Empty for our own rules.",
    "transition_id": "Id of the change of state that this event tells of.",
    "name": "Name of the rule, or of the alert from outside.",
    "severity": "info, warning or critical.",
    "cause": "condition: the condition is met. no_data: the series is missing. Of outside alerts always condition.",
    "summary": "What is wrong, in one sentence.",
    "labels": "Labels that tell this alert from others of the rule.",
    "at": "When it happened (RFC 3339, UTC).",
}

describe_event("alert.firing", "An alert began to fire: its condition held for the rule's time.", payload=_PAYLOAD)
describe_event("alert.resolved", "An alert that fired is over.", payload=_PAYLOAD)
describe_event(
    "alert.incident_wanted",
    "An escalation policy came to its step “Declare an incident”.",
    payload={
        "group_id": "Id of the group of alerts.",
        "alert_ids": "Ids of its alerts that fire and that nobody acknowledged.",
        "policy": "Name of the policy.",
    },
)
describe_event(
    "alert.group_closed",
    "Every alert of a group is over, and whoever had to hear of it was told.",
    payload={"group_id": "Id of the group of alerts.", "policy": "Name of its policy; what it is called, without one."},
)


@subscribe("issue.critical", name="alerts: tell of a critical error at once")
def hear_of_critical_error(event: Event) -> None:
    """Record the count that the rule asks for, and have rules asked now instead of at their next turn."""
    record_critical_counts(now=timezone.now())
    _evaluation.on_commit()
