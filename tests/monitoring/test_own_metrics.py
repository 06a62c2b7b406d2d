"""What Postlaunch counts of its own intake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from config.own_metrics.registry import Metric, Sample, collect_samples, own_metrics
from monitoring.applications.enums import HOST_ENVIRONMENT
from monitoring.applications.services import create_application
from monitoring.losses import selectors
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake
from monitoring.metrics import promql
from monitoring.metrics.partitions import ensure_partitions
from monitoring.metrics.selectors import SeriesStorage
from monitoring.own_metrics.sources import read_intake
from monitoring.own_metrics.tasks import record_own_metrics

NOW = datetime(2026, 6, 15, 10, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _forget() -> None:
    selectors._sum_closed.cache_clear()


@pytest.mark.django_db
def test_sum_accounts__several_hours_and_writers__adds_up_since_new_year() -> None:
    one, two = create_application(name="One").pk, create_application(name="Two").pk
    for age in (timedelta(0), timedelta(hours=1), timedelta(hours=5), timedelta(days=30)):
        count_intake(
            intakes=[
                Intake(application_id=one, signal=Signal.POINTS, stored=5, refused=2, limited=1),
                Intake(application_id=one, signal=Signal.BODIES, refused=9),
            ],
            now=NOW - age,
        )
    count_intake(intakes=[Intake(application_id=two, signal=Signal.POINTS, stored=1)], now=NOW)
    count_intake(intakes=[Intake(application_id=two, signal=Signal.POINTS, stored=99)], now=NOW - timedelta(days=200))
    sums = selectors.sum_accounts(signal=Signal.POINTS, now=NOW)
    assert sums == {one: selectors.Total(32, 20, 8, 4), two: selectors.Total(1, 1, 0, 0)}
    count_intake(intakes=[Intake(application_id=two, signal=Signal.POINTS, stored=1)], now=NOW)
    assert selectors.sum_accounts(signal=Signal.POINTS, now=NOW)[two].stored == 2


@pytest.mark.django_db
def test_sum_accounts__first_hour_of_the_year__counts_from_zero() -> None:
    pk = create_application(name="One").pk
    new_year = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)
    count_intake(intakes=[Intake(application_id=pk, signal=Signal.POINTS, stored=3)], now=new_year - timedelta(hours=1))
    count_intake(intakes=[Intake(application_id=pk, signal=Signal.POINTS, stored=4)], now=new_year)
    assert selectors.sum_accounts(signal=Signal.POINTS, now=new_year)[pk].stored == 4


@pytest.mark.django_db
def test_read_intake__one_application__gives_four_counters() -> None:
    pk = create_application(name="One").pk
    count_intake(intakes=[Intake(application_id=pk, signal=Signal.POINTS, stored=3, refused=1)], now=datetime.now(UTC))
    found = {sample.metric.name: (sample.value, dict(sample.labels)) for sample in read_intake()}
    assert found["postlaunch_ingest_points_received_total"] == (4, {"application": str(pk)})
    assert found["postlaunch_ingest_points_stored_total"][0] == 3


@pytest.mark.django_db(transaction=True)
def test_record_own_metrics__host_known__can_be_asked_for_in_promql() -> None:
    ensure_partitions(now=datetime.now(UTC))
    assert record_own_metrics() == 0
    host = create_application(name="box", environment=HOST_ENVIRONMENT)
    assert record_own_metrics() >= 10
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    found = promql.evaluate_instant(promql.parse("postlaunch_outbox_pending"), SeriesStorage(host.pk), now_ms)
    assert [value for _, value in found.elements] == [0]


@pytest.mark.django_db
def test_collect_samples__one_source_fails__the_others_are_there() -> None:
    metric = Metric("test_broken", "gauge", "Never read.")

    @own_metrics("test: broken", metric)
    def read() -> list[Sample]:
        raise RuntimeError

    from config.own_metrics.registry import _sources

    try:
        names = {sample.metric.name for sample in collect_samples()}
    finally:
        _sources.pop("test: broken")
    assert "test_broken" not in names
    assert "postlaunch_outbox_pending" in names
