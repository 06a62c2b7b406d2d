"""Reading the loss account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from monitoring.losses.models import LossAccount


@dataclass(frozen=True, slots=True)
class Account:
    """What was sent in an hour and what became of it: received = stored + refused + limited."""

    hour: datetime
    signal: str
    received: int
    stored: int
    refused: int
    limited: int


def list_accounts(*, application_id: int, since: datetime) -> list[Account]:
    """Return an application's accounts, one for each hour and signal, newest first."""
    rows = (
        LossAccount.objects.filter(application_id=application_id, hour__gte=since)
        .values("hour", "signal")
        .annotate(
            total_received=Sum("received"),
            total_stored=Sum("stored"),
            total_refused=Sum("refused"),
            total_limited=Sum("limited"),
        )
        .order_by("-hour", "signal")
    )
    return [
        Account(
            row["hour"],
            row["signal"],
            row["total_received"],
            row["total_stored"],
            row["total_refused"],
            row["total_limited"],
        )
        for row in rows
    ]
