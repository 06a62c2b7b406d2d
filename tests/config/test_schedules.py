"""Schedules: declared in code, kept in the database, operators' edits stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django_celery_beat.models import PeriodicTask

from config import schedules
from config.admin.timetables import set_when
from config.schedules import Cron, Schedule, declare, sync_schedules
from config.timetable import CronLine, Every

pytestmark = pytest.mark.django_db

SWEEP = Schedule(
    name="test: sweep", task="test.sweep", when=timedelta(seconds=15), queue="maintain", description="Sweeps."
)


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, Schedule]:
    """The only declared schedule is the sweep."""
    only = {SWEEP.name: SWEEP}
    monkeypatch.setattr(schedules, "_declared", only)
    return only


def _row() -> PeriodicTask:
    return PeriodicTask.objects.get(name=SWEEP.name)


def test_sync_schedules__first_time__creates_the_row_and_then_leaves_it() -> None:
    assert sync_schedules() == [SWEEP.name]
    assert sync_schedules() == []
    row = _row()
    assert (row.task, row.queue, row.interval.every, row.expire_seconds) == ("test.sweep", "maintain", 15, 15)


def test_sync_schedules__operator_changed_the_time__stays_even_when_the_code_changes(
    declared: dict[str, Schedule],
) -> None:
    sync_schedules()
    row = _row()
    set_when(row, Every(60))
    row.save()

    declared[SWEEP.name] = replace(SWEEP, when=timedelta(seconds=30), task="test.sweep_better")
    sync_schedules()

    assert (_row().task, _row().interval.every) == ("test.sweep_better", 60)


def test_sync_schedules__operator_switched_it_off__stays_off(declared: dict[str, Schedule]) -> None:
    sync_schedules()
    PeriodicTask.objects.filter(name=SWEEP.name).update(enabled=False)
    declared[SWEEP.name] = replace(SWEEP, when=timedelta(seconds=30))
    sync_schedules()
    assert _row().enabled is False


def test_sync_schedules__nobody_touched_it__follows_the_code(declared: dict[str, Schedule]) -> None:
    sync_schedules()
    declared[SWEEP.name] = replace(SWEEP, when=Cron(minute="5", hour="3"))
    assert sync_schedules() == [SWEEP.name]
    row = _row()
    assert (row.interval, row.crontab.minute, row.crontab.hour, row.expire_seconds) == (None, "5", "3", None)


def test_sync_schedules__declaration_gone__removes_its_row_and_no_other(declared: dict[str, Schedule]) -> None:
    sync_schedules()
    own = PeriodicTask(name="an operator's own", task="test.other")
    set_when(own, CronLine("0", "4", "*", "*"))
    own.save()
    declared.clear()
    sync_schedules()
    assert list(PeriodicTask.objects.filter(task__startswith="test.").values_list("name", flat=True)) == [own.name]


def test_declare__name_taken_by_another__is_refused() -> None:
    assert declare(SWEEP) == SWEEP
    with pytest.raises(ValueError, match="two schedules are named"):
        declare(replace(SWEEP, task="test.other"))
