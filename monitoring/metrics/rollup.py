"""Rollups: what a minute or an hour of points amounts to, in columns, for many series at once.

Stale markers end a series and are no values: they enter no rollup. A bucket's increase is what a counter rose inside
it, resets taken out; what it rose between two buckets follows from the one's last and the other's first value.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.metrics.chunks import decode_points, encode_points
from monitoring.metrics.promql import data
from monitoring.metrics.promql.data import STALE_BITS, Buckets
from monitoring.metrics.sketch import Sketch, sketch_groups

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_LENGTH = struct.Struct("<I")
_AS_POINTS, _AS_BUCKETS = b"\x01", b"\x02"

Times = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Rollups:
    """Buckets in columns, ascending by series, then time. Several partial rows may describe one bucket."""

    series: NDArray[np.int64]
    buckets: Times  # start of the bucket, epoch milliseconds
    counts: Values
    sums: Values
    mins: Values
    maxs: Values
    first_times: Times
    firsts: Values
    last_times: Times
    lasts: Values
    increases: Values
    sketches: list[Sketch] | None


def is_stale(values: Values) -> NDArray[np.bool_]:
    """Return which values are stale markers."""
    bits: NDArray[np.int64] = np.ascontiguousarray(values, np.float64).view(np.int64)
    return np.equal(bits, STALE_BITS)


def roll_up(
    series: NDArray[np.int64], times: Times, values: Values, *, width_ms: int, sketches: bool = True
) -> Rollups:
    """Return the buckets of ``width_ms`` that the points fall in.

    The columns are sorted by series, then time, without duplicates. NaN is counted and makes the sum NaN; least and
    greatest value ignore it, as PromQL's ``min_over_time`` does.
    """
    kept = ~is_stale(values)
    if not kept.all():
        series, times, values = series[kept], times[kept], values[kept]
    if not times.size:
        return _no_rollups(sketches)
    buckets = times // width_ms * width_ms
    opens = np.ones(times.size, np.bool_)
    opens[1:] = (series[1:] != series[:-1]) | (buckets[1:] != buckets[:-1])
    starts = np.flatnonzero(opens)
    ends = np.append(starts[1:], times.size) - 1
    with np.errstate(invalid="ignore", over="ignore"):
        return Rollups(
            series=series[starts],
            buckets=buckets[starts],
            counts=(ends - starts + 1).astype(np.float64),
            sums=np.add.reduceat(values, starts),
            mins=np.fmin.reduceat(values, starts),
            maxs=np.fmax.reduceat(values, starts),
            first_times=times[starts],
            firsts=values[starts],
            last_times=times[ends],
            lasts=values[ends],
            increases=np.add.reduceat(_rises(values, opens), starts),
            sketches=sketch_groups(values, np.cumsum(opens) - 1, starts.size) if sketches else None,
        )


def _rises(values: Values, opens: NDArray[np.bool_]) -> Values:
    """Return what a counter rose at each point; after a reset it rose from zero; 0 where a bucket opens."""
    rises = np.zeros(values.size)
    rises[1:] = np.diff(values)
    return np.where(opens, 0.0, np.where(rises < 0, values, rises))


def _no_rollups(sketches: bool) -> Rollups:
    whole, real = np.empty(0, np.int64), np.empty(0)
    return Rollups(whole, whole, real, real, real, real, whole, real, whole, real, real, [] if sketches else None)


def pick(rollups: Rollups, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> Rollups:
    """Return some of the rows; ``rows`` picks as numpy does."""
    sketches = rollups.sketches
    if sketches is not None:
        sketches = [sketches[place] for place in np.arange(len(sketches))[rows].tolist()]
    return Rollups(
        series=rollups.series[rows],
        buckets=rollups.buckets[rows],
        counts=rollups.counts[rows],
        sums=rollups.sums[rows],
        mins=rollups.mins[rows],
        maxs=rollups.maxs[rows],
        first_times=rollups.first_times[rows],
        firsts=rollups.firsts[rows],
        last_times=rollups.last_times[rows],
        lasts=rollups.lasts[rows],
        increases=rollups.increases[rows],
        sketches=sketches,
    )


def merge_points(parts: Sequence[tuple[Times, Values]]) -> tuple[Times, Values]:
    """Return all points in time order; of several at one time, the one of the earliest part stays."""
    filled = [part for part in parts if part[0].size]
    if not filled:
        return np.empty(0, np.int64), np.empty(0)
    if len(filled) == 1:
        times, values = filled[0]
    else:
        times = np.concatenate([part[0] for part in filled])
        values = np.concatenate([part[1] for part in filled])
    steps = np.diff(times)
    if (steps > 0).all():
        return times, values
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    fresh = np.ones(times.size, np.bool_)
    fresh[1:] = times[1:] != times[:-1]
    return times[fresh], values[fresh]


def join_elements(points: tuple[Times, Values], rollups: Sequence[Rollups]) -> tuple[Times, Values, Buckets]:
    """Return one series' points and buckets as one sequence of elements, ascending and free of overlaps.

    Elements that overlap in time (points that came late, after their hour was packed) are merged into one. Counts,
    sums, extremes and sketches of a merged element are exact; its increase takes that of the longest stretches.
    """
    times, values = points
    kept = ~is_stale(values)
    live_times, live = times[kept], values[kept]
    with_sketches = all(part.sketches is not None for part in rollups)
    first_times = np.concatenate([live_times, *(part.first_times for part in rollups)])
    columns = Rollups(
        series=np.zeros(first_times.size, np.int64),
        buckets=first_times,
        counts=np.concatenate([np.ones(live.size), *(part.counts for part in rollups)]),
        sums=np.concatenate([live, *(part.sums for part in rollups)]),
        mins=np.concatenate([live, *(part.mins for part in rollups)]),
        maxs=np.concatenate([live, *(part.maxs for part in rollups)]),
        first_times=first_times,
        firsts=np.concatenate([live, *(part.firsts for part in rollups)]),
        last_times=np.concatenate([live_times, *(part.last_times for part in rollups)]),
        lasts=np.concatenate([live, *(part.lasts for part in rollups)]),
        increases=np.concatenate([np.zeros(live.size), *(part.increases for part in rollups)]),
        sketches=_joined_sketches(live, rollups) if with_sketches else None,
    )
    return _without_overlaps(columns)


def _joined_sketches(live: Values, rollups: Sequence[Rollups]) -> list[Sketch]:
    singles = sketch_groups(live, np.arange(live.size), live.size)
    return singles + [sketch for part in rollups for sketch in part.sketches or ()]


def _without_overlaps(columns: Rollups) -> tuple[Times, Values, Buckets]:
    """Return the elements in time order, those that overlap merged."""
    columns = pick(columns, np.lexsort((columns.last_times, columns.first_times)))
    reach = np.maximum.accumulate(columns.last_times)
    opens = np.ones(reach.size, np.bool_)
    opens[1:] = columns.first_times[1:] > reach[:-1]
    if not opens.all():
        return _merge_overlaps(columns, opens, reach)
    buckets = Buckets(
        first_times=columns.first_times,
        first=columns.firsts,
        counts=columns.counts,
        sums=columns.sums,
        mins=columns.mins,
        maxs=columns.maxs,
        increases=columns.increases,
        sketches=_optional(columns.sketches),
    )
    return columns.last_times, columns.lasts, buckets


def _optional(sketches: list[Sketch] | None) -> list[data.Sketch | None] | None:
    return None if sketches is None else list(sketches)


def _merge_overlaps(columns: Rollups, opens: NDArray[np.bool_], reach: Times) -> tuple[Times, Values, Buckets]:
    starts = np.flatnonzero(opens)
    ends = np.append(starts[1:], opens.size)
    lasts, last_times, sketches = columns.lasts, columns.last_times, columns.sketches
    # The element that reaches furthest so far is where the next one goes on from.
    furthest = np.maximum.accumulate(np.where(last_times == reach, np.arange(reach.size), 0))
    rises = columns.increases.copy()
    inner = np.flatnonzero(~opens)
    grown = lasts[inner] - lasts[furthest[inner - 1]]
    rises[inner] = np.where(last_times[inner] > reach[inner - 1], np.where(grown < 0, lasts[inner], grown), 0.0)
    merged = None
    if sketches is not None:
        merged = [Sketch.merge(sketches[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    buckets = Buckets(
        first_times=columns.first_times[starts],
        first=columns.firsts[starts],
        counts=np.add.reduceat(columns.counts, starts),
        sums=np.add.reduceat(columns.sums, starts),
        mins=np.fmin.reduceat(columns.mins, starts),
        maxs=np.fmax.reduceat(columns.maxs, starts),
        increases=np.add.reduceat(rises, starts),
        sketches=_optional(merged),
    )
    return reach[ends - 1], lasts[furthest[ends - 1]], buckets


def encode_minutes(times: Times, values: Values) -> bytes:
    """Return what is kept of one series' day once its points go: its 1-minute buckets, or the points themselves.

    The smaller of the two wins. At four points a minute ten columns of buckets take more room than the points, which
    moreover answer every question exactly; from about ten points a minute on the buckets are smaller.
    """
    points = _AS_POINTS + encode_points(times, values)
    rollups = roll_up(np.zeros(times.size, np.int64), times, values, width_ms=MINUTE_MS)
    if not rollups.buckets.size:
        return points
    buckets = _AS_BUCKETS + _encode_buckets(rollups)
    return min(points, buckets, key=len)


def decode_minutes(data: bytes, *, sketches: bool = True) -> tuple[Times, Values] | Rollups:
    """Return the points or the buckets that ``encode_minutes`` kept. Raises ValueError when ``data`` is neither.

    Buckets' sketches take most of their room: some 1,440 objects for a series and day.
    """
    if data[:1] == _AS_POINTS:
        return decode_points(data[1:])
    if data[:1] == _AS_BUCKETS:
        return _decode_buckets(data[1:], sketches=sketches)
    raise ValueError("unknown form of a day's minutes")


def _encode_buckets(rollups: Rollups) -> bytes:
    sketches = rollups.sketches or []
    sizes = np.array([sketch.keys.size for sketch in sketches], np.int64)
    blobs = [
        encode_points(rollups.first_times, rollups.firsts),
        encode_points(rollups.last_times, rollups.lasts),
        *(
            encode_points(rollups.buckets, column)
            for column in (rollups.counts, rollups.sums, rollups.mins, rollups.maxs, rollups.increases)
        ),
        _encode_integers(sizes),
        _encode_integers(np.concatenate([sketch.keys for sketch in sketches])),
        _encode_integers(np.concatenate([sketch.counts for sketch in sketches])),
    ]
    return b"".join(_LENGTH.pack(len(blob)) + blob for blob in blobs)


def _decode_buckets(data: bytes, *, sketches: bool) -> Rollups:
    blobs, place = [], 0
    while place < len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        place += _LENGTH.size
        blobs.append(data[place : place + length])
        place += length
    if len(blobs) != 10:
        raise ValueError("damaged minutes: wrong number of columns")
    first_times, firsts = decode_points(blobs[0])
    last_times, lasts = decode_points(blobs[1])
    (buckets, counts), (_, sums), (_, mins), (_, maxs), (_, increases) = map(decode_points, blobs[2:7])
    return Rollups(
        series=np.zeros(buckets.size, np.int64),
        buckets=buckets,
        counts=counts,
        sums=sums,
        mins=mins,
        maxs=maxs,
        first_times=first_times,
        firsts=firsts,
        last_times=last_times,
        lasts=lasts,
        increases=increases,
        sketches=_decode_sketches(*blobs[7:]) if sketches else None,
    )


def _decode_sketches(sizes: bytes, keys: bytes, counts: bytes) -> list[Sketch]:
    ends = np.cumsum(_decode_integers(sizes)).tolist()
    bins, hits = _decode_integers(keys), _decode_integers(counts)
    return [Sketch(bins[a:b], hits[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


def _encode_integers(numbers: NDArray[np.int64]) -> bytes:
    """Return ``numbers`` (below 2**53) as a chunk whose times say only how many there are; empty ones as no bytes."""
    return encode_points(np.arange(numbers.size), numbers.astype(np.float64)) if numbers.size else b""


def _decode_integers(data: bytes) -> NDArray[np.int64]:
    return decode_points(data)[1].astype(np.int64) if data else np.empty(0, np.int64)
