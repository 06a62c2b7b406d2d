"""Words of this room. The tone of a word is one of the names in the product's colour map."""

from __future__ import annotations

from django.db import models


class IncidentLevel(models.TextChoices):
    """How bad it is. What each level asks for is a table in levels.py."""

    P1 = "P1", "P1 critical"
    P2 = "P2", "P2 high"
    P3 = "P3", "P3 medium"
    P4 = "P4", "P4 low"

    @property
    def tone(self) -> str:
        """Colour of the level on every screen."""
        return {"P1": "bad", "P2": "watch", "P3": "info", "P4": "quiet"}[self.value]


class IncidentStatus(models.TextChoices):
    """How far an incident is. Declared and acknowledged ones are open."""

    DECLARED = "declared", "Declared"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"

    @property
    def tone(self) -> str:
        """Colour of the status on every screen."""
        return {"declared": "bad", "acknowledged": "info", "resolved": "well", "closed": "quiet"}[self.value]


OPEN_STATUSES = (IncidentStatus.DECLARED, IncidentStatus.ACKNOWLEDGED)

#: Every way an incident may go. Whoever resolves it has responded, so that a reopened one is acknowledged.
TRANSITIONS: dict[IncidentStatus, frozenset[IncidentStatus]] = {
    IncidentStatus.DECLARED: frozenset({IncidentStatus.ACKNOWLEDGED, IncidentStatus.RESOLVED}),
    IncidentStatus.ACKNOWLEDGED: frozenset({IncidentStatus.RESOLVED}),
    IncidentStatus.RESOLVED: frozenset({IncidentStatus.ACKNOWLEDGED, IncidentStatus.CLOSED}),
    IncidentStatus.CLOSED: frozenset(),
}


class IncidentSource(models.TextChoices):
    """Who declared it."""

    POLICY = "policy", "Escalation policy"
    PERSON = "person", "A person"
    PROGRAM = "program", "REST"


class EntryKind(models.TextChoices):
    """What a line of the timeline tells. Notes and corrections are written by people, all others by what they did."""

    DECLARED = "declared", "Declared"
    ALERTS_JOINED = "alerts_joined", "Alerts joined"
    ALERTS_OVER = "alerts_over", "Alerts over"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    LEVEL_CHANGED = "level_changed", "Level changed"
    RESOLVED = "resolved", "Resolved"
    REOPENED = "reopened", "Reopened"
    CLOSED = "closed", "Closed"
    CLOCK_WARNED = "clock_warned", "Time is nearly up"
    CLOCK_BREACHED = "clock_breached", "Time is up"
    NOTE = "note", "Note"
    CORRECTION = "correction", "Correction"

    @property
    def tone(self) -> str:
        """Colour of such a line."""
        return _ENTRY_TONES.get(self.value, "quiet")


_ENTRY_TONES = {
    "declared": "bad",
    "alerts_joined": "watch",
    "alerts_over": "well",
    "acknowledged": "info",
    "level_changed": "watch",
    "resolved": "well",
    "reopened": "bad",
    "clock_warned": "watch",
    "clock_breached": "bad",
}

#: What people write themselves; only this can be corrected by a further entry of theirs, like everything else.
MANUAL_KINDS = (EntryKind.NOTE, EntryKind.CORRECTION)
