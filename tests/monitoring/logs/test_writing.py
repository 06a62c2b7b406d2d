"""Log lines from the door to their row, and what is counted of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.logs.models import LogCounter, LogRecord
from monitoring.logs.services.counting import record_log_counts
from monitoring.losses.models import LossAccount
from monitoring.metrics import promql
from monitoring.metrics.models import MetricSeries
from monitoring.metrics.selectors import SeriesStorage
from tests.support.errors import make_envelope, make_public_key, send_envelope
from tests.support.logs import make_line, write_lines
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


def send(client: Client, application: Application, payload: Any) -> Any:
    return send_envelope(client, application, make_public_key(application), make_envelope(("log", payload)))


def account(application: Application) -> dict[str, int]:
    (row,) = LossAccount.objects.filter(application=application, signal="logs")
    return {name: getattr(row, name) for name in ("received", "stored", "refused", "limited")}


def test_envelope__log_lines__are_rows(client: Client, application: Application) -> None:
    now = timezone.now()
    line = {
        "timestamp": now.timestamp(),
        "level": "warn",
        "severity_number": 14,
        "body": "stock of item-17 is negative",
        "trace_id": "ab" * 16,
        "attributes": {
            "sentry.release": {"value": "erp@1", "type": "string"},
            "sentry.environment": {"value": "staging", "type": "string"},
            "sentry.message.template": {"value": "stock of %s is negative", "type": "string"},
            "logger.name": {"value": "erp.stock", "type": "string"},
            "warehouse": {"value": 4, "type": "integer"},
        },
    }
    assert send(client, application, {"items": [line, 5]}).status_code == 200
    row = LogRecord.objects.get()
    assert (row.severity, row.level.value, row.body) == (14, "warn", "stock of item-17 is negative")
    assert (row.release, row.environment, row.logger, row.trace_id) == ("erp@1", "staging", "erp.stock", "ab" * 16)
    assert (row.template, row.attributes) == ("stock of %s is negative", {"warehouse": 4})
    assert abs(row.at - now) < timedelta(milliseconds=1)
    assert account(application) == {"received": 2, "stored": 1, "refused": 1, "limited": 0}


def test_envelope__same_lines_again__are_kept_once(client: Client, application: Application) -> None:
    payload = {"items": [{"timestamp": 1.5, "level": "info", "body": "once"}] * 2}
    for _ in range(2):
        assert send(client, application, payload).status_code == 200
    assert LogRecord.objects.count() == 2
    other = make_application()
    send(client, other, payload)
    assert LogRecord.objects.filter(application_id=other.pk).count() == 2


@pytest.mark.parametrize("payload", [b"{", b"5", {"items": 5}, b'{"items":' + b"[" * 5000])
def test_envelope__no_lines__is_refused(client: Client, application: Application, payload: Any) -> None:
    assert send(client, application, payload).status_code == 400
    assert account(application)["refused"] == 1


def test_envelope__too_many_lines__the_rest_is_counted(client: Client, application: Application) -> None:
    send(client, application, {"items": [{"body": str(n)} for n in range(1_002)]})
    assert account(application) == {"received": 1_002, "stored": 1_000, "refused": 0, "limited": 2}


def test_write__lines_of_days_ago__get_their_partition(application: Application) -> None:
    moment = timezone.now() - timedelta(days=6)
    write_lines(application, make_line(application, "old", at=moment), make_line(application, "odd \\u0000 \x00 text"))
    assert LogRecord.objects.get(body="old").at == moment


def test_record_log_counts__lines__are_a_metric_that_begins_at_zero(application: Application) -> None:
    now = timezone.now()
    write_lines(
        application, *(make_line(application, "bad", severity=17) for _ in range(3)), make_line(application, "ok")
    )
    assert {(one.severity, one.total) for one in LogCounter.objects.all()} == {("error", 3), ("info", 1)}
    assert record_log_counts(now=now) == 4
    assert record_log_counts(now=now + timedelta(minutes=1)) == 2
    assert record_log_counts(now=now + timedelta(days=2)) == 0
    assert MetricSeries.objects.filter(name="log_records_total").count() == 2


def test_record_log_counts__lines_after_days_of_silence__begin_at_the_former_value(application: Application) -> None:
    now = timezone.now()
    later = now + timedelta(days=2)
    write_lines(application, *(make_line(application, "bad", severity=17) for _ in range(3)))
    assert record_log_counts(now=now) == 2
    with time_machine.travel(later, tick=False):
        write_lines(application, make_line(application, "bad", severity=17))
        assert record_log_counts(now=later) == 2
    found = promql.evaluate_instant(
        promql.parse("log_records_total offset 1m"), SeriesStorage(application.pk), int(later.timestamp() * 1000)
    )
    assert isinstance(found, promql.InstantVector)
    assert [value for _, value in found.elements] == [3.0]
    later += timedelta(minutes=1)
    with time_machine.travel(later, tick=False):
        assert record_log_counts(now=later) == 1
