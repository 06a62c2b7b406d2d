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
declare(
    Schedule(
        name="errors: digest",
        task="monitoring.errors.tasks.digest_errors",
        when=timedelta(seconds=5),
        queue="digest",
        description="Groups the errors that arrived into issues and counts them; each arrival also wakes it.",
    )
)
declare(
    Schedule(
        name="errors: record counts",
        task="monitoring.errors.tasks.record_error_counters",
        when=timedelta(minutes=1),
        queue="default",
        description="Records application_errors_total, so that rules and charts can use it.",
    )
)
declare(
    Schedule(
        name="errors: settle issues",
        task="monitoring.errors.tasks.settle_issues",
        when=timedelta(minutes=1),
        queue="maintain",
        description="Ends silences whose time is over; calls issues ongoing that have been open for a week.",
    )
)
declare(
    Schedule(
        name="errors: partitions",
        task="monitoring.errors.tasks.maintain_errors",
        when=timedelta(hours=1),
        queue="maintain",
        description="Makes partitions ahead; drops events past their retention and what was set aside a week ago.",
    )
)
declare(
    Schedule(
        name="uptime: look at checks",
        task="monitoring.uptime.tasks.probe_checks",
        when=timedelta(seconds=5),
        queue="default",
        description="Has the checks that are due looked at, and follows maintenance windows.",
    )
)
declare(
    Schedule(
        name="uptime: record states",
        task="monitoring.uptime.tasks.record_check_states",
        when=timedelta(minutes=1),
        queue="default",
        description="Records whether each check is up, so that rules see it however rarely it looks.",
    )
)
declare(
    Schedule(
        name="uptime: prune stories",
        task="monitoring.uptime.tasks.prune_check_stories",
        when=Cron(minute="37", hour="3"),
        queue="maintain",
        description="Removes changes of checks and maintenance windows older than two years.",
    )
)
