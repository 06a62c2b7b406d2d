"""Storing points: what is kept, what is refused, and that the account adds up."""

from __future__ import annotations

import struct
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from monitoring.losses.models import LossAccount
from monitoring.metrics import services
from monitoring.metrics.models import MetricDescription, MetricSeries, PointSlot
from monitoring.metrics.points import Description
from monitoring.metrics.rollup import DAY_MS
from monitoring.metrics.services import describe_metrics, store_points
from monitoring.metrics.slots import seal_open_slot
from tests.support.metrics import NOW, NOW_MS, make_application, make_batch, pack, read, read_pairs, store

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def accounts(application: object) -> dict[str, int]:
    totals = LossAccount.objects.filter(application=application).aggregate(
        received=Sum("received"), stored=Sum("stored"), refused=Sum("refused"), limited=Sum("limited")
    )
    return {name: value or 0 for name, value in totals.items()}


@pytest.mark.django_db
def test_store_points__new_series__are_readable_at_once() -> None:
    application = make_application()
    result = store(application, [("up", NOW_MS - 1000, 1.0), ("up", NOW_MS, 0.0)])
    assert (result.stored, result.refused, result.limited) == (2, 0, 0)
    assert read_pairs(application, "up") == [(NOW_MS - 1000, 1.0), (NOW_MS, 0.0)]


@pytest.mark.django_db
def test_store_points__same_labels_in_two_applications__are_two_series() -> None:
    first, second = make_application(), make_application()
    store(first, [("up", NOW_MS, 1.0)])
    store(second, [("up", NOW_MS, 2.0)])
    assert read_pairs(first, "up") == [(NOW_MS, 1.0)]
    assert read_pairs(second, "up") == [(NOW_MS, 2.0)]


@pytest.mark.django_db
def test_store_points__repeated_time_in_one_batch__first_stays() -> None:
    application = make_application()
    result = store(application, [("up", NOW_MS, 1.0), ("down", NOW_MS, 5.0), ("up", NOW_MS, 2.0)])
    assert result.stored == 3
    assert read_pairs(application, "up") == [(NOW_MS, 1.0)]


@pytest.mark.django_db(transaction=True)
def test_store_points__repeated_time_in_later_batches__first_stays_before_and_after_packing() -> None:
    application = make_application()
    for value in (1.0, 2.0, 3.0):
        store(application, [("up", NOW_MS, value)])
    assert read_pairs(application, "up") == [(NOW_MS, 1.0)]
    assert pack() == 1
    store(application, [("up", NOW_MS, 4.0)])
    assert read_pairs(application, "up") == [(NOW_MS, 1.0)]
    assert pack() == 0
    assert read_pairs(application, "up") == [(NOW_MS, 1.0)]


@pytest.mark.django_db
def test_store_points__nan_infinities_and_stale_marker__keep_their_bits() -> None:
    application = make_application()
    odd = [float("nan"), float("inf"), float("-inf"), -0.0, STALE]
    store(application, [("odd", NOW_MS + place, value) for place, value in enumerate(odd)])
    wanted = [struct.pack("<d", value) for value in odd]
    (fresh,) = read(application, "odd")
    assert [struct.pack("<d", value) for value in fresh.values] == wanted
    pack()
    (packed,) = read(application, "odd")
    assert [struct.pack("<d", value) for value in packed.values] == wanted


@pytest.mark.django_db
def test_store_points__ancient_and_future_times__are_refused_by_name_and_the_rest_stored() -> None:
    application = make_application()
    result = store(
        application,
        [("up", NOW_MS - 7 * DAY_MS - 1, 1.0), ("up", NOW_MS, 2.0), ("up", NOW_MS + 600_001, 3.0)],
    )
    assert (result.stored, result.refused) == (1, 2)
    assert [(refusal.index, refusal.field, refusal.series) for refusal in result.refusals.shown] == [
        (0, "timestamp", "up"),
        (2, "timestamp", "up"),
    ]
    assert read_pairs(application, "up") == [(NOW_MS, 2.0)]
    assert accounts(application) == {"received": 3, "stored": 1, "refused": 2, "limited": 0}


@pytest.mark.django_db
def test_store_points__more_series_than_allowed__limits_new_ones_and_keeps_known_ones() -> None:
    application = make_application(max_series=3)
    store(application, [(f"metric_{number}", NOW_MS, 1.0) for number in range(2)])
    result = store(application, [(f"metric_{number}", NOW_MS + 1, 1.0) for number in range(10)])
    assert (result.stored, result.limited) == (3, 7)
    assert MetricSeries.objects.filter(application=application).count() == 3
    assert accounts(application) == {"received": 12, "stored": 5, "refused": 0, "limited": 7}


@pytest.mark.django_db
def test_store_points__slot_packed_under_the_writer__goes_to_the_next() -> None:
    application = make_application()
    store(application, [("up", NOW_MS, 1.0)])
    with connection.cursor() as cursor:
        slot_id = seal_open_slot(now=NOW)
        cursor.execute(f"DROP TABLE monitoring_point_fresh_{slot_id}")
        PointSlot.objects.filter(pk=slot_id).update(packed_at=NOW + timedelta(days=1000))
    result = store(application, [("up", NOW_MS + 1, 2.0)])
    assert result.stored == 1
    assert read_pairs(application, "up") == [(NOW_MS + 1, 2.0)]


@pytest.mark.django_db(transaction=True)
def test_store_points__many_threads__share_commits_and_lose_nothing() -> None:
    application = make_application()
    failures: list[BaseException] = []

    def write(worker: int) -> None:
        try:
            for turn in range(10):
                store(application, [(f"metric_{worker}", NOW_MS + turn, float(turn))])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for worker in range(8):
        assert read_pairs(application, f"metric_{worker}") == [(NOW_MS + turn, float(turn)) for turn in range(10)]
    assert accounts(application) == {"received": 80, "stored": 80, "refused": 0, "limited": 0}


@pytest.mark.django_db(transaction=True)
def test_store_points__packer_at_work_meanwhile__every_point_is_there_once() -> None:
    application = make_application()
    done = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for turn in range(60):
                store(application, [("up", NOW_MS + turn, float(turn))])
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        pack()
    thread.join()
    assert not failures
    assert read_pairs(application, "up") == [(NOW_MS + turn, float(turn)) for turn in range(60)]


@pytest.mark.django_db
def test_describe_metrics__said_twice__keeps_the_latest() -> None:
    application = make_application()
    describe_metrics(application_id=application.pk, descriptions=[Description("up", "gauge", "old", "")])
    describe_metrics(application_id=application.pk, descriptions=[Description("up", "gauge", "new", "s")])
    row = MetricDescription.objects.get(application=application)
    assert (row.type, row.help, row.unit) == ("gauge", "new", "s")


@pytest.mark.django_db(transaction=True)
def test_store_points__ancient_time_of_a_known_series__is_refused_by_its_name() -> None:
    application = make_application()
    labels = {"__name__": "up", "job": "web"}
    store(application, [(labels, NOW_MS, 1.0)])
    batch = make_batch([(labels, 1000, 1.0)] * 150)
    (series,) = MetricSeries.objects.filter(application=application)
    batch.series[:], batch.unresolved = series.pk, []
    result = store_points(application_id=application.pk, batch=batch, now=NOW)
    assert (result.stored, result.refused) == (0, 150)
    assert {refusal.series for refusal in result.refusals.shown} == {'up{job="web"}'}


@pytest.mark.django_db(transaction=True)
def test_store_points__within_a_transaction_rolled_back__leaves_no_series_behind_in_memory() -> None:
    application = make_application()
    with transaction.atomic():
        store(application, [("up", NOW_MS, 1.0)])
        transaction.set_rollback(True)
    store(application, [("up", NOW_MS, 2.0)])
    assert read_pairs(application, "up") == [(NOW_MS, 2.0)]


@pytest.mark.django_db
def test_describe_metrics__names_that_no_metric_can_have__are_passed_over() -> None:
    application = make_application()
    names = ["a" * 300 + "1", "a" * 300 + "2", "b\x00", "b\N{REPLACEMENT CHARACTER}", "", "9x", "up"]
    describe_metrics(
        application_id=application.pk, descriptions=[Description(name, "gauge", "h", "") for name in names]
    )
    assert [row.name for row in MetricDescription.objects.filter(application=application)] == ["up"]


@pytest.mark.django_db(transaction=True)
def test_describe_metrics__more_than_series_may_be__keeps_known_ones_current() -> None:
    application = make_application(max_series=3)
    for text in ("old", "new"):
        many = [Description(f"metric_{number}", "gauge", text, "") for number in range(10)]
        describe_metrics(application_id=application.pk, descriptions=many)
    rows = MetricDescription.objects.filter(application=application).order_by("name")
    assert [(row.name, row.help) for row in rows] == [(f"metric_{number}", "new") for number in range(3)]


@pytest.mark.django_db(transaction=True)
def test_describe_metrics__endless_help__is_remembered_as_short_as_it_is_kept() -> None:
    application = make_application()
    describe_metrics(application_id=application.pk, descriptions=[Description("up", "gauge", "x" * 1_000_000, "")])
    remembered = [described for owner, described in services._described if owner == application.pk]
    assert [len(described.help) for described in remembered] == [services.MAX_HELP_LENGTH]
