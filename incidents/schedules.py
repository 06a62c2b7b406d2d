"""Recurring work of the room."""

from __future__ import annotations

from datetime import timedelta

from config.schedules import Schedule, declare

declare(
    Schedule(
        name="incidents: keep the clocks",
        task="incidents.tasks.keep_clocks",
        when=timedelta(seconds=15),
        queue="evaluate",
        description="Says of each incident's clocks when they are nearly over, and when they are.",
    )
)
