"""Rollups against brute force."""

from __future__ import annotations

import itertools
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.rollup import (
    MINUTE_MS,
    Rollups,
    decode_minutes,
    encode_minutes,
    join_elements,
    merge_points,
    roll_up,
)
from monitoring.metrics.sketch import Sketch

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
WHOLE = st.integers(0, 1000).map(float)
POINTS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 10 * MINUTE_MS), WHOLE | st.just(STALE)),
    min_size=1,
    max_size=80,
    unique_by=lambda point: point[:2],
).map(sorted)


def columns(points: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        np.array([point[0] for point in points], np.int64),
        np.array([point[1] for point in points], np.int64),
        np.array([point[2] for point in points], np.float64),
    )


def brute_increase(values: list[float]) -> float:
    return sum(b - a if b >= a else b for a, b in itertools.pairwise(values))


def is_stale(value: float) -> bool:
    return struct.pack("<d", value) == struct.pack("<d", STALE)


def rows(rollups: Rollups) -> list[tuple[float, ...]]:
    names = "series buckets counts sums mins maxs first_times firsts last_times lasts increases"
    return list(zip(*(getattr(rollups, name).tolist() for name in names.split()), strict=True))


@given(POINTS)
def test_roll_up__any_points__equals_brute_force(points: list[tuple[int, int, float]]) -> None:
    grouped: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for series, time, value in points:
        if not is_stale(value):
            grouped.setdefault((series, time // MINUTE_MS * MINUTE_MS), []).append((time, value))
    wanted = []
    for (series, bucket), samples in sorted(grouped.items()):
        values = [value for _, value in samples]
        summary = (len(values), sum(values), min(values), max(values))
        ends = (samples[0][0], values[0], samples[-1][0], values[-1])
        wanted.append((series, bucket, *summary, *ends, brute_increase(values)))
    rollups = roll_up(*columns(points), width_ms=MINUTE_MS)
    assert rows(rollups) == wanted
    assert rollups.sketches is not None
    for sketch, key in zip(rollups.sketches, sorted(grouped), strict=True):
        assert sketch.counts.tolist() == Sketch.of([value for _, value in grouped[key]]).counts.tolist()


@given(POINTS)
def test_minutes__there_and_back__points_or_their_buckets(points: list[tuple[int, int, float]]) -> None:
    _, times, values = columns([point for point in points if point[0] == points[0][0]])
    back = decode_minutes(encode_minutes(times, values))
    if isinstance(back, Rollups):
        assert rows(back) == rows(roll_up(np.zeros(times.size, np.int64), times, values, width_ms=MINUTE_MS))
    else:
        assert back[0].tolist() == times.tolist()
        assert back[1].view(np.int64).tolist() == values.view(np.int64).tolist()


def test_encode_minutes__a_point_a_second__keeps_buckets() -> None:
    times = np.arange(86_400, dtype=np.int64) * 1000
    values = np.random.default_rng(1).random(86_400)
    data = encode_minutes(times, values)
    back = decode_minutes(data)
    assert isinstance(back, Rollups)
    wanted = roll_up(np.zeros(times.size, np.int64), times, values, width_ms=MINUTE_MS)
    assert rows(back) == rows(wanted)
    assert back.sketches is not None
    assert wanted.sketches is not None
    assert [s.keys.tolist() for s in back.sketches] == [s.keys.tolist() for s in wanted.sketches]
    assert len(data) < 86_400 * 2


def test_encode_minutes__four_points_a_minute__keeps_them() -> None:
    times = np.arange(5760, dtype=np.int64) * 15_000
    assert not isinstance(decode_minutes(encode_minutes(times, np.random.default_rng(1).random(5760))), Rollups)


@pytest.mark.parametrize("data", [b"", b"\x09abc", b"\x02\x00\x00\x00\x00"])
def test_decode_minutes__anything_else__raises_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_minutes(data)


@given(POINTS, st.integers(0, 10))
def test_join_elements__buckets_and_points_after_them__rise_as_the_points_did(
    points: list[tuple[int, int, float]], minute: int
) -> None:
    _, times, values = columns([point for point in points if point[0] == points[0][0] and not is_stale(point[2])])
    split = int(np.searchsorted(times, minute * MINUTE_MS))
    packed = roll_up(np.zeros(split, np.int64), times[:split], values[:split], width_ms=MINUTE_MS)
    ends, lasts, buckets = join_elements((times[split:], values[split:]), [packed])
    assert buckets.counts.sum() == times.size
    assert buckets.sums.sum() == values.sum()
    gaps = [b if b < a else b - a for a, b in zip(lasts[:-1].tolist(), buckets.first[1:].tolist(), strict=True)]
    assert buckets.increases.sum() + sum(gaps) == brute_increase(values.tolist())
    assert (np.diff(ends) > 0).all()


def test_join_elements__late_points_within_a_bucket__are_merged_into_it() -> None:
    times = np.array([0, 10, 20, 30], np.int64)
    values = np.array([1.0, 2.0, 3.0, 4.0])
    packed = roll_up(np.zeros(4, np.int64), times, values, width_ms=MINUTE_MS)
    late = np.array([15, 40], np.int64), np.array([2.5, 6.0])
    ends, lasts, buckets = join_elements(late, [packed])
    assert (ends.tolist(), lasts.tolist()) == ([30, 40], [4.0, 6.0])
    assert buckets.counts.tolist() == [5.0, 1.0]
    assert buckets.sums.tolist() == [12.5, 6.0]
    assert buckets.increases.tolist() == [3.0, 0.0]


def test_join_elements__partial_buckets_reaching_into_each_other__rise_from_first_to_last() -> None:
    def part(times: list[int], values: list[float]) -> Rollups:
        return roll_up(np.zeros(len(times), np.int64), np.array(times), np.array(values), width_ms=MINUTE_MS)

    ends, lasts, buckets = join_elements(
        (np.empty(0, np.int64), np.empty(0)), [part([0, 20], [0.0, 20.0]), part([10, 40], [10.0, 40.0])]
    )
    assert (ends.tolist(), lasts.tolist()) == ([40], [40.0])
    assert buckets.increases.tolist() == [40.0]
    assert (buckets.mins.tolist(), buckets.maxs.tolist()) == ([0.0], [40.0])


@given(st.lists(st.lists(st.tuples(st.integers(0, 50), WHOLE), unique_by=lambda p: p[0]).map(sorted), max_size=5))
def test_merge_points__any_parts__earliest_part_wins(parts: list[list[tuple[int, float]]]) -> None:
    wanted: dict[int, float] = {}
    for part in parts:
        for time, value in part:
            wanted.setdefault(time, value)
    times, values = merge_points(
        [(np.array([t for t, _ in part], np.int64), np.array([v for _, v in part], np.float64)) for part in parts]
    )
    assert list(zip(times.tolist(), values.tolist(), strict=True)) == sorted(wanted.items())
