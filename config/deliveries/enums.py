"""Words of the delivery ledger."""

from __future__ import annotations

from django.db import models


class Channel(models.TextChoices):
    """By which way a message goes out."""

    EMAIL = "email", "Email"
    WEBHOOK = "webhook", "Webhook"
    APPRISE = "apprise", "Message"


class State(models.TextChoices):
    """Where a delivery stands."""

    QUEUED = "queued", "Queued"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    SUPPRESSED = "suppressed", "Not sent on purpose"


class Outcome(models.TextChoices):
    """How one attempt ended. Unknown: handed over, but no answer came back."""

    SENT = "sent", "Sent"
    TEMPORARY = "temporary", "Failed, will be tried again"
    PERMANENT = "permanent", "Refused for good"
    UNKNOWN = "unknown", "Outcome unknown"


#: Every change of state there is. Services change a row only from the state they read, so racing workers cannot add others.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.SENDING, State.SUPPRESSED}),
    State.SENDING: frozenset({State.SENT, State.QUEUED, State.FAILED, State.SUPPRESSED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.SENT: frozenset(),
    State.SUPPRESSED: frozenset(),
}
