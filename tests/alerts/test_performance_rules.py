"""The built-in rules over requests and queries: from what a client reports to the alert, with the product's figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from alerts.models import Alert, Rule
from alerts.related import find_alerts_of_endpoint, find_alerts_of_statement
from alerts.services.builtin import install_rules
from monitoring.applications.models import Application
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.measuring import record_performance
from monitoring.performance.services.rolling_up import KINDS, roll_up
from tests.support.alerts import evaluate, make_channel, moment
from tests.support.metrics import NOW, make_application
from tests.support.performance import make_query, make_request

pytestmark = pytest.mark.django_db
STEP_SECONDS = 15
KEYS = ("response-time", "too-slow", "error-rate", "throughput", "slow-request", "slow-query", "very-slow-query")


@pytest.fixture(autouse=True)
def _rules() -> Iterator[None]:
    make_channel(is_default=True)
    install_rules()
    keys = [key for key in Rule.objects.values_list("builtin_key", flat=True) if key.startswith(KEYS)]
    Rule.objects.exclude(builtin_key__in=keys).update(enabled=False)
    forget_dictionaries()
    yield
    forget_dictionaries()


def live(application: Application, *records: Any, minutes: int = 8) -> list[tuple[str, str]]:
    """Report records that happened at NOW, let minutes pass, and return name and severity of what fires."""
    with time_machine.travel(NOW, tick=False) as clock:
        batch = Batch(application.pk)
        for record in records:
            batch.add(record, signal="transactions")
        store_batch(batch)
        for step in range(0, minutes * 60, STEP_SECONDS):
            clock.move_to(NOW + timedelta(seconds=step))
            for kind in KINDS:
                roll_up(kind, now=moment(step))
            record_performance(now=moment(step))
            evaluate(step)
            if firing := find_firing():
                return firing
    return []


def find_firing() -> list[tuple[str, str]]:
    return sorted(Alert.objects.filter(state="firing").values_list("name", "severity"))


def some(application: Application, count: int, **fields: Any) -> list[Any]:
    return [make_request(application.pk, started_at=NOW, **fields) for _ in range(count)]


@pytest.mark.parametrize(
    ("count", "fields", "expected"),
    [
        (20, {"duration": 1.9}, []),
        (20, {"duration": 2.1}, [("Slow answers", "warning")]),
        (19, {"duration": 2.1}, []),
        (20, {"duration": 2.1, "method": "", "status": 0}, []),
    ],
)
def test_response_time__average_beyond_2_s_of_enough_requests__warns(
    count: int, fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    application = make_application()
    assert live(application, *some(application, count, **fields)) == expected


def test_response_time__average_beyond_10_s__is_critical_too() -> None:
    application = make_application()
    Rule.objects.filter(builtin_key__startswith="slow-request").update(enabled=False)
    found = live(application, *some(application, 20, duration=10.5))
    assert found == [("Slow answers", "critical"), ("Slow answers", "warning")]


@pytest.mark.parametrize(("count", "expected"), [(2, []), (3, [("Server too slow", "critical")])])
def test_response_time__average_beyond_30_s__is_as_if_it_were_down(count: int, expected: list[tuple[str, str]]) -> None:
    application = make_application()
    Rule.objects.filter(builtin_key__startswith="slow-request").update(enabled=False)
    assert live(application, *some(application, count, duration=31)) == expected


@pytest.mark.parametrize(
    ("failed", "of", "expected"),
    [(2, 2, []), (3, 3, ["critical", "warning"]), (3, 19, ["critical", "warning"]), (2, 19, [])],
)
def test_error_rate__of_few_requests__three_failures_say_enough(failed: int, of: int, expected: list[str]) -> None:
    application = make_application()
    records = [*some(application, of - failed), *some(application, failed, status=500, failed=True)]
    assert [severity for _, severity in live(application, *records)] == expected


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        (5, []),
        (6, [("Failing requests", "warning")]),
        (11, [("Failing requests", "critical"), ("Failing requests", "warning")]),
    ],
)
def test_error_rate__of_a_hundred_requests__warns_beyond_5_and_is_critical_beyond_10(
    failed: int, expected: list[tuple[str, str]]
) -> None:
    application = make_application()
    records = [*some(application, 100 - failed), *some(application, failed, status=500, failed=True)]
    assert live(application, *records) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (160, []),
        (120, [("Few requests", "warning")]),
        (60, [("Few requests", "critical"), ("Few requests", "warning")]),
    ],
)
def test_throughput__of_one_expected_per_second__warns_below_half_and_is_critical_below_a_quarter(
    count: int, expected: list[tuple[str, str]]
) -> None:
    application = make_application(expected_throughput=1.0)
    records = [
        make_request(application.pk, started_at=NOW + timedelta(minutes=minute))
        for minute in range(-5, 16)
        for _ in range(count // 5)
    ]
    batch = Batch(application.pk)
    with time_machine.travel(NOW + timedelta(minutes=5, seconds=30), tick=False):
        for record in records:
            batch.add(record, signal="transactions")
        store_batch(batch)
    found: list[tuple[str, str]] = []
    for step in range(60, 10 * 60, STEP_SECONDS):
        with time_machine.travel(moment(step), tick=False):
            for kind in KINDS:
                roll_up(kind, now=moment(step))
            record_performance(now=moment(step))
            evaluate(step)
        found = find_firing()
    assert found == expected


def test_throughput__nothing_expected__asks_nobody() -> None:
    assert live(make_application()) == []


def test_slow_request__one_of_more_than_5_s__is_told_with_its_route_and_linked() -> None:
    application = make_application()
    assert live(application, *some(application, 1, duration=5.1), minutes=2) == [("Slow request", "warning")]
    assert Alert.objects.get().summary == "GET /orders/{id} took longer than 5 s"
    (link,) = find_alerts_of_endpoint(application.pk, Endpoint.objects.get().pk)
    assert link.title == Alert.objects.get().summary


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.9, []),
        (1.1, [("Slow query", "warning")]),
        (5.1, [("Very slow query", "warning")]),
        (30.1, [("Very slow query", "critical"), ("Very slow query", "warning")]),
    ],
)
def test_slow_query__one_run__is_told_once_by_how_slow_it_is(seconds: float, expected: list[tuple[str, str]]) -> None:
    application = make_application()
    found = live(application, make_query(application.pk, started_at=NOW, duration=seconds), minutes=2)
    assert found == expected
    if expected:
        assert "SELECT on orders took longer than" in Alert.objects.first().summary  # type: ignore[union-attr]
        assert find_alerts_of_statement(application.pk, Statement.objects.get().pk)
