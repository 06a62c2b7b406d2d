"""Recurring work of the API."""

from __future__ import annotations

from config.schedules import Cron, Schedule, declare

declare(
    Schedule(
        name="api: prune kept answers",
        task="config.api.tasks.prune_kept_answers",
        when=Cron(minute="41"),
        queue="maintain",
        description="Deletes answers to Idempotency-Keys that are older than a day.",
    )
)
