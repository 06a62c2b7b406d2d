"""Requests and queries as series: what PromQL answers equals what was reported."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import time_machine
from django.db import connection

from monitoring.applications.models import Application
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage
from monitoring.performance.models import Endpoint
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.measuring import record_performance
from monitoring.performance.services.rolling_up import KINDS, roll_up
from tests.support.metrics import NOW, make_application
from tests.support.performance import make_query, make_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


def keep(application: Application, *records: Any, at: float = 0) -> None:
    """Store, sum up and record, `at` seconds after NOW."""
    moment = NOW + timedelta(seconds=at)
    with time_machine.travel(moment, tick=False):
        batch = Batch(application.pk)
        for record in records:
            batch.add(record, signal="transactions")
        if records:
            store_batch(batch)
        for kind in KINDS:
            roll_up(kind, now=moment)
        record_performance(now=moment)


def ask(application: Application, query: str, *, at: float = 0) -> dict[tuple[tuple[str, str], ...], float]:
    """Return a value for each set of labels."""
    moment = int((NOW + timedelta(seconds=at)).timestamp() * 1000)
    found = promql.evaluate_instant(promql.parse(query), SeriesStorage(application.pk), moment)
    assert isinstance(found, promql.InstantVector)
    return {
        tuple(sorted((name, value) for name, value in labels.items() if name != "__name__")): value
        for labels, value in found.elements
    }


def test_record_performance__requests__have_a_histogram_whose_first_step_is_an_increase(
    application: Application,
) -> None:
    durations = [0.004, 0.02, 0.3, 0.3, 4.0]
    keep(application, *(make_request(application.pk, started_at=NOW, duration=each) for each in durations))
    labels = (("http_request_method", "GET"), ("http_route", "/orders/{id}"))
    assert ask(application, "http_server_request_duration_seconds_count") == {labels: 5.0}
    assert ask(application, "http_server_request_duration_seconds_sum")[labels] == pytest.approx(sum(durations))
    below = ask(application, 'http_server_request_duration_seconds_bucket{le="0.5"}')
    assert list(below.values()) == [4.0]
    (growth,) = ask(application, "increase(http_server_request_duration_seconds_count[1m])").values()
    assert growth > 0
    median = ask(application, "histogram_quantile(0.5, http_server_request_duration_seconds_bucket)")[labels]
    # The exact median lies in the same bucket.
    assert 0.25 < np.median(durations) <= 0.5
    assert 0.25 < median <= 0.5


def test_record_performance__nothing_new__goes_on_without_falling(application: Application) -> None:
    keep(application, make_request(application.pk, started_at=NOW))
    keep(application, at=15)
    assert list(ask(application, "resets(http_server_request_duration_seconds_count[1m])", at=15).values()) == [0.0]
    keep(application, make_request(application.pk, started_at=NOW), at=30)
    assert list(ask(application, "http_server_request_duration_seconds_count", at=30).values()) == [2.0]


def test_record_performance__jobs_and_queries__have_series_of_their_own(application: Application) -> None:
    keep(
        application,
        make_request(application.pk, started_at=NOW, method="", status=0, endpoint="app.Nightly", failed=True),
        make_query(application.pk, started_at=NOW),
        make_query(application.pk, started_at=NOW, statement="SELECT total FROM orders"),
    )
    assert ask(application, "jobs_failed_total") == {(("job", "app.Nightly"),): 1.0}
    labels = (("db_collection_name", "orders"), ("db_operation_name", "SELECT"))
    assert ask(application, "db_client_operation_duration_seconds_count") == {labels: 2.0}
    assert ask(application, "http_server_request_duration_seconds_count") == {}


def test_record_performance__the_seeds_forms__are_percent_and_milliseconds(application: Application) -> None:
    before = NOW - timedelta(minutes=2)
    keep(
        application,
        make_request(application.pk, started_at=before, duration=1.0, failed=True, status=500),
        *(make_request(application.pk, started_at=before, duration=3.0) for _ in range(3)),
    )
    assert ask(application, "error_rate") == {(): 25.0}
    assert ask(application, "response_time") == {(): 2500.0}
    assert ask(application, "request_rate") == {(): pytest.approx(4 / 300)}


def test_record_performance__more_routes_than_have_series__share_one(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.performance.services.measuring.MAX_COUNTED", 2)
    keep(application, *(make_request(application.pk, started_at=NOW, endpoint=f"/{number}") for number in range(5)))
    found = ask(application, "http_server_request_duration_seconds_count")
    assert sorted(found.values()) == [1.0, 1.0, 3.0]
    assert (("http_request_method", "GET"), ("http_route", "(other)")) in found


DAY = 86_400


def test_record_performance__some_go_quiet_for_a_day__shared_series_do_not_fall(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.performance.services.measuring.MAX_COUNTED", 2)
    for at, numbers in ((0, range(5)), (DAY + 60, [0, 4]), (DAY + 75, [2])):
        moment = NOW + timedelta(seconds=at)
        keep(
            application,
            *(make_request(application.pk, started_at=moment, endpoint=f"/{number}") for number in numbers),
            *(make_query(application.pk, started_at=moment, statement=f"SELECT {n * 'a'} FROM t") for n in numbers),
            at=at,
        )
    found = ask(application, "http_server_request_duration_seconds_count", at=DAY + 75)
    assert {dict(labels)["http_route"]: value for labels, value in found.items()} == {"/0": 2.0, "(other)": 5.0}
    assert list(ask(application, "db_client_operation_duration_seconds_count", at=DAY + 75).values()) == [8.0]
    for metric in ("http_server_request_duration_seconds", "db_client_operation_duration_seconds"):
        for part in ("count", "sum", "bucket"):
            assert set(ask(application, f"resets({metric}_{part}[2d])", at=DAY + 75).values()) == {0.0}


def test_record_performance__news_after_a_day_of_silence__is_an_increase_by_the_news(application: Application) -> None:
    keep(application, *(make_request(application.pk, started_at=NOW, status=500, failed=True) for _ in range(7)))
    keep(application, at=2 * DAY)
    assert ask(application, "http_server_request_duration_seconds_count", at=2 * DAY) == {}
    at = 2 * DAY + 60
    moment = NOW + timedelta(seconds=at)
    keep(application, make_request(application.pk, started_at=moment, status=500, failed=True), at=at)
    for metric in ("http_server_request_duration_seconds_count", "http_server_requests_failed_total"):
        assert list(ask(application, f"max_over_time({metric}[1m]) - min_over_time({metric}[1m])", at=at).values()) == [
            1.0
        ]
        assert next(iter(ask(application, f"increase({metric}[1m])", at=at).values())) >= 1
    keep(application, at=at + 15)
    assert list(ask(application, "resets(http_server_requests_failed_total[3d])", at=at + 15).values()) == [0.0]


def test_record_performance__minute_made_anew__does_not_fall_by_a_rounding(application: Application) -> None:
    durations = [0.1, 0.2, 0.3, 0.7, 1e-9, 1e8]
    keep(application, *(make_request(application.pk, started_at=NOW, duration=each) for each in durations))
    before = Endpoint.objects.get().seconds
    with connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_endpoint_minute SET seconds = seconds * (1 + 1e-15)")
    keep(application, make_request(application.pk, started_at=NOW, duration=0.0), at=15)
    assert Endpoint.objects.get().seconds >= before
