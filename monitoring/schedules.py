"""When the room's tasks run."""

from __future__ import annotations

from datetime import timedelta

from config.schedules import Cron, Schedule, declare

declare(
    Schedule(
        name="monitoring: seal the slot of fresh points",
        task="monitoring.metrics.tasks.rotate_point_slots",
        when=timedelta(seconds=5),
        queue="maintain",
        description="Opens the next slot when the current one is full or old, and indexes what arrived meanwhile.",
    )
)
declare(
    Schedule(
        name="monitoring: pack points",
        task="monitoring.metrics.tasks.pack_points",
        when=timedelta(seconds=10),
        queue="digest",
        description="Turns sealed slots into compressed chunks and hour rollups.",
    )
)
declare(
    Schedule(
        name="monitoring: partitions of points and rollups",
        task="monitoring.metrics.tasks.maintain_point_partitions",
        when=timedelta(hours=1),
        queue="maintain",
        description="Makes partitions ahead; drops points, minutes and hours past their retention.",
    )
)
declare(
    Schedule(
        name="monitoring: prune the loss account",
        task="monitoring.losses.tasks.prune_loss_accounts",
        when=Cron(minute="17", hour="3"),
        queue="maintain",
        description="Removes accounts older than a year.",
    )
)
declare(
    Schedule(
        name="monitoring: record own metrics",
        task="monitoring.own_metrics.tasks.record_own_metrics",
        when=timedelta(seconds=15),
        queue="default",
        description="Records what Postlaunch measures of itself for the application of its own host.",
    )
)
