"""Reading the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from config.deliveries.enums import Channel, State
from config.deliveries.lanes import LANE_REST
from config.deliveries.models import Delivery, DeliveryAttempt

_UNFINISHED = Q(state__in=[State.QUEUED, State.SENDING])


@dataclass(frozen=True, slots=True)
class LedgerState:
    """How many deliveries wait, are on their way and have failed.

    `oldest_due`: since when the most overdue could have gone, None if none could. What waits for others to its host could not.
    """

    queued: int
    sending: int
    failed: int
    oldest_due: datetime | None

    def oldest_seconds(self, now: datetime) -> float:
        """Return how long the most overdue delivery has waited since it became due."""
        return max(0.0, (now - self.oldest_due).total_seconds()) if self.oldest_due else 0.0


def measure_ledger() -> LedgerState:
    """Return what waits and what failed; deliveries that went through are not counted, so this stays cheap."""
    now = timezone.now()
    found = (
        Delivery.objects.filter(_UNFINISHED | Q(state=State.FAILED))
        .annotate(is_next=~_waits_for_older())
        .aggregate(
            queued=Count("pk", filter=Q(state=State.QUEUED)),
            sending=Count("pk", filter=Q(state=State.SENDING)),
            failed=Count("pk", filter=Q(state=State.FAILED)),
            oldest_due=Min("due_at", filter=Q(state=State.QUEUED, is_next=True) & ~_waits_for_its_lane(now)),
        )
    )
    return LedgerState(**found)


def list_slow_receivers(*, since: datetime) -> list[str]:
    """Return for whom messages wait that were due before `since`, only because others to the same host take so long.

    Of web addresses it is the host: the rest may be a secret.
    """
    waiting = Delivery.objects.filter(
        _waits_for_its_lane(timezone.now()), ~_waits_for_older(), state=State.QUEUED, due_at__lt=since
    )
    rows = waiting.order_by().values("channel", "lane").annotate(name=Min("recipient"))
    return sorted({_name_receiver(row["channel"], row["name"]) for row in rows})


def _name_receiver(channel: str, recipient: str) -> str:
    try:
        host = urlsplit(recipient).hostname if channel == Channel.WEBHOOK else None
    except ValueError:
        host = None
    return host or recipient


def _waits_for_older() -> Exists:
    """Match what waits for an older one of its thread. It is not late: that one is, if anything is."""
    older = Delivery.objects.filter(
        _UNFINISHED, thread=OuterRef("thread"), lane=OuterRef("lane"), pk__lt=OuterRef("pk")
    )
    return Exists(older.exclude(thread=""))


def _waits_for_its_lane(now: datetime) -> Q:
    """Match what is in a lane that is at work: what waits there waits for its receiver and not for us."""
    sending = Delivery.objects.filter(state=State.SENDING, lease_until__gt=now)
    tried = DeliveryAttempt.objects.filter(finished_at__gt=now - LANE_REST)
    return ~Q(lane="") & (Q(lane__in=sending.values("lane")) | Q(lane__in=tried.values("delivery__lane")))


def list_deliveries_of(*, source: str, source_ids: Iterable[object]) -> QuerySet[Delivery]:
    """Return what was sent because of some things of one kind, oldest first."""
    return Delivery.objects.filter(source=source, source_id__in=[str(each) for each in source_ids]).order_by("id")
