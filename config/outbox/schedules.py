"""Recurring work of the outbox."""

from __future__ import annotations

from datetime import timedelta

from config.schedules import Cron, Schedule, declare

declare(
    Schedule(
        name="outbox: dispatch events",
        task="config.outbox.tasks.dispatch_events",
        when=timedelta(seconds=5),
        queue="default",
        description="Hands events to their subscribers; what a nudge after commit did not already do.",
    )
)
declare(
    Schedule(
        name="outbox: prune events",
        task="config.outbox.tasks.prune_events",
        when=Cron(minute="17", hour="3"),
        queue="maintain",
        description="Deletes events that have been done for EVENT_RETENTION_DAYS.",
    )
)
