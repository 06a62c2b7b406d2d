"""Words of this room. The tone of a state is one of the names in the product's colour map."""

from __future__ import annotations

from django.db import models


class Severity(models.TextChoices):
    """How bad it is while the alert fires."""

    INFO = "info", "Info"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"

    @property
    def tone(self) -> str:
        """Colour of the severity on every screen."""
        return {"info": "info", "warning": "watch", "critical": "bad"}[self.value]


class AlertState(models.TextChoices):
    """Where an alert stands. Pending and firing alerts are open; the other two are where they end."""

    INACTIVE = "inactive", "Never fired"
    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    RESOLVED = "resolved", "Resolved"

    @property
    def tone(self) -> str:
        """Colour of the state on every screen."""
        return {"inactive": "quiet", "pending": "watch", "firing": "bad", "resolved": "well"}[self.value]


OPEN_STATES = (AlertState.PENDING, AlertState.FIRING)

#: Every way an alert may go. It begins inactive: a row is written with its first transition.
TRANSITIONS: dict[AlertState, frozenset[AlertState]] = {
    AlertState.INACTIVE: frozenset({AlertState.PENDING, AlertState.FIRING}),
    AlertState.PENDING: frozenset({AlertState.FIRING, AlertState.INACTIVE}),
    AlertState.FIRING: frozenset({AlertState.RESOLVED}),
    AlertState.RESOLVED: frozenset(),
}


class ChannelKind(models.TextChoices):
    """How a channel reaches people."""

    EMAIL = "email", "E-mail"
    WEBHOOK = "webhook", "Webhook"


class NoteKind(models.TextChoices):
    """What a person did with an alert."""

    COMMENT = "comment", "Comment"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    UNACKNOWLEDGED = "unacknowledged", "Acknowledgement taken back"
    ASSIGNED = "assigned", "Assigned"
    CLOSED = "closed", "Closed by hand"
