"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from config.deliveries.enums import State
from config.deliveries.models import Delivery


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How many deliveries wait, are on their way and have failed. `oldest_due` is None when nothing is overdue."""

    queued: int
    sending: int
    failed: int
    oldest_due: datetime | None

    def oldest_seconds(self, now: datetime) -> float:
        """Return how long the most overdue delivery has waited since it became due."""
        return max(0.0, (now - self.oldest_due).total_seconds()) if self.oldest_due else 0.0


def measure_ledger() -> LedgerState:
    """Return what waits and what failed; deliveries that went through are not counted, so this stays cheap."""
    unfinished = Q(state__in=[State.QUEUED, State.SENDING])
    # What waits for an older one of its thread is not late: that one is, if anything is.
    older = Delivery.objects.filter(unfinished, thread=OuterRef("thread"), pk__lt=OuterRef("pk")).exclude(thread="")
    found = (
        Delivery.objects.filter(unfinished | Q(state=State.FAILED))
        .annotate(is_next=~Exists(older))
        .aggregate(
            queued=Count("pk", filter=Q(state=State.QUEUED)),
            sending=Count("pk", filter=Q(state=State.SENDING)),
            failed=Count("pk", filter=Q(state=State.FAILED)),
            oldest_due=Min("due_at", filter=unfinished & Q(is_next=True)),
        )
    )
    return LedgerState(**found)


def list_deliveries_of(*, source: str, source_ids: Iterable[object]) -> QuerySet[Delivery]:
    """Return what was sent because of some things of one kind, oldest first."""
    return Delivery.objects.filter(source=source, source_id__in=[str(each) for each in source_ids]).order_by("id")
