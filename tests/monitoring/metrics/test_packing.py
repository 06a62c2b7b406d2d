"""Packing and ageing: nothing is lost, nothing counted twice, old days go whole."""

from __future__ import annotations

import threading
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection, transaction

from config.settings import OPTION
from monitoring.metrics import packing
from monitoring.metrics.aging import drop_expired_partitions, keep_minutes, prune_slots
from monitoring.metrics.models import PointSlot
from monitoring.metrics.packing import pack_sealed_slots, pack_slot
from monitoring.metrics.partitions import CHUNKS, HOURS, MINUTES, ensure_partitions, list_partitions
from monitoring.metrics.promql import SelectHint
from monitoring.metrics.rollup import DAY_MS, HOUR_MS
from monitoring.metrics.slots import find_open_slot, forget_open_slot, rotate_slots, seal_open_slot
from tests.support.metrics import NOW, NOW_MS, make_application, pack, read, read_pairs, store

TODAY_MS = NOW_MS // DAY_MS * DAY_MS


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_pack_slot__several_days_and_series__every_point_stays_readable() -> None:
    application, other = make_application(), make_application()
    rng = np.random.default_rng(7)
    times = np.unique(rng.integers(TODAY_MS - 2 * DAY_MS, NOW_MS, 500)).tolist()
    points = [(f"metric_{number % 3}", time, float(rng.random())) for number, time in enumerate(times)]
    rng.shuffle(points)
    points = [(str(name), int(time), float(value)) for name, time, value in points]
    store(application, points)
    store(other, [("metric_0", NOW_MS, 7.0)])
    assert pack() == len(points) + 1
    for number in range(3):
        wanted = sorted((time, value) for name, time, value in points if name == f"metric_{number}")
        assert read_pairs(application, f"metric_{number}") == wanted
    assert read_pairs(other, "metric_0") == [(NOW_MS, 7.0)]


@pytest.mark.django_db
def test_pack_slot__too_large_for_the_memory__is_packed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "PACKED_AT_ONCE", 50)
    application = make_application()
    points = [(f"metric_{number}", NOW_MS - turn, float(turn)) for number in range(7) for turn in range(100)]
    store(application, points)
    read_at_once: list[int] = []
    read_slot = packing._read_slot

    def watch(slot_id: int, part: int, part_count: int) -> object:
        found = read_slot(slot_id, part, part_count)
        read_at_once.append(found.times.size)
        return found

    monkeypatch.setattr(packing, "_read_slot", watch)
    assert pack() == len(points)
    assert max(read_at_once) < len(points) / 2
    for number in range(7):
        assert len(read_pairs(application, f"metric_{number}")) == 100
    assert count("monitoring_rollup_hour") == 14


@pytest.mark.django_db
def test_pack_slot__points_arriving_again__are_neither_stored_nor_counted_twice() -> None:
    application = make_application()
    hour = NOW_MS // HOUR_MS * HOUR_MS - HOUR_MS
    points = [("up", hour + turn * 1000, float(turn)) for turn in range(100)]
    store(application, points)
    assert pack() == 100
    store(application, [*points[:60], ("up", hour + 500, 9.0)])
    assert pack() == 1
    assert len(read_pairs(application, "up")) == 101
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(count) FROM monitoring_rollup_hour WHERE application = %s", [application.pk])
        assert cursor.fetchone()[0] == 101


@pytest.mark.django_db
def test_pack_slot__called_again__does_nothing() -> None:
    store(make_application(), [("up", NOW_MS, 1.0)])
    assert pack() == 1
    slot = PointSlot.objects.filter(packed_at__isnull=False).latest("pk")
    assert pack_slot(slot_id=slot.pk) is None


@pytest.mark.django_db
def test_pack_sealed_slots__sealed_a_moment_ago__waits() -> None:
    store(make_application(), [("up", NOW_MS, 1.0)])
    slot_id = find_open_slot()
    sealed_at = PointSlot.objects.get(pk=slot_id).opened_at + timedelta(hours=3)
    assert rotate_slots(now=sealed_at) == slot_id
    assert pack_sealed_slots(now=sealed_at) == {}
    assert pack_sealed_slots(now=sealed_at + timedelta(seconds=5)) == {slot_id: 1}


@pytest.mark.django_db
def test_rotate_slots__young_small_or_empty__keeps_the_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    slot_id = find_open_slot()
    opened_at = PointSlot.objects.get(pk=slot_id).opened_at
    assert rotate_slots(now=opened_at + timedelta(days=1)) is None
    store(make_application(), [("up", NOW_MS, 1.0)])
    assert rotate_slots(now=opened_at + timedelta(minutes=1)) is None
    monkeypatch.setitem(OPTION, "POINT_SLOT_MAX_ROWS", 1)
    assert rotate_slots(now=opened_at + timedelta(minutes=1)) == slot_id


@pytest.mark.django_db
def test_ensure_partitions__on_an_empty_database__covers_what_may_arrive() -> None:
    ensure_partitions(now=NOW)
    days = list_partitions(CHUNKS)
    assert min(days) == TODAY_MS - 7 * DAY_MS
    assert max(days) == TODAY_MS + 3 * DAY_MS
    assert ensure_partitions(now=NOW) == []


@pytest.mark.django_db
def test_drop_expired_partitions__a_day_of_points__leaves_its_minutes() -> None:
    application = make_application()
    old = TODAY_MS - 6 * DAY_MS
    store(application, [("up", old + turn * 1000, float(turn)) for turn in range(120)])
    pack()
    before = read_pairs(application, "up")
    later = NOW + timedelta(days=3)
    PointSlot.objects.filter(packed_at=None).update(opened_at=later + timedelta(days=1))
    dropped = drop_expired_partitions(now=later)
    assert CHUNKS.partition(old) in dropped
    (series,) = read(application, "up", now_ms=NOW_MS + 3 * DAY_MS)
    if series.buckets is None:
        assert list(zip(series.times.tolist(), series.values.tolist(), strict=True)) == before
    else:
        assert series.buckets.counts.sum() == 120
        assert series.buckets.sums.sum() == sum(range(120))


@pytest.mark.django_db
def test_drop_expired_partitions__a_slot_that_may_hold_its_points__keeps_the_day() -> None:
    application = make_application()
    old = TODAY_MS - 6 * DAY_MS
    store(application, [("up", old, 1.0)])
    pack()
    store(application, [("up", old + 1, 2.0)])
    PointSlot.objects.filter(packed_at=None).update(opened_at=NOW)
    later = NOW + timedelta(days=3)
    assert drop_expired_partitions(now=later) == []
    pack(now=later)
    PointSlot.objects.filter(packed_at=None).update(opened_at=later + timedelta(days=1))
    drop_expired_partitions(now=later)
    assert len(read(application, "up", now_ms=NOW_MS + 3 * DAY_MS)[0].times) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds_after", "kept"), [(60, True), (3600, False)])
def test_drop_expired_partitions__slot_opened_as_the_day_expired__may_hold_points_on_their_way(
    seconds_after: int, kept: bool
) -> None:
    old = TODAY_MS - 6 * DAY_MS
    store(make_application(), [("up", old, 1.0)])
    pack()
    expired = NOW - timedelta(milliseconds=NOW_MS - TODAY_MS) + timedelta(days=2)
    PointSlot.objects.filter(packed_at=None).update(opened_at=expired + timedelta(seconds=seconds_after))
    dropped = drop_expired_partitions(now=expired + timedelta(hours=2))
    assert (CHUNKS.partition(old) not in dropped) == kept


@pytest.mark.django_db
def test_keep_minutes__run_again_after_an_interruption__writes_nothing_twice() -> None:
    application = make_application()
    store(application, [(f"metric_{number}", TODAY_MS, 1.0) for number in range(5)])
    pack()
    keep_minutes(day_ms=TODAY_MS)
    written = count("monitoring_rollup_minute")
    keep_minutes(day_ms=TODAY_MS)
    assert count("monitoring_rollup_minute") == written


@pytest.mark.django_db
def test_drop_expired_partitions__years_later__hours_go_last() -> None:
    application = make_application()
    store(application, [("up", TODAY_MS + turn, 1.0) for turn in range(3)])
    pack()
    hint = SelectHint("sum_over_time", 90 * DAY_MS, 0)
    for days, counted in ((10, 3), (60, 3), (900, 0)):
        later = NOW + timedelta(days=days)
        PointSlot.objects.filter(packed_at=None).update(opened_at=later + timedelta(days=10))
        drop_expired_partitions(now=later)
        answer = read(application, "up", TODAY_MS - DAY_MS, NOW_MS, hint, now_ms=NOW_MS + days * DAY_MS)
        found = sum(
            float(series.times.size if series.buckets is None else series.buckets.counts.sum()) for series in answer
        )
        assert found == counted
    assert TODAY_MS not in list_partitions(MINUTES)
    assert HOURS.partition(TODAY_MS) not in list_partitions(HOURS).values()


@pytest.mark.django_db
def test_prune_slots__long_packed__removes_their_records() -> None:
    store(make_application(), [("up", NOW_MS, 1.0)])
    pack()
    slot = PointSlot.objects.filter(packed_at__isnull=False).latest("pk")
    assert prune_slots(now=slot.packed_at + timedelta(days=700)) == 0
    assert prune_slots(now=slot.packed_at + timedelta(days=800)) >= 1


@pytest.mark.django_db
def test_pack_sealed_slots__one_that_is_broken__does_not_hold_up_the_next() -> None:
    application = make_application()
    slots = []
    for turn in range(2):
        store(application, [("up", NOW_MS + turn, 1.0)])
        slots.append(seal_open_slot(now=NOW))
        forget_open_slot()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE monitoring_point_fresh_{slots[0]}")
    later = PointSlot.objects.latest("pk").opened_at + timedelta(minutes=1)
    assert pack_sealed_slots(now=later) == {slots[1]: 1}


@pytest.mark.django_db(transaction=True)
def test_pack_slot__while_another_process_packs__leaves_it_to_that_one() -> None:
    application = make_application()
    store(application, [("up", NOW_MS, 1.0)])
    slot_id = seal_open_slot(now=NOW)
    assert slot_id is not None
    met: list[int | None] = []

    def pack_too() -> None:
        met.append(pack_slot(slot_id=slot_id))
        connection.close()

    with transaction.atomic():
        assert pack_slot(slot_id=slot_id) == 1
        other = threading.Thread(target=pack_too)
        other.start()
        other.join(10)
    assert met == [None]
    assert read_pairs(application, "up") == [(NOW_MS, 1.0)]
