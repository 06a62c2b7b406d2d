"""What time does to stored points: days that leave the raw retention keep their minutes, old partitions go whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from config.settings import OPTION
from monitoring.metrics import partitions
from monitoring.metrics.chunks import decode_points
from monitoring.metrics.models import PointSlot
from monitoring.metrics.partitions import CHUNKS, HOURS, MINUTES
from monitoring.metrics.rollup import DAY_MS, encode_minutes, merge_points

SERIES_PER_BATCH = 500
SLOT_RECORD_MARGIN_DAYS = 31
ON_THE_WAY_MS = 10 * 60 * 1000
"""How long after a point was accepted it may still go into a slot: the request may be slow, and hosts' clocks differ."""


def drop_expired_partitions(*, now: datetime) -> list[str]:
    """Drop what is past its retention; return the partitions dropped. Days of points leave their minutes behind.

    A day of points stays while a slot that may hold points of that day is not packed.
    """
    dropped = []
    for start, name in partitions.find_expired(CHUNKS, now=now).items():
        if _may_grow(start + DAY_MS):
            break
        keep_minutes(day_ms=start)
        if partitions.drop_partition(name):
            dropped.append(name)
    for table in (MINUTES, HOURS):
        dropped += [
            name for name in partitions.find_expired(table, now=now).values() if partitions.drop_partition(name)
        ]
    return dropped


def _may_grow(day_end_ms: int) -> bool:
    accepted_until_ms = day_end_ms + int(OPTION["POINT_RETENTION_DAYS"]) * DAY_MS
    written_until = datetime.fromtimestamp((accepted_until_ms + ON_THE_WAY_MS) / 1000, UTC)
    return PointSlot.objects.filter(packed_at=None, opened_at__lte=written_until).exists()


def keep_minutes(*, day_ms: int) -> int:
    """Write the minutes of every series that has points on a day; return how many series were written.

    Goes series by series in batches, each committed for itself; what an interrupted run wrote is not written again.
    """
    partitions.ensure_partitions_for(MINUTES, [day_ms])
    written, after = 0, (0, 0)
    while True:
        batch = _read_series_of_day(day_ms, after)
        if not batch:
            return written
        _write_minutes(day_ms, batch)
        written += len(batch)
        after = batch[-1]


def _read_series_of_day(day_ms: int, after: tuple[int, int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT application, series FROM monitoring_point_chunk WHERE start >= %s AND start < %s"
            " AND (application, series) > (%s, %s) ORDER BY application, series LIMIT %s",
            [day_ms, day_ms + DAY_MS, *after, SERIES_PER_BATCH],
        )
        return [(application, series) for application, series in cursor.fetchall()]


@transaction.atomic
def _write_minutes(day_ms: int, batch: list[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT application, series, payload FROM monitoring_point_chunk"
            " WHERE start >= %s AND start < %s AND (application, series) BETWEEN (%s, %s) AND (%s, %s)"
            " ORDER BY application, series, slot",
            [day_ms, day_ms + DAY_MS, *batch[0], *batch[-1]],
        )
        parts: dict[tuple[int, int], list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
        for application, series, payload in cursor.fetchall():
            parts.setdefault((application, series), []).append(decode_points(bytes(payload)))
        cursor.executemany(
            "INSERT INTO monitoring_rollup_minute (application, series, start, payload) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(*key, day_ms, encode_minutes(*merge_points(chunks))) for key, chunks in parts.items()],
        )


def prune_slots(*, now: datetime) -> int:
    """Remove the records of slots whose rollups are gone by now; return how many."""
    horizon = now - timedelta(days=int(OPTION["ROLLUP_HOUR_RETENTION_DAYS"]) + SLOT_RECORD_MARGIN_DAYS)
    removed, _ = PointSlot.objects.filter(packed_at__lt=horizon).delete()
    return removed
