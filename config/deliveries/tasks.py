"""Background work of the ledger."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task

from config.deliveries import services
from config.deliveries.sending import send_due_deliveries
from config.settings import OPTION

#: A sender stops after this long, so that the queue's other tasks get their turn; the schedule starts the next.
TURN_SECONDS = 20.0


@shared_task(ignore_result=True)
def send_deliveries() -> int:
    """Free what dead senders left behind, then send what is due; return how many attempts were made."""
    services.recover_deliveries()
    return send_due_deliveries(turn_seconds=TURN_SECONDS)


@shared_task(ignore_result=True)
def prune_deliveries() -> int:
    """Delete finished deliveries older than DELIVERY_RETENTION_DAYS."""
    return services.prune_deliveries(older_than=timedelta(days=OPTION["DELIVERY_RETENTION_DAYS"]))
