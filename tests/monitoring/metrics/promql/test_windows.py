from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.promql import SeriesData
from monitoring.metrics.promql.windows import (
    BATCH_SAMPLES,
    build_windows,
    expand_windows,
    group_by_size,
    split_batches,
    sum_windows,
    without_stale,
)
from tests.monitoring.metrics.promql.builders import STALE

columns = st.lists(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from([0.0, 1.0, -2.5, STALE, math.nan])), max_size=12),
    min_size=1,
    max_size=4,
)


def to_series(rows: list[list[tuple[int, float]]]) -> list[SeriesData]:
    found = []
    for row in rows:
        points = dict(row)
        times = sorted(points)
        found.append(
            SeriesData(
                {}, np.array(times, dtype=np.int64), np.array([points[each] for each in times], dtype=np.float64)
            )
        )
    return found


def in_window(series: SeriesData, start: int, end: int) -> list[int]:
    kept = ~np.equal(series.values.view(np.int64), np.array([STALE]).view(np.int64)[0])
    return [each for each in series.times[kept].tolist() if start <= each <= end]


@given(columns, st.integers(0, 20), st.integers(-5, 5))
def test_build_windows__any_series__hold_what_lies_between_their_edges(
    rows: list[list[tuple[int, float]]], range_ms: int, offset_ms: int
) -> None:
    series, at = to_series(rows), np.array([0, 13, 26, 39])
    windows = without_stale(build_windows(series, at, range_ms=range_ms, offset_ms=offset_ms))
    found = [windows.times[lo:hi].tolist() for lo, hi in zip(windows.lo, windows.hi, strict=True)]
    assert found == [
        in_window(item, end - offset_ms - range_ms, end - offset_ms) for item in series for end in at.tolist()
    ]


@given(st.lists(st.floats(-1e16, 1e16) | st.integers(-5, 5).map(float), max_size=30), st.data())
def test_sum_windows__large_values_cancelling__keep_their_digits(values: list[float], data: st.DataObject) -> None:
    edges = data.draw(st.lists(st.tuples(st.integers(0, len(values)), st.integers(0, len(values))), min_size=1))
    lo, hi = (np.array(side) for side in zip(*edges, strict=True))
    sums = sum_windows(np.array([*values, 0.0]), lo, hi)
    for found, (first, stop) in zip(sums.tolist(), edges, strict=True):
        assert found == pytest.approx(math.fsum(values[first:stop]), rel=1e-9)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=20))
def test_expand_and_group__any_windows__write_out_each_sample_of_each_window(edges: list[tuple[int, int]]) -> None:
    lo = np.array([min(pair) for pair in edges], dtype=np.int64)
    hi = np.array([max(pair) for pair in edges], dtype=np.int64)
    expected = {(window, sample) for window in range(len(edges)) for sample in range(lo[window], hi[window])}
    expanded = [
        (int(block.windows[owner]), sample)
        for block in expand_windows(lo, hi)
        for owner, sample in zip(block.owner.tolist(), block.samples.tolist(), strict=True)
    ]
    grouped = [
        (window, sample)
        for windows, samples in group_by_size(lo, hi)
        for window, row in zip(windows.tolist(), samples.tolist(), strict=True)
        for sample in row
    ]
    assert sorted(expanded) == sorted(grouped) == sorted(expected)


def test_split_batches__many_series__keeps_all_in_order_and_bounds_each() -> None:
    size = BATCH_SAMPLES // 3
    series = [SeriesData({"i": str(i)}, np.arange(size), np.zeros(size)) for i in range(10)]
    batches = list(split_batches(series, steps=1))
    assert [item.labels["i"] for batch in batches for item in batch] == [str(i) for i in range(10)]
    assert max(len(batch) for batch in batches) == 4


def test_split_batches__no_series__makes_no_batch() -> None:
    assert list(split_batches([], steps=5)) == []
