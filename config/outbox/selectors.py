"""Reading the outbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from config.outbox.enums import EventState
from config.outbox.models import Event


@dataclass(frozen=True, slots=True)
class OutboxLag:
    """What waits in the outbox. `oldest` is None when nothing does."""

    pending: int
    set_aside: int
    oldest: datetime | None

    def oldest_seconds(self, now: datetime) -> float:
        """Return how long the oldest pending event has waited."""
        return max(0.0, (now - self.oldest).total_seconds()) if self.oldest else 0.0


def measure_outbox() -> OutboxLag:
    """Return how much waits and for how long."""
    found = Event.objects.exclude(state=EventState.DONE).aggregate(
        pending=Count("pk", filter=Q(state=EventState.PENDING)),
        set_aside=Count("pk", filter=Q(state=EventState.SET_ASIDE)),
        oldest=Min("created_at", filter=Q(state=EventState.PENDING)),
    )
    return OutboxLag(**found)
