from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.browser.models import BrowserVital
from monitoring.browser.records import VitalRecord, is_plausible, settle_time
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.usage.models import UsageEvent as KeptEvent
from monitoring.usage.records import UsageEvent

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID(int=7)


@pytest.fixture
def application(db: None) -> Application:
    return Application.objects.create(name="ERP", slug="erp")


def store(application: Application, *records: object, signal: str = "vitals") -> None:
    batch = Batch(application.pk)
    for record in records:
        batch.add(record, signal=signal)
    store_batch(batch)


def test_store_batch__measurement_reported_again__keeps_the_larger_value(application: Application) -> None:
    at = timezone.now()
    for values in ((0.2, 0.1), (0.5,), (0.3,)):
        records = [VitalRecord(application.pk, at, "inp", value, page="/orders", record_id=ID) for value in values]
        store(application, *records)
    assert list(BrowserVital.objects.values_list("record_id", "value")) == [(ID, 0.5)]


def test_store_batch__measurements_without_id__are_all_kept_and_counted(application: Application) -> None:
    at = timezone.now()
    store(application, *[VitalRecord(application.pk, at, "lcp", 1.5)] * 3)
    assert BrowserVital.objects.count() == 3
    assert sum_by_signal(application_id=application.pk, since=at - timedelta(hours=2))[Signal.VITALS].stored == 3


def test_store_batch__measurement_of_another_century__is_of_now(application: Application) -> None:
    store(application, VitalRecord(application.pk, datetime(1970, 1, 1, tzinfo=UTC), "lcp", 1.5))
    assert abs(BrowserVital.objects.get().at - timezone.now()) < timedelta(minutes=1)


def test_store_batch__event_sent_again__is_kept_once(application: Application) -> None:
    event = UsageEvent(application.pk, timezone.now(), "feature", "export", properties={"rows": 3}, record_id=ID)
    store(application, event, event, signal="events")
    store(application, event, signal="events")
    assert list(KeptEvent.objects.values_list("name", "properties")) == [("export", {"rows": 3})]


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (NOW, NOW),
        (None, NOW),
        (NOW - timedelta(days=6), NOW - timedelta(days=6)),
        (NOW - timedelta(days=8), NOW),
        (NOW + timedelta(hours=1), NOW),
    ],
)
def test_settle_time__clock_that_can_not_be_right__is_the_time_of_arrival(at: datetime | None, kept: datetime) -> None:
    assert settle_time(at, received_at=NOW) == kept


@pytest.mark.parametrize(
    ("name", "value", "plausible"),
    [("lcp", 2.5, True), ("lcp", -1, False), ("lcp", float("nan"), False), ("lcp", 601, False), ("cpu", 1, False)],
)
def test_is_plausible__value_that_is_no_measurement__is_not(name: str, value: float, plausible: bool) -> None:
    assert is_plausible(name, value) is plausible
