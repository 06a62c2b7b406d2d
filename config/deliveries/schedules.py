"""Recurring work of the ledger."""

from __future__ import annotations

from datetime import timedelta

from config.schedules import Cron, Schedule, declare

declare(
    Schedule(
        name="deliveries: send",
        task="config.deliveries.tasks.send_deliveries",
        when=timedelta(seconds=5),
        queue="deliver",
        description="Sends mails, webhooks and messages that are due; what a nudge after commit did not already do.",
    )
)
declare(
    Schedule(
        name="deliveries: prune",
        task="config.deliveries.tasks.prune_deliveries",
        when=Cron(minute="27", hour="3"),
        queue="maintain",
        description="Deletes finished deliveries older than DELIVERY_RETENTION_DAYS.",
    )
)
