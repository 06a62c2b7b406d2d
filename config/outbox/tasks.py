"""Background work of the outbox."""

from __future__ import annotations

import time
from datetime import timedelta

from celery import shared_task

from config.outbox import services
from config.settings import OPTION

#: A dispatcher stops after this long, so that other tasks of the queue get their turn; the schedule starts the next.
TURN_SECONDS = 20.0


@shared_task(ignore_result=True)
def dispatch_events() -> int:
    """Hand out events until none is due; return how many."""
    deadline, total = time.monotonic() + TURN_SECONDS, 0
    while time.monotonic() < deadline:
        claimed = services.dispatch_due_events()
        total += claimed
        if not claimed:
            break
    return total


@shared_task(ignore_result=True)
def prune_events() -> int:
    """Delete events that have been done for EVENT_RETENTION_DAYS."""
    return services.prune_events(older_than=timedelta(days=OPTION["EVENT_RETENTION_DAYS"]))
