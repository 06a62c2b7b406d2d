"""Several workers at once: each event is counted once, and no issue is made twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Sum

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorEvent, ErrorHour, ErrorIssue
from monitoring.errors.selectors import measure_inbox
from monitoring.errors.services.digesting import digest_batch
from tests.support.errors import make_event, take
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS, KINDS, WORKERS = 240, 6, 4


def test_digest__several_workers__count_each_event_once() -> None:
    applications = [make_application(), make_application()]
    with ThreadPoolExecutor(WORKERS) as pool:
        senders = [pool.submit(_send, application.pk, number) for application in applications for number in range(2)]
        digesters = [pool.submit(_digest_until_empty) for _ in range(WORKERS)]
        for each in (*senders, *digesters):
            each.result()
    _digest_until_empty()
    assert measure_inbox().waiting == 0
    assert ErrorEvent.objects.count() == EVENTS
    assert ErrorIssue.objects.count() == KINDS * len(applications)
    assert ErrorIssue.objects.aggregate(total=Sum("event_count"))["total"] == EVENTS
    assert ErrorHour.objects.aggregate(total=Sum("count"))["total"] == EVENTS
    assert set(ErrorIssue.objects.values_list("user_count", flat=True)) == {10}


def _send(application_id: int, part: int) -> None:
    try:
        application = Application.objects.get(pk=application_id)
        for number in range(part, EVENTS // 2, 2):
            take(application, make_event(f"Error{number % KINDS}", user={"id": number // KINDS % 10}, release="1.0"))
    finally:
        connection.close()


def _digest_until_empty() -> None:
    try:
        for _ in range(30):
            digest_batch(limit=15)
    finally:
        connection.close()
