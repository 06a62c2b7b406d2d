"""Requests, queries and spans, from records to rows, minutes, hours and totals."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import numpy as np
import pytest
import time_machine
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

import monitoring.schedules  # noqa: F401  (declares)
from config.schedules import declared_schedules
from config.settings import OPTION
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.metrics.sketch import Sketch
from monitoring.partitions import QUERIES, REQUESTS
from monitoring.performance.buckets import LIMITS, Sum
from monitoring.performance.models import Endpoint, EndpointHour, Query, Request, Span, Statement, StatementHour
from monitoring.performance.services import dictionaries
from monitoring.performance.services.rolling_up import (
    KINDS,
    QUERY_SUMS,
    REQUEST_SUMS,
    bound_members,
    prune_hours,
    roll_up,
)
from monitoring.performance.tasks import prune_performance_hours
from monitoring.releases.models import Release
from tests.support.metrics import make_application
from tests.support.performance import NOW, make_query, make_request, make_span

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    dictionaries.forget_dictionaries()
    with time_machine.travel(NOW, tick=False):
        yield
    dictionaries.forget_dictionaries()


def store(application_id: int, *records: object) -> None:
    """Store records as a door does."""
    batch = Batch(application_id)
    for record in records:
        batch.add(record, signal="transactions")
    store_batch(batch)


def count_marks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM monitoring_request_mark) + (SELECT count(*) FROM monitoring_query_mark)"
        )
        return int(cursor.fetchone()[0])


def test_store_batch__of_each_kind__keeps_rows_that_share_their_names() -> None:
    application = make_application()
    store(
        application.pk,
        make_request(application.pk, user_key=b"u" * 16, trace_id="a" * 32),
        make_request(application.pk, duration=2.0),
        make_query(application.pk, parameter_count=1),
        make_query(application.pk, statement="SELECT * FROM orders WHERE id = 8"),
        make_span(application.pk, attributes={"text": "a\x00b", "n": 1}),
    )
    assert list(Request.objects.values_list("endpoint__method", "endpoint__endpoint").distinct()) == [
        ("GET", "/orders/{id}")
    ]
    assert Request.objects.count() == 2
    statement = Statement.objects.get()
    assert (statement.statement, statement.operation, statement.table) == (
        "SELECT * FROM orders WHERE id = ?",
        "SELECT",
        "orders",
    )
    assert Query.objects.filter(statement=statement).count() == 2
    assert Span.objects.get().attributes == {"text": "ab", "n": 1}


def test_store_batch__the_same_records_again__changes_nothing() -> None:
    application = make_application()
    records = [
        make_request(application.pk, record_id=uuid4()),
        make_query(application.pk, record_id=uuid4()),
        make_span(application.pk),
    ]
    store(application.pk, *records)
    store(application.pk, *records, *records)
    assert (Request.objects.count(), Query.objects.count(), Span.objects.count()) == (1, 1, 1)


def test_store_batch__more_names_than_an_application_may_have__counts_the_rest_as_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application()
    monkeypatch.setattr(dictionaries.endpoints, "_limit", 3)
    store(application.pk, *(make_request(application.pk, endpoint=f"/{number}") for number in range(6)))
    store(application.pk, make_request(application.pk, endpoint="/9"))
    names = set(Endpoint.objects.values_list("endpoint", flat=True))
    assert names == {"/0", "/1", "/2", "(other)"}
    assert Request.objects.filter(endpoint__endpoint="(other)").count() == 4


def test_store_batch__requests_and_jobs_beyond_the_limit__stay_requests_and_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = make_application()
    monkeypatch.setattr(dictionaries.endpoints, "_limit", 0)
    methods = ["GET", "POST", "post", "MADE-UP", "SO-IS-THIS", ""]
    store(application.pk, *(make_request(application.pk, endpoint="/1", method=method) for method in methods))
    assert sorted(Request.objects.values_list("endpoint__method", "endpoint__endpoint")) == [
        ("", "(other)"),
        ("GET", "(other)"),
        ("POST", "(other)"),
        ("POST", "(other)"),
        ("_OTHER", "(other)"),
        ("_OTHER", "(other)"),
    ]


def test_roll_up__requests_over_three_hours_in_any_order__equals_counting_by_hand() -> None:
    application = make_application()
    chance = random.Random(7)
    records = [
        make_request(
            application.pk,
            started_at=NOW - timedelta(seconds=chance.randrange(3 * 3600)),
            duration=chance.choice([0.001, 0.005, 0.3, 6.5, 40.0]) * (1 + chance.random() / 100),
            endpoint=chance.choice(["/a", "/b"]),
            failed=chance.random() < 0.2,
            release=chance.choice(["", "2.0"]),
        )
        for _ in range(400)
    ]
    for start in range(0, 400, 80):
        store(application.pk, *records[start : start + 80])
        while roll_up(REQUEST_SUMS, now=NOW):
            pass
    assert count_marks() == 0
    hours = {record.started_at.replace(minute=0, second=0, microsecond=0) for record in records}
    for hour in hours:
        for name in ("/a", "/b"):
            for release in ("", "2.0"):
                mine = [
                    record
                    for record in records
                    if record.endpoint == name
                    and record.release == release
                    and hour <= record.started_at < hour + timedelta(hours=1)
                ]
                if not mine:
                    continue
                found = EndpointHour.objects.get(endpoint__endpoint=name, release=release, hour=hour)
                durations = np.array([record.duration for record in mine])
                assert (found.count, found.failed) == (len(mine), sum(record.failed for record in mine))
                assert found.slow == int((durations > 5).sum())
                assert found.seconds == pytest.approx(durations.sum())
                assert found.longest == durations.max()
                p50 = Sketch.from_bytes(bytes(found.sketch)).quantile(0.5)
                assert p50 == pytest.approx(np.quantile(durations, 0.5, method="linear"), rel=0.02)
    for name in ("/a", "/b"):
        endpoint = Endpoint.objects.get(endpoint=name)
        durations = np.array([record.duration for record in records if record.endpoint == name])
        assert endpoint.total == durations.size
        edges = np.concatenate([[-1.0], LIMITS, [np.inf]])
        expected = [int(((durations > low) & (durations <= high)).sum()) for low, high in pairwise(edges)]
        assert endpoint.buckets == expected
        assert endpoint.seconds == pytest.approx(durations.sum())


def test_roll_up__what_was_summed_already_and_a_late_query__counts_each_once() -> None:
    application = make_application()
    record = make_query(application.pk, record_id=uuid4(), duration=1.5)
    store(application.pk, record)
    roll_up(QUERY_SUMS, now=NOW)
    store(application.pk, record, make_query(application.pk, started_at=NOW - timedelta(seconds=10)))
    roll_up(QUERY_SUMS, now=NOW)
    hour = StatementHour.objects.get()
    assert (hour.count, hour.slow) == (2, 1)
    assert Statement.objects.get().total == 2


def test_roll_up__nothing_marked__asks_once() -> None:
    assert [roll_up(kind, now=NOW) for kind in KINDS] == [0, 0]


def test_prune_hours__hours_past_their_retention__goes_on_until_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.performance.services.rolling_up.PRUNED_AT_ONCE", 2)
    application = make_application()
    store(application.pk, *(make_request(application.pk, endpoint=f"/{number}") for number in range(5)))
    store(application.pk, make_query(application.pk))
    for kind in KINDS:
        roll_up(kind, now=NOW)
    assert [prune_hours(kind, now=NOW + timedelta(days=729)) for kind in KINDS] == [0, 0]
    assert [prune_hours(kind, now=NOW + timedelta(days=730, hours=1)) for kind in KINDS] == [5, 1]
    assert (EndpointHour.objects.count(), StatementHour.objects.count()) == (0, 0)


def test_schedules__hours_of_endpoints_and_statements__are_pruned_every_day() -> None:
    tasks = {schedule.task for schedule in declared_schedules()}
    assert prune_performance_hours.name in tasks


def test_roll_up__one_that_stands_for_many__counts_as_many() -> None:
    application = make_application()
    store(
        application.pk,
        make_request(application.pk, duration=0.2, weight=100),
        make_request(application.pk, duration=7.0, failed=True),
    )
    roll_up(REQUEST_SUMS, now=NOW)
    hour, endpoint = EndpointHour.objects.get(), Endpoint.objects.get()
    assert (hour.count, hour.failed, hour.slow, hour.longest) == (101, 1, 1, 7.0)
    assert hour.seconds == pytest.approx(27.0)
    assert Sketch.from_bytes(bytes(hour.sketch)).count == endpoint.total == 101


def test_roll_up__more_releases_than_have_their_own_figures__counts_the_rest_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("monitoring.performance.services.rolling_up.MAX_RELEASES", 2)
    monkeypatch.setattr("monitoring.performance.services.rolling_up.MAX_ENVIRONMENTS", 1)
    application = make_application()
    for back, releases in ((2, ["1", "1", "1", "2", "2", "3", ""]), (1, ["4", "4", "4", "4", "5", "5", "5"])):
        at = NOW + timedelta(minutes=back)
        store(application.pk, *(make_request(application.pk, started_at=at, release=each) for each in releases))
        store(application.pk, make_request(application.pk, started_at=at, release="4", environment=f"pr-{back}"))
        with time_machine.travel(NOW + timedelta(minutes=3), tick=False):
            roll_up(REQUEST_SUMS, now=NOW + timedelta(minutes=3))
    hours = EndpointHour.objects.order_by("release", "environment").values_list("release", "environment", "count")
    assert list(hours) == [
        ("", "", 1),
        ("(other)", "", 6),
        ("(other)", "(other)", 1),
        ("1", "", 3),
        ("4", "", 4),
        ("4", "pr-1", 1),
    ]
    assert Endpoint.objects.get().total == sum(count for *_, count in hours) == 16
    assert not Release.objects.filter(version="(other)").exists()


@given(
    st.dictionaries(st.tuples(st.integers(1, 3), st.sampled_from("abcdefg"), st.sampled_from("xyz")), st.integers(1, 5))
)
def test_bound_members__any__keeps_the_count_of_each_owner(counts: dict[tuple[int, str, str], int]) -> None:
    sums = {member: Sum(count, 0, 0, 1.0, 1.0, (0,), Sketch.merge([])) for member, count in counts.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitoring.performance.services.rolling_up.MAX_RELEASES", 3)
        patch.setattr("monitoring.performance.services.rolling_up.MAX_ENVIRONMENTS", 2)
        found = bound_members(sums)
    for owner in {1, 2, 3}:
        assert sum(one.count for (pk, *_), one in found.items() if pk == owner) == sum(
            count for (pk, *_), count in counts.items() if pk == owner
        )
    assert len({release for _, release, _ in found}) <= 4
    assert len({environment for *_, environment in found}) <= 3


def test_roll_up__late_request_of_a_day_that_is_dropped__leaves_its_hour_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OPTION, "REQUEST_RETENTION_DAYS", 2)
    application = make_application()
    store(application.pk, make_request(application.pk), make_request(application.pk), make_query(application.pk))
    for kind in KINDS:
        roll_up(kind, now=NOW)
    later = NOW + timedelta(days=3)
    with time_machine.travel(later, tick=False):
        for partitions in (REQUESTS, QUERIES):
            partitions.drop_expired(now=later)
        store(application.pk, make_request(application.pk), make_query(application.pk))
        for kind in KINDS:
            roll_up(kind, now=later)
    assert (EndpointHour.objects.get().count, Endpoint.objects.get().total) == (2, 2)
    assert (StatementHour.objects.get().count, Statement.objects.get().total) == (1, 1)
    assert count_marks() == 0
