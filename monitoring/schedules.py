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
        name="monitoring: partitions of days",
        task="monitoring.tasks.maintain_daily_partitions",
        when=timedelta(hours=1),
        queue="maintain",
        description="Makes partitions ahead; drops the days past their retention of what has a table for each day.",
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
        name="errors: prune what was set aside",
        task="monitoring.errors.tasks.prune_set_aside_errors",
        when=timedelta(hours=1),
        queue="maintain",
        description="Removes events that nothing could be made of and nobody looked into for a week.",
    )
)
declare(
    Schedule(
        name="performance: sum up",
        task="monitoring.performance.tasks.roll_up_performance",
        when=timedelta(seconds=15),
        queue="digest",
        description="Sums up requests and queries by minutes and hours, and records them as metrics.",
    )
)
declare(
    Schedule(
        name="performance: prune hours",
        task="monitoring.performance.tasks.prune_performance_hours",
        when=Cron(minute="27", hour="3"),
        queue="maintain",
        description="Removes hours of endpoints and statements past their retention.",
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
declare(
    Schedule(
        name="source maps: prune",
        task="monitoring.sourcemaps.tasks.prune_source_maps",
        when=timedelta(hours=1),
        queue="maintain",
        description="Removes uploads that explained nothing for long, and pieces of uploads that were never finished.",
    )
)
declare(
    Schedule(
        name="releases: record health",
        task="monitoring.releases.tasks.record_release_health",
        when=timedelta(minutes=1),
        queue="default",
        description="Records sessions, crashes and adoption of releases, and whether one is worse than the one before.",
    )
)
declare(
    Schedule(
        name="releases: compare",
        task="monitoring.tasks.compare_releases",
        when=timedelta(minutes=5),
        queue="default",
        description="Compares new releases with those before them.",
    )
)
declare(
    Schedule(
        name="logs: record counts",
        task="monitoring.logs.tasks.record_log_counters",
        when=timedelta(minutes=1),
        queue="default",
        description="Records log_records_total, so that rules and charts can use it.",
    )
)
declare(
    Schedule(
        name="monitoring: forget bodies",
        task="monitoring.releases.tasks.forget_seen_bodies",
        when=timedelta(minutes=10),
        queue="maintain",
        description="Forgets which bodies were stored an hour ago: none of them comes a second time any more.",
    )
)
declare(
    Schedule(
        name="web vitals: roll up",
        task="monitoring.browser.tasks.roll_up_web_vitals",
        when=timedelta(minutes=1),
        queue="digest",
        description="Makes the hours of pages anew that measurements arrived for.",
    )
)
declare(
    Schedule(
        name="web vitals: record",
        task="monitoring.browser.tasks.record_web_vitals",
        when=timedelta(minutes=1),
        queue="default",
        description="Records how pages did in the last hour, so that rules and charts can use it.",
    )
)
declare(
    Schedule(
        name="user reports: find errors",
        task="monitoring.user_reports.tasks.match_user_reports",
        when=timedelta(minutes=1),
        queue="default",
        description="Finds the errors of reports that came before them.",
    )
)
declare(
    Schedule(
        name="web vitals: prune hours",
        task="monitoring.browser.tasks.prune_web_vital_hours",
        when=Cron(minute="47", hour="3"),
        queue="maintain",
        description="Removes hours of pages past their retention.",
    )
)
declare(
    Schedule(
        name="user reports: prune",
        task="monitoring.user_reports.tasks.prune_user_reports",
        when=Cron(minute="47", hour="3"),
        queue="maintain",
        description="Removes what people said longer ago than is kept.",
    )
)
