"""Reading points, chunks, minutes and hours of some series: SQL in one place, numpy columns out."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
from django.db import ProgrammingError, transaction
from psycopg import sql
from psycopg.errors import UndefinedTable

from monitoring.metrics.bulk import copy_out, prefer_hashing
from monitoring.metrics.chunks import decode_points
from monitoring.metrics.copying import read_array, read_byte_arrays, read_floats, read_int, read_rows
from monitoring.metrics.models import PointSlot
from monitoring.metrics.packing import order_by_arrival
from monitoring.metrics.promql import LimitExceeded, check_time
from monitoring.metrics.rollup import DAY_MS, HOUR_MS, Rollups, Times, Values, decode_minutes, pick
from monitoring.metrics.sketch import Sketch
from monitoring.metrics.slots import table_of

MAX_SAMPLES = 50_000_000
"""Points that one query may have in memory."""
BUCKET_WEIGHT, SKETCHED_WEIGHT = 5, 40
"""Points' room that a bucket takes: ten columns; and with a sketch three Python objects more."""
MAX_PAYLOAD_BYTES = 512 * 1024 * 1024
"""Packed minutes that one query may read."""
COUNTED_FROM_ROWS = 100_000
"""Rows of minutes below which their size is not asked first."""
SLOTS_PER_HOUR = 4
"""Rows that one hour of a series may well have: one of each slot that it lies in."""

# The cast matters: without it small ids become an array of int2, which PostgreSQL searches one by one instead of hashing.
_FRESH_SQL = """
SELECT series, array_agg(time), array_agg(value), array_agg(age(xmin)) FROM {table}
WHERE application = {application} AND series = ANY({series}::int[]) AND time BETWEEN {start} AND {end}
GROUP BY series
"""
_CHUNKS_SQL = """
SELECT slot, series, start, payload FROM monitoring_point_chunk
WHERE application = {application} AND series = ANY({series}::int[])
  AND start BETWEEN {first_day} AND {end} AND stop >= {start}
"""
_COUNT_SQL = """
SELECT coalesce(sum(count), 0)::bigint FROM monitoring_point_chunk
WHERE application = {application} AND series = ANY({series}::int[])
  AND start BETWEEN {first_day} AND {end} AND stop >= {start}
"""
_MINUTES_SQL = """
SELECT series, start, payload FROM monitoring_rollup_minute
WHERE application = {application} AND series = ANY({series}::int[]) AND start BETWEEN {first_day} AND {end}
"""
_MINUTES_BYTES_SQL = """
SELECT coalesce(sum(octet_length(payload)), 0)::bigint FROM monitoring_rollup_minute
WHERE application = {application} AND series = ANY({series}::int[]) AND start BETWEEN {first_day} AND {end}
"""
_COUNT_HOURS_SQL = """
SELECT count(*) FROM (SELECT FROM monitoring_rollup_hour WHERE application = {application}
  AND series = ANY({series}::int[]) AND bucket BETWEEN {start} AND {end} LIMIT {limit}) AS counted
"""
_HOURS_SQL = """
SELECT series, array_agg(slot), array_agg(bucket), array_agg(count), array_agg(first_time), array_agg(last_time),
       array_agg(first), array_agg(last), array_agg(sum), array_agg(min), array_agg(max), array_agg(increase) {sketch}
FROM monitoring_rollup_hour
WHERE application = {application} AND series = ANY({series}::int[]) AND bucket BETWEEN {start} AND {end}
GROUP BY series
"""


@dataclass(slots=True)
class Found:
    """What was found of one series. Points: earlier parts win over later ones at the same time."""

    points: list[tuple[Times, Values]] = field(default_factory=list)
    rollups: list[Rollups] = field(default_factory=list)
    days: set[int] = field(default_factory=set)  # starts of days that chunks or minutes cover, epoch milliseconds


@dataclass(frozen=True, slots=True)
class Span:
    """Which series of which application, from when to when (epoch milliseconds, both included)."""

    application_id: int
    series: list[int]
    start_ms: int
    end_ms: int

    def fill(self, query: str, **more: sql.Composable) -> sql.Composed:
        """Put this span into a query's places."""
        return sql.SQL(query).format(
            application=sql.Literal(self.application_id),
            series=sql.Literal(self.series),
            start=sql.Literal(self.start_ms),
            end=sql.Literal(self.end_ms),
            first_day=sql.Literal(self.start_ms // DAY_MS * DAY_MS),
            **more,
        )


def read_fresh(span: Span) -> tuple[dict[int, tuple[Times, Values]], set[int]]:
    """Return points that are not packed yet, by series, and the slots they were read from.

    To be read before chunks: what is packed meanwhile is then seen twice, which does no harm, and never missed.
    """
    found: dict[int, list[tuple[Times, Values]]] = {}
    slots = set()
    for slot_id in PointSlot.objects.filter(packed_at=None).order_by("pk").values_list("pk", flat=True):
        rows = _read_slot(slot_id, span)
        if rows is None:
            continue
        slots.add(slot_id)
        for series, points in rows:
            found.setdefault(series, []).append(points)
    return {series: _concatenate(parts) for series, parts in found.items()}, slots


def _read_slot(slot_id: int, span: Span) -> list[tuple[int, tuple[Times, Values]]] | None:
    """Return a slot's points, None if it has just been packed."""
    try:
        with transaction.atomic():
            prefer_hashing()
            data = copy_out(span.fill(_FRESH_SQL, table=table_of(slot_id)))
    except ProgrammingError as error:
        if isinstance(error.__cause__, UndefinedTable):
            return None
        raise
    return [
        (
            read_int(series),
            order_by_arrival(read_array(times, ">i8"), read_floats(values), read_array(ages, ">i4")),
        )
        for series, times, values, ages in read_rows(data)
    ]


def _concatenate(parts: list[tuple[Times, Values]]) -> tuple[Times, Values]:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def count_packed(span: Span) -> int:
    """Return how many packed points reading the span would unpack."""
    ((count,),) = read_rows(copy_out(span.fill(_COUNT_SQL)))
    return read_int(count)


def read_chunks(span: Span, found: dict[int, Found]) -> None:
    """Add packed points, oldest slot first."""
    rows = list(read_rows(copy_out(span.fill(_CHUNKS_SQL))))
    # Here, not in SQL, which would move every payload through its sort. Big-endian bytes order as their numbers do.
    rows.sort(key=itemgetter(0))
    for _, series, start, payload in rows:
        check_time()
        entry = found[read_int(series)]
        entry.points.append(decode_points(payload))
        entry.days.add(read_int(start) // DAY_MS * DAY_MS)


def read_minutes(span: Span, found: dict[int, Found], *, sketches: bool) -> None:
    """Add the minutes of days that have no chunks (any more). Raises LimitExceeded when they would not fit in memory."""
    days = (span.end_ms - span.start_ms) // DAY_MS + 2
    if len(span.series) * days > COUNTED_FROM_ROWS and sum_minutes_bytes(span) > MAX_PAYLOAD_BYTES:
        raise too_large()
    room = MAX_SAMPLES
    for series, start, payload in read_rows(copy_out(span.fill(_MINUTES_SQL))):
        check_time()
        entry, day = found[read_int(series)], read_int(start)
        if day in entry.days:
            continue
        entry.days.add(day)
        minutes = decode_minutes(payload, sketches=sketches)
        if isinstance(minutes, Rollups):
            entry.rollups.append(minutes)
            room -= minutes.buckets.size * weigh_bucket(sketches=sketches)
        else:
            entry.points.append(minutes)
            room -= minutes[0].size
        if room < 0:
            raise too_large()


def sum_minutes_bytes(span: Span) -> int:
    """Return how large the packed minutes of the span are."""
    ((size,),) = read_rows(copy_out(span.fill(_MINUTES_BYTES_SQL)))
    return read_int(size)


def weigh_bucket(*, sketches: bool) -> int:
    """Return how many points' room a bucket takes in memory."""
    return SKETCHED_WEIGHT if sketches else BUCKET_WEIGHT


def too_large() -> LimitExceeded:
    """Return the refusal of a query whose samples would not fit in memory."""
    return LimitExceeded(f"query would load more than {MAX_SAMPLES:,} samples into memory; shorten its windows")


def read_hours(
    span: Span, found: dict[int, Found], *, sketches: bool, without_slots: set[int], where_missing: bool
) -> None:
    """Add hour rollups; not those of slots whose points were read, and with ``where_missing`` only of uncovered days.

    Raises LimitExceeded when they would not fit in memory.
    """
    most = MAX_SAMPLES // weigh_bucket(sketches=sketches)
    hours = (span.end_ms - span.start_ms) // HOUR_MS + 1
    if len(span.series) * hours * SLOTS_PER_HOUR > most and count_hours(span, limit=most + 1) > most:
        raise too_large()
    query = span.fill(_HOURS_SQL, sketch=sql.SQL(", array_agg(sketch)" if sketches else ""))
    with transaction.atomic():
        prefer_hashing()
        data = copy_out(query)
    for series, slots, *columns in read_rows(data):
        check_time()
        entry = found[read_int(series)]
        rollups = _hours(columns)
        kept = ~np.isin(read_array(slots, ">i4"), list(without_slots))
        if where_missing:
            kept &= ~np.isin(rollups.buckets // DAY_MS * DAY_MS, list(entry.days))
        if kept.any():
            entry.rollups.append(rollups if kept.all() else pick(rollups, kept))


def count_hours(span: Span, *, limit: int) -> int:
    """Return how many hour rows the span holds, counting no further than ``limit``."""
    ((count,),) = read_rows(copy_out(span.fill(_COUNT_HOURS_SQL, limit=sql.Literal(limit))))
    return read_int(count)


def _hours(columns: list[bytes]) -> Rollups:
    buckets, counts, first_times, last_times = (
        read_array(column, kind) for column, kind in zip(columns, (">i8", ">i4", ">i8", ">i8"), strict=False)
    )
    firsts, lasts, sums, mins, maxs, increases = (read_floats(column) for column in columns[4:10])
    sketches = [Sketch.from_bytes(data) for data in read_byte_arrays(columns[10])] if len(columns) > 10 else None
    return Rollups(
        series=np.zeros(buckets.size, np.int64),
        buckets=buckets,
        counts=counts.astype(np.float64),
        sums=sums,
        mins=mins,
        maxs=maxs,
        first_times=first_times,
        firsts=firsts,
        last_times=last_times,
        lasts=lasts,
        increases=increases,
        sketches=sketches,
    )
