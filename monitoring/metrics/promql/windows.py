"""Windows of samples: for many series and all steps at once, which samples lie in each window, and sums over them.

Samples of a batch of series stand in one column, one series after another; a window is a half-open span [lo, hi) of
positions in it. So a function over windows is a handful of numpy calls, whatever the number of series and steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitoring.metrics.promql.data import (
    STALE_BITS,
    BoolArray,
    Buckets,
    FloatArray,
    IntArray,
    SeriesData,
    Sketch,
)
from monitoring.metrics.promql.deadline import check_time

BATCH_SAMPLES = 1 << 18
"""Samples evaluated together: 2 MiB a column stays in the cache and lets the allocator reuse its memory
(one column of 5.76 million took 120 ms to fill, in batches 10)."""
BATCH_WINDOWS = 1 << 19
ILL_CONDITIONED = 1e-4
"""A sum this much smaller than the sum of its absolute values lost digits: it is added again exactly."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """What lies under each element, if any is a bucket; parallel to `Windows.times`."""

    first_times: IntArray
    first: FloatArray
    counts: FloatArray
    sums: FloatArray
    mins: FloatArray
    maxs: FloatArray
    increases: FloatArray
    sketches: list[Sketch | None]


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The samples of some series and the windows over them.

    `times` (epoch ms) and `values` have one element more than there are samples, so that position `hi` always exists.
    `lo`, `hi`, `starts`, `ends` (window edges, epoch ms, both included) and `at` (evaluation time, epoch ms) have one
    element per series and step, all steps of the first series first.
    """

    times: IntArray
    values: FloatArray
    lo: IntArray
    hi: IntArray
    starts: IntArray
    ends: IntArray
    at: IntArray
    columns: Columns | None

    @property
    def occupied(self) -> BoolArray:
        """Which windows hold a sample."""
        return self.hi > self.lo

    @property
    def last(self) -> IntArray:
        """Position of each window's last sample; of an empty window, any position."""
        return np.maximum(self.hi - 1, 0)

    def count(self) -> FloatArray:
        """How many samples each window holds, those inside buckets included."""
        if self.columns is None:
            return (self.hi - self.lo).astype(np.float64)
        return reduce_windows(np.add, self.columns.counts, self.lo, self.hi, 0.0)


def split_batches(series: Sequence[SeriesData], steps: int) -> Iterator[Sequence[SeriesData]]:
    """The series in batches that are worth a numpy call and still fit the cache."""
    first = samples = 0
    for row, item in enumerate(series):
        samples += len(item.times)
        if samples >= BATCH_SAMPLES or (row + 1 - first) * steps >= BATCH_WINDOWS:
            yield series[first : row + 1]
            first, samples = row + 1, 0
    if first < len(series):
        yield series[first:]


def build_windows(series: Sequence[SeriesData], at: IntArray, *, range_ms: int, offset_ms: int) -> Windows:
    """Windows of `range_ms` that end `offset_ms` before each of the evaluation times (epoch ms, ascending)."""
    ends = at - offset_ms
    starts = ends - range_ms
    edges = np.concatenate((starts, ends + 1))
    bounds = np.empty((len(series), len(edges)), dtype=np.int64)
    for row, item in enumerate(series):
        bounds[row] = item.times.searchsorted(edges)
    sizes = np.array([len(item.times) for item in series], dtype=np.int64)
    bounds += (np.cumsum(sizes) - sizes)[:, np.newaxis]
    steps = len(at)
    return Windows(
        times=np.concatenate([*(item.times for item in series), np.zeros(1, dtype=np.int64)]),
        values=np.concatenate([*(item.values for item in series), np.zeros(1)]),
        lo=bounds[:, :steps].ravel(),
        hi=bounds[:, steps:].ravel(),
        starts=np.tile(starts, len(series)),
        ends=np.tile(ends, len(series)),
        at=np.tile(at, len(series)),
        columns=build_columns(series),
    )


def build_columns(series: Sequence[SeriesData]) -> Columns | None:
    """The buckets of several series one after another, points taking part as buckets of one; None if all are points."""
    if all(item.buckets is None for item in series):
        return None
    parts = [item.buckets or buckets_of_points(item) for item in series]
    sketches: list[Sketch | None] = []
    for part in parts:
        sketches.extend(part.sketches or [None] * len(part.counts))

    def join(name: str) -> FloatArray:
        return np.concatenate([*(getattr(part, name) for part in parts), np.zeros(1)])

    return Columns(
        first_times=np.concatenate([*(part.first_times for part in parts), np.zeros(1, dtype=np.int64)]),
        first=join("first"),
        counts=join("counts"),
        sums=join("sums"),
        mins=join("mins"),
        maxs=join("maxs"),
        increases=join("increases"),
        sketches=sketches,
    )


def buckets_of_points(series: SeriesData) -> Buckets:
    """Each point as a bucket of one."""
    values = series.values
    return Buckets(series.times, values, np.ones(len(values)), values, values, values, np.zeros(len(values)))


def find_stale(values: FloatArray) -> BoolArray:
    """Which values are stale markers."""
    return np.equal(values.view(np.int64), STALE_BITS)


def without_stale(windows: Windows) -> Windows:
    """The same windows over the samples that are values."""
    if not np.isnan(windows.values).any():
        return windows
    stale = find_stale(windows.values)
    if not stale.any():
        return windows
    kept = ~stale
    moved: IntArray = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(kept, dtype=np.int64)))
    return replace(
        windows,
        times=windows.times[kept],
        values=windows.values[kept],
        lo=moved[windows.lo],
        hi=moved[windows.hi],
        columns=None if windows.columns is None else keep_columns(windows.columns, kept),
    )


def keep_columns(columns: Columns, kept: BoolArray) -> Columns:
    """The columns of the elements that are kept."""
    return Columns(
        first_times=columns.first_times[kept],
        first=columns.first[kept],
        counts=columns.counts[kept],
        sums=columns.sums[kept],
        mins=columns.mins[kept],
        maxs=columns.maxs[kept],
        increases=columns.increases[kept],
        sketches=[sketch for sketch, keep in zip(columns.sketches, kept[:-1].tolist(), strict=True) if keep],
    )


def reduce_windows(ufunc: np.ufunc, column: FloatArray, lo: IntArray, hi: IntArray, empty: float) -> FloatArray:
    """The ufunc's reduction of each span [lo, hi) of a column; `empty` where the span is.

    Sums are pairwise, so their error grows with the logarithm of the span's length.
    """
    edges = np.empty(2 * len(lo), dtype=np.int64)
    edges[::2] = lo
    edges[1::2] = np.maximum(hi, lo)
    if not len(lo):
        return np.zeros(0)
    reduced = ufunc.reduceat(column, edges)[::2]
    return np.where(hi > lo, reduced, empty)


def sum_windows(column: FloatArray, lo: IntArray, hi: IntArray) -> FloatArray:
    """The sum of each span [lo, hi), right to about 1e-11 also where large values cancel each other."""
    sums = reduce_windows(np.add, column, lo, hi, 0.0)
    if not (np.fmin.reduce(column) < 0 < np.fmax.reduce(column)):
        return sums
    magnitudes = reduce_windows(np.add, np.abs(column), lo, hi, 0.0)
    for window in np.flatnonzero((np.abs(sums) < ILL_CONDITIONED * magnitudes) & np.isfinite(magnitudes)).tolist():
        check_time()
        sums[window] = math.fsum(column[lo[window] : hi[window]].tolist())
    return sums


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """Some windows, none of them empty, with their samples written out one window after another.

    `windows` are the windows' numbers, `samples` the positions of their samples, `starts` where each window begins
    among these, `owner` the number (within this expansion) of the window that each sample belongs to.
    """

    windows: IntArray
    samples: IntArray
    starts: IntArray
    owner: IntArray

    def sum(self, values: FloatArray) -> FloatArray:
        """Each window's sum of a value per written-out sample."""
        return np.asarray(np.add.reduceat(values, self.starts), dtype=np.float64)


def expand_windows(lo: IntArray, hi: IntArray) -> Iterator[Expansion]:
    """The non-empty windows written out, in blocks of bounded size: overlapping windows repeat their samples."""
    windows = np.flatnonzero(hi > lo)
    totals = np.cumsum(hi[windows] - lo[windows])
    first = 0
    while first < len(windows):
        check_time()
        done = 0 if first == 0 else int(totals[first - 1])
        stop = max(int(np.searchsorted(totals, done + BATCH_SAMPLES)), first + 1)
        block = windows[first:stop]
        sizes = hi[block] - lo[block]
        starts = np.cumsum(sizes) - sizes
        owner = np.repeat(np.arange(len(block)), sizes)
        samples = np.arange(int(sizes.sum())) + (lo[block] - starts)[owner]
        yield Expansion(block, samples, starts, owner)
        first = stop


def group_by_size(lo: IntArray, hi: IntArray) -> Iterator[tuple[IntArray, IntArray]]:
    """Windows of equal size together: their numbers, and their samples' positions in shape (windows, size)."""
    sizes = hi - lo
    for size in np.unique(sizes[sizes > 0]).tolist():
        windows = np.flatnonzero(sizes == size)
        height = max(BATCH_SAMPLES // size, 1)
        for first in range(0, len(windows), height):
            check_time()
            block = windows[first : first + height]
            yield block, lo[block][:, np.newaxis] + np.arange(size)


RangeResult = tuple[FloatArray, BoolArray]
"""A value for each window, and which windows have one."""
RangeFunction = Callable[[Windows, FloatArray], RangeResult]
"""Takes windows and the function's scalar argument for each of them (zeros where it has none)."""
