"""Schedules, people and roles in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from config.schedules import sync_schedules

pytestmark = pytest.mark.django_db
LISTS = {
    "django_celery_beat_periodictask": lambda number: make_task(f"task {number}"),
    "auth_user": lambda number: User.objects.create_user(f"person{number}", password="x").groups.add(make_role(number)),
    "auth_group": lambda number: make_role(number),
}


def make_task(name: str = "nightly", seconds: int = 60) -> PeriodicTask:
    interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name=name, task="x", interval=interval)


def make_role(number: int) -> Group:
    return Group.objects.get_or_create(name=f"role {number}")[0]


def count_queries(client: Client, address: str) -> int:
    """Return the lower count of two requests: now and then one renews what the next ones are spared."""
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counts.append(len(queries))
    return min(counts)


@pytest.mark.parametrize("name", LISTS)
def test_list__one_and_three_rows__same_queries(admin_client: Client, name: str) -> None:
    address = reverse(f"admin:{name}_changelist")
    LISTS[name](1)
    admin_client.get(address)
    one = count_queries(admin_client, address)
    LISTS[name](2)
    LISTS[name](3)

    assert count_queries(admin_client, address) == one


@pytest.mark.parametrize("name", LISTS)
def test_list__search_without_result__offers_to_show_all(admin_client: Client, name: str) -> None:
    text = admin_client.get(reverse(f"admin:{name}_changelist"), {"q": "nowhere"}).content.decode()

    assert "Nothing matches" in text
    assert "Show all" in text


def save_task(client: Client, task: PeriodicTask, when: str, **fields: str) -> str:
    address = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    return client.post(address, {"when": when, **fields}, follow=True).content.decode()


def test_schedule__slowed_down__runs_at_the_new_distance(admin_client: Client) -> None:
    task = make_task(seconds=60)
    save_task(admin_client, task, "every 5 min", enabled="on")

    task.refresh_from_db()
    assert task.interval.schedule.run_every == timedelta(minutes=5)
    assert task.expire_seconds == 300
    assert task.enabled


def test_schedule__moved_to_the_clock__is_a_cron_line(admin_client: Client) -> None:
    task = make_task()
    save_task(admin_client, task, "cron 30 2 * * 1")

    task.refresh_from_db()
    assert task.interval is None
    assert (task.crontab.minute, task.crontab.hour, task.crontab.day_of_week) == ("30", "2", "1")
    assert not task.enabled


@pytest.mark.parametrize("when", ["now and then", "cron 99 3 * * *", ""])
def test_schedule__impossible_time__changes_nothing(admin_client: Client, when: str) -> None:
    task = make_task(seconds=60)
    text = save_task(admin_client, task, when)

    task.refresh_from_db()
    assert task.interval.every == 60
    assert "every 30 s" in text


def test_schedule__declared_and_edited__keeps_the_edit_at_the_next_start(admin_client: Client) -> None:
    sync_schedules()
    task = PeriodicTask.objects.get(name="deliveries: send")
    save_task(admin_client, task, "every 20 s", enabled="on")
    sync_schedules()

    task.refresh_from_db()
    assert task.interval.every == 20


def test_schedules__adding_and_deleting__is_not_offered(admin_client: Client) -> None:
    task = make_task()

    assert admin_client.get(reverse("admin:django_celery_beat_periodictask_add")).status_code == 403
    assert admin_client.post(reverse("admin:django_celery_beat_periodictask_delete", args=[task.pk])).status_code == 403


def test_people__list__says_who_may_what(admin_client: Client) -> None:
    User.objects.create_user("gone", password="x", is_active=False)
    text = admin_client.get(reverse("admin:auth_user_changelist")).content.decode()

    assert "Administrator" in text
    assert "switched off" in text


@pytest.mark.parametrize("name", ["auth_user", "auth_group"])
def test_people__forms__open(admin_client: Client, admin_user: User, name: str) -> None:
    role = make_role(1)
    pk = admin_user.pk if name == "auth_user" else role.pk

    assert admin_client.get(reverse(f"admin:{name}_add")).status_code == 200
    assert admin_client.get(reverse(f"admin:{name}_change", args=[pk])).status_code == 200
    assert admin_client.get(reverse("admin:password_change")).status_code == 200
