"""Recurring work of the room."""

from __future__ import annotations

from datetime import timedelta

from config.schedules import Cron, Schedule, declare
from config.settings import OPTION

declare(
    Schedule(
        name="alerts: evaluate rules",
        task="alerts.tasks.evaluate_rules",
        when=timedelta(seconds=OPTION["RULE_INTERVAL_SECONDS"]),
        queue="evaluate",
        description="Asks every rule's condition; alerts begin, fire and resolve.",
    )
)
declare(
    Schedule(
        name="alerts: tell people",
        task="alerts.tasks.notify",
        when=timedelta(seconds=5),
        queue="evaluate",
        description="Sends what groups of alerts have to say, and takes the steps of escalations that are due.",
    )
)
declare(
    Schedule(
        name="alerts: watchdog",
        task="alerts.tasks.watch",
        when=timedelta(minutes=1),
        queue="maintain",
        description="Audits rules, escalations, queues and mail; calls WATCHDOG_URL only if all is well.",
    )
)
declare(
    Schedule(
        name="alerts: prune alerts",
        task="alerts.tasks.prune_alerts",
        when=Cron(minute="41", hour="3"),
        queue="maintain",
        description="Deletes alerts that never fired after 14 days, resolved ones after 2 years.",
    )
)
declare(
    Schedule(
        name="alerts: read on-call calendars",
        task="alerts.tasks.read_calendars",
        when=timedelta(hours=1),
        queue="reports",
        description="Reads calendars that schedules are subscribed to; their shifts are replaced as a whole.",
    )
)
