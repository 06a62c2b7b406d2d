"""Recurring tasks: declared in code beside the tasks they run, kept in the database, editable by operators.

A room declares its schedules in `<room>/schedules.py`. `sync_schedules` upserts them by name at start. A schedule that an
operator has changed in the admin (other interval, switched off) is left as the operator wants it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler


@dataclass(frozen=True, slots=True)
class Cron:
    """A crontab line in UTC."""

    minute: str = "*"
    hour: str = "*"
    day_of_month: str = "*"
    day_of_week: str = "*"


@dataclass(frozen=True, slots=True)
class Schedule:
    """One declared schedule. `name` identifies it for good; `when` is an interval or a crontab line in UTC."""

    name: str
    task: str
    when: timedelta | Cron
    queue: str
    description: str


_declared: dict[str, Schedule] = {}


class Scheduler(DatabaseScheduler):
    """The database scheduler, looking for edits every few seconds instead of every few minutes."""

    max_interval = 5


def declare(schedule: Schedule) -> Schedule:
    """Register a schedule; called at import time by `<room>/schedules.py`.

    Raises ValueError if another schedule already has the name.
    """
    if _declared.setdefault(schedule.name, schedule) != schedule:
        raise ValueError(f"two schedules are named {schedule.name!r}")
    return schedule


def declared_schedules() -> tuple[Schedule, ...]:
    """Return every declared schedule, by name."""
    return tuple(_declared[name] for name in sorted(_declared))


def sync_schedules() -> list[str]:
    """Write the declared schedules into the database; return the names of those created or changed.

    Rows whose declaration is gone from the code are removed if the code made them.
    """
    changed = [schedule.name for schedule in declared_schedules() if _sync(schedule)]
    gone = PeriodicTask.objects.filter(headers__contains='"declared"').exclude(name__in=_declared)
    for task in gone:
        task.delete()
    return changed


@transaction.atomic
def _sync(schedule: Schedule) -> bool:
    """Create or update one row; an operator's edit shows as a difference to the declaration the row remembers."""
    declaration = _describe(schedule)
    row = PeriodicTask.objects.select_for_update().filter(name=schedule.name).first()
    if row is None:
        row = PeriodicTask(name=schedule.name)
    elif json.loads(row.headers or "{}").get("declared") == declaration:
        return False
    elif _is_edited(row):
        _remember(row, declaration)
        row.task, row.queue, row.description = schedule.task, schedule.queue, schedule.description
        row.save()
        return True
    _remember(row, declaration)
    row.task, row.queue, row.description = schedule.task, schedule.queue, schedule.description
    set_time(row, schedule.when)
    row.save()
    return True


def _is_edited(row: PeriodicTask) -> bool:
    remembered = json.loads(row.headers or "{}").get("declared")
    return remembered is not None and (not row.enabled or _describe_time(row) != remembered["when"])


def _remember(row: PeriodicTask, declaration: dict[str, Any]) -> None:
    row.headers = json.dumps({"declared": declaration})


def set_time(row: PeriodicTask, when: timedelta | Cron) -> None:
    """Point a row to the interval or crontab line; the caller saves it."""
    if isinstance(when, Cron):
        row.interval = None
        row.crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=when.minute,
            hour=when.hour,
            day_of_month=when.day_of_month,
            day_of_week=when.day_of_week,
            month_of_year="*",
            timezone="UTC",
        )
        row.expire_seconds = None
    else:
        row.crontab = None
        seconds = int(when.total_seconds())
        row.interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        # A run nobody took before the next one is due is dropped: the next one does its work too.
        row.expire_seconds = max(seconds, 5)


def _describe(schedule: Schedule) -> dict[str, Any]:
    if isinstance(schedule.when, Cron):
        cron = schedule.when
        when = f"cron {cron.minute} {cron.hour} {cron.day_of_month} {cron.day_of_week}"
    else:
        when = f"every {int(schedule.when.total_seconds())} s"
    return {"task": schedule.task, "queue": schedule.queue, "when": when, "description": schedule.description}


def _describe_time(row: PeriodicTask) -> str:
    if row.crontab is not None:
        cron = row.crontab
        return f"cron {cron.minute} {cron.hour} {cron.day_of_month} {cron.day_of_week}"
    return f"every {int(row.interval.schedule.run_every.total_seconds())} s" if row.interval else "never"
