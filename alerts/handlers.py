"""What this room tells others by events."""

from __future__ import annotations

from config.outbox.registry import describe_event

_PAYLOAD = {
    "alert_id": "Id of the alert.",
    "rule_id": "Id of the rule it comes from.",
    "transition_id": "Id of the change of state that this event tells of.",
    "name": "Name of the rule.",
    "severity": "info, warning or critical.",
    "summary": "What is wrong, in one sentence.",
    "labels": "Labels that tell this alert from others of the rule.",
    "at": "When it happened (RFC 3339, UTC).",
}

describe_event("alert.firing", "An alert began to fire: its condition held for the rule's time.", payload=_PAYLOAD)
describe_event("alert.resolved", "An alert that fired is over.", payload=_PAYLOAD)
