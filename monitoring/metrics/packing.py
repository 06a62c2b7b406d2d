"""Packing: sealed slots become chunks and hour rollups.

Everything about a slot happens in one transaction, so a point is at any moment either in its slot or in a chunk.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from django.db import DataError, ProgrammingError, connection, transaction
from numpy.typing import NDArray
from psycopg import sql

from monitoring.metrics import partitions
from monitoring.metrics.bulk import copy_in, copy_out, prefer_hashing
from monitoring.metrics.chunks import decode_points, encode_points
from monitoring.metrics.copying import RowLayout, read_array, read_floats, read_int, read_rows
from monitoring.metrics.models import PointSlot
from monitoring.metrics.partitions import CHUNKS, HOURS
from monitoring.metrics.rollup import DAY_MS, HOUR_MS, Rollups, merge_points, roll_up
from monitoring.metrics.slots import estimate_rows, table_of

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 3
"""A slot is packed this long after it was sealed: until then some process may still think that it is open."""

PACKED_AT_ONCE = 4_000_000
"""Points of a slot that are in memory at a time, some 200 bytes each. A slot is sealed at half of it; while nobody came to
seal it, it may have grown to any size."""

_PACKING_LOCK = 0x7061636B

_CHUNK_TARGET = sql.SQL("monitoring_point_chunk (application, series, start, stop, slot, count, payload)")
_HOUR_TARGET = sql.SQL(
    "monitoring_rollup_hour (bucket, first_time, last_time, first, last, sum, min, max, increase,"
    " application, series, slot, count, sketch)"
)
_CHUNK_ROW = RowLayout("iiqqii")
_HOUR_ROW = RowLayout("qqqddddddiiii")

_OVERLAPPING_SQL = """
SELECT chunk.series, chunk.payload
FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::bigint[]) AS fresh (application, series, first, last)
JOIN monitoring_point_chunk chunk
  ON chunk.application = fresh.application AND chunk.series = fresh.series
 AND chunk.start BETWEEN fresh.first - %s AND fresh.last AND chunk.stop >= fresh.first
WHERE chunk.start BETWEEN %s AND %s
"""


@dataclass(frozen=True, slots=True)
class _Points:
    """Points of many series in columns, sorted by series (each of one application) and time, without duplicates."""

    applications: NDArray[np.int64]
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


def pack_sealed_slots(*, now: datetime) -> dict[int, int]:
    """Pack every slot that was sealed a moment ago or earlier; return the points packed by slot."""
    slots = PointSlot.objects.filter(sealed_at__isnull=False, packed_at=None).order_by("pk")
    packed = {}
    for slot in slots:
        if slot.sealed_at is None or (now - slot.sealed_at).total_seconds() < SETTLE_SECONDS:
            continue
        try:
            rows = pack_slot(slot_id=slot.pk)
        except (DataError, ProgrammingError, ValueError):
            # Its points stay readable; the slots behind it must not wait for whoever repairs it.
            logger.exception("slot %s can't be packed", slot.pk)
            continue
        if rows is not None:
            packed[int(slot.pk)] = rows
    return packed


@transaction.atomic
def pack_slot(*, slot_id: int) -> int | None:
    """Turn a sealed slot into chunks and hour rollups and drop its table; return how many points it held.

    Waits for writers that are still at it. None if it is packed already, or another process is packing. One packs at a
    time, since whether a point is known already shows only once the slots before it are committed.
    """
    if not _lock_packing():
        return None
    slot = PointSlot.objects.filter(pk=slot_id, packed_at=None).first()
    if slot is None or slot.sealed_at is None:
        return None
    with connection.cursor() as cursor:
        # Waits for transactions that wrote to it, keeps new ones out, lets readers read.
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(table_of(slot_id)))
    rows, part_count = 0, estimate_rows(slot) // PACKED_AT_ONCE + 1
    for part in range(part_count):
        points = _without_known(_read_slot(slot_id, part, part_count))
        if points.times.size:
            _write_chunks(points, slot_id)
            _write_hours(points, slot_id)
        rows += int(points.times.size)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {}").format(table_of(slot_id)))
    PointSlot.objects.filter(pk=slot_id).update(packed_at=max(datetime.now(UTC), slot.sealed_at), rows=rows)
    return rows


def _lock_packing() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_PACKING_LOCK])
        return bool(cursor.fetchone()[0])


def _read_slot(slot_id: int, part: int, part_count: int) -> _Points:
    """Return the points of one of so many parts of the slot's series; of several at one time the one committed first."""
    query = sql.SQL(
        "SELECT application, series, array_agg(time), array_agg(value), array_agg(age(xmin)) FROM {}"
        " WHERE series % {} = {} GROUP BY application, series"
    ).format(table_of(slot_id), sql.Literal(part_count), sql.Literal(part))
    prefer_hashing()
    parts: list[tuple[int, int, NDArray[np.int64], NDArray[np.float64]]] = []
    for application, series, times, values, ages in read_rows(copy_out(query)):
        parts.append(
            (
                read_int(application),
                read_int(series),
                *order_by_arrival(read_array(times, ">i8"), read_floats(values), read_array(ages, ">i4")),
            )
        )
    parts.sort(key=lambda part: part[1])
    sizes = [part[2].size for part in parts]
    return _Points(
        applications=np.repeat(np.array([part[0] for part in parts], np.int64), sizes),
        series=np.repeat(np.array([part[1] for part in parts], np.int64), sizes),
        times=np.concatenate([part[2] for part in parts]) if parts else np.empty(0, np.int64),
        values=np.concatenate([part[3] for part in parts]) if parts else np.empty(0),
    )


def order_by_arrival(
    times: NDArray[np.int64], values: NDArray[np.float64], ages: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return one series' fresh points by time, the eldest transaction's where several have one time."""
    if (np.diff(times) > 0).all():
        return times, values
    order = np.lexsort((-ages.astype(np.int64), times))
    return merge_points([(times[order], values[order])])


def _without_known(points: _Points) -> _Points:
    """Return the points without those whose series has a packed point at the same time: what was first stays."""
    if not points.times.size:
        return points
    starts = _starts(points.series)
    stops = np.append(starts[1:], points.times.size)
    first, last = points.times[starts], points.times[stops - 1]
    with connection.cursor() as cursor:
        cursor.execute(
            _OVERLAPPING_SQL,
            [
                points.applications[starts].tolist(),
                points.series[starts].tolist(),
                first.tolist(),
                last.tolist(),
                DAY_MS,
                int(first.min()) - DAY_MS,
                int(last.max()),
            ],
        )
        overlapping = cursor.fetchall()
    if not overlapping:
        return points
    places = dict(zip(points.series[starts].tolist(), zip(starts.tolist(), stops.tolist(), strict=True), strict=True))
    kept = np.ones(points.times.size, np.bool_)
    for series, payload in overlapping:
        a, b = places[series]
        kept[a:b] &= ~np.isin(points.times[a:b], decode_points(bytes(payload))[0])
    return _Points(points.applications[kept], points.series[kept], points.times[kept], points.values[kept])


def _starts(*columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where a new combination of the sorted columns begins."""
    opens = np.ones(columns[0].size, np.bool_)
    opens[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(opens)


def _write_chunks(points: _Points, slot_id: int) -> None:
    days = points.times // DAY_MS
    partitions.ensure_partitions_for(CHUNKS, (np.unique(days) * DAY_MS).tolist())
    bounds = [*_starts(points.series, days).tolist(), points.times.size]

    def rows() -> Iterator[bytes]:
        for a, b in pairwise(bounds):
            payload = encode_points(points.times[a:b], points.values[a:b])
            columns = points.applications[a], points.series[a], points.times[a], points.times[b - 1], slot_id, b - a
            yield _CHUNK_ROW.pack(columns, payload)

    copy_in(_CHUNK_TARGET, rows())


def _write_hours(points: _Points, slot_id: int) -> None:
    rollups = roll_up(points.series, points.times, points.values, width_ms=HOUR_MS)
    if not rollups.buckets.size:
        return
    applications = points.applications[np.searchsorted(points.series, rollups.series)]
    partitions.ensure_partitions_for(HOURS, np.unique(rollups.buckets).tolist())
    copy_in(_HOUR_TARGET, _hour_rows(rollups, applications, slot_id))


def _hour_rows(rollups: Rollups, applications: NDArray[np.int64], slot_id: int) -> Iterator[bytes]:
    columns = zip(
        rollups.buckets.tolist(),
        rollups.first_times.tolist(),
        rollups.last_times.tolist(),
        rollups.firsts.tolist(),
        rollups.lasts.tolist(),
        rollups.sums.tolist(),
        rollups.mins.tolist(),
        rollups.maxs.tolist(),
        rollups.increases.tolist(),
        applications.tolist(),
        rollups.series.tolist(),
        strict=True,
    )
    counts = rollups.counts.astype(np.int64).tolist()
    for fixed, count, sketch in zip(columns, counts, rollups.sketches or (), strict=True):
        yield _HOUR_ROW.pack((*fixed, slot_id, count), sketch.to_bytes())
