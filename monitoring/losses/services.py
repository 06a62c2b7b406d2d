"""Keeping the loss account."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from monitoring.losses.enums import Signal
from monitoring.losses.models import LossAccount

WRITERS = 64
"""How many rows an hour's account may be spread over; processes that share one wait for each other's commit."""

KEPT_FOR = timedelta(days=366)

_ADD_SQL = """
INSERT INTO monitoring_lossaccount AS account
    (application_id, hour, signal, writer, received, stored, refused, limited, dropped, sampled, lost)
VALUES (%s, date_trunc('hour', %s::timestamptz, 'UTC'), %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (application_id, hour, signal, writer) DO UPDATE SET
    received = account.received + excluded.received,
    stored = account.stored + excluded.stored,
    refused = account.refused + excluded.refused,
    limited = account.limited + excluded.limited,
    dropped = account.dropped + excluded.dropped,
    sampled = account.sampled + excluded.sampled,
    lost = account.lost + excluded.lost
"""


@dataclass(frozen=True, slots=True)
class Intake:
    """What became of something an application sent. `sampled` and `lost` never came: the client reports them."""

    application_id: int
    signal: Signal
    stored: int = 0
    refused: int = 0
    limited: int = 0
    dropped: int = 0
    sampled: int = 0
    lost: int = 0


def count_intake(*, intakes: Iterable[Intake], now: datetime) -> None:
    """Add to the loss accounts of the hour of `now`, in the caller's transaction."""
    totals: dict[tuple[int, str], list[int]] = {}
    for intake in intakes:
        counts = totals.setdefault((intake.application_id, intake.signal.value), [0] * 6)
        came = (intake.stored, intake.refused, intake.limited, intake.dropped)
        for place, count in enumerate((*came, intake.sampled, intake.lost)):
            counts[place] += count
    writer = os.getpid() % WRITERS
    with connection.cursor() as cursor:
        # In one order for everybody, so that two transactions never wait for each other in a circle.
        for (application_id, signal), counts in sorted(totals.items()):
            if any(counts):
                cursor.execute(_ADD_SQL, [application_id, now, signal, writer, sum(counts[:4]), *counts])


def prune_accounts(*, now: datetime) -> int:
    """Remove accounts older than a year; return how many rows went."""
    removed, _ = LossAccount.objects.filter(hour__lt=now - KEPT_FOR).delete()
    return removed
