"""Rollup buckets instead of points: the same questions get the same answers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.promql import Buckets, SeriesData
from monitoring.metrics.promql.data import FloatArray
from monitoring.metrics.sketch import Sketch, spread_sketches
from tests.monitoring.metrics.promql.builders import ask, ask_range, make_series

INTERVAL_MS = 10_000
BUCKET_MS = 60_000
POINTS = 60
EXACT = ["sum", "count", "min", "max", "avg", "last", "present"]


def grow(values: FloatArray) -> float:
    """Counter increase between the first and the last of some values."""
    return float(sum(after if after < before else after - before for before, after in itertools.pairwise(values)))


def bucketise(series: SeriesData, *, sketches: bool = True, mixed: bool = False) -> SeriesData:
    """The series by whole minutes; `mixed`: with the newest third still as points."""
    numbers = series.times // BUCKET_MS
    if mixed:
        border = numbers[-1] - numbers[-1] // 3
        numbers = np.where(numbers < border, numbers, series.times)
    parts = [np.flatnonzero(numbers == number) for number in np.unique(numbers).tolist()]
    values = [series.values[part] for part in parts]
    return SeriesData(
        series.labels,
        series.times[[part[-1] for part in parts]],
        np.array([each[-1] for each in values]),
        Buckets(
            first_times=series.times[[part[0] for part in parts]],
            first=np.array([each[0] for each in values]),
            counts=np.array([float(len(each)) for each in values]),
            sums=np.array([each.sum() for each in values]),
            mins=np.array([each.min() for each in values]),
            maxs=np.array([each.max() for each in values]),
            increases=np.array([grow(each) for each in values]),
            sketches=[Sketch.of(each) for each in values] if sketches else None,
        ),
    )


@st.composite
def counters(draw: st.DrawFn) -> SeriesData:
    """Whole numbers with restarts and missing samples, none of them on the edge of a bucket."""
    steps = draw(st.lists(st.integers(-3, 9), min_size=POINTS, max_size=POINTS))
    values, level = [], 0
    for step in steps:
        level = level + step if step >= 0 else -step
        values.append(float(level))
    kept = draw(st.lists(st.booleans(), min_size=POINTS, max_size=POINTS).filter(any))
    times = np.arange(POINTS, dtype=np.int64) * INTERVAL_MS + INTERVAL_MS // 2
    return SeriesData({"__name__": "x"}, times[kept], np.array(values)[kept])


def both_answers(text: str, series: SeriesData, *, mixed: bool = False) -> tuple[object, object]:
    ranges = {"start_s": 60, "end_s": POINTS * INTERVAL_MS // 1000 + 120, "step_s": 60}
    return ask_range(text, series, **ranges), ask_range(text, bucketise(series, mixed=mixed), **ranges)


@given(counters(), st.sampled_from(EXACT), st.sampled_from(["1m", "3m", "10m"]), st.booleans())
def test_over_time__buckets_for_points__answer_the_same(
    series: SeriesData, name: str, window: str, mixed: bool
) -> None:
    points, buckets = both_answers(f"{name}_over_time(x[{window}])", series, mixed=mixed)
    assert buckets == points


@given(counters(), st.sampled_from(["rate", "increase", "delta"]), st.sampled_from(["1m", "3m", "10m"]), st.booleans())
def test_counters__buckets_for_points__answer_the_same(series: SeriesData, name: str, window: str, mixed: bool) -> None:
    points, buckets = both_answers(f"{name}(x[{window}])", series, mixed=mixed)
    assert buckets == points


def snap(series: SeriesData) -> SeriesData:
    """The series with values that a sketch keeps as they are, so that only the use of sketches is judged."""
    centers = [float(Sketch.of([value]).centers()[0][0]) for value in series.values.tolist()]
    return SeriesData(series.labels, series.times, np.array(centers))


@given(counters().map(snap), st.sampled_from([0.0, 0.3, 0.5, 0.99, 1.0, 2.0]), st.booleans())
def test_quantile_over_time__sketches_without_error__answer_the_same(
    series: SeriesData, quantile: float, mixed: bool
) -> None:
    points, buckets = both_answers(f"quantile_over_time({quantile}, x[3m])", series, mixed=mixed)
    assert buckets == pytest_approx(points)


@given(counters().map(snap), st.sampled_from(["stddev", "stdvar"]), st.booleans())
def test_stddev_over_time__sketches_without_error__answer_the_same(series: SeriesData, name: str, mixed: bool) -> None:
    points, buckets = both_answers(f"{name}_over_time(x[3m])", series, mixed=mixed)
    assert buckets == pytest_approx(points)


def pytest_approx(answer: object) -> object:
    """The answer with every number up to rounding."""
    assert isinstance(answer, dict)
    return {labels: pytest.approx(values, rel=1e-9, abs=1e-9) for labels, values in answer.items()}


@given(counters(), st.sampled_from(["changes", "resets"]))
def test_events__buckets_for_points__are_never_too_many(series: SeriesData, name: str) -> None:
    points, buckets = both_answers(f"{name}(x[3m])", series)
    assert isinstance(points, dict)
    assert isinstance(buckets, dict)
    assert points.keys() == buckets.keys()
    for labels, values in points.items():
        assert values.keys() == buckets[labels].keys()
        assert all(0 <= buckets[labels][at] <= values[at] for at in values)


@pytest.mark.parametrize("name", ["irate", "idelta", "deriv"])
def test_slopes__steady_growth__are_the_same_from_buckets(name: str) -> None:
    series = SeriesData({"__name__": "x"}, np.arange(60, dtype=np.int64) * INTERVAL_MS + 5_000, np.arange(60.0) * 3)
    points, buckets = both_answers(f"{name}(x[3m])", series)
    assert buckets == pytest_approx(points)


def test_predict_linear__steady_growth__is_the_same_from_buckets() -> None:
    series = SeriesData({"__name__": "x"}, np.arange(60, dtype=np.int64) * INTERVAL_MS + 5_000, np.arange(60.0) * 3)
    points, buckets = both_answers("predict_linear(x[3m], 3600)", series)
    assert buckets == pytest_approx(points)


def test_quantile_over_time__real_sketches__is_within_one_percent() -> None:
    rng = np.random.default_rng(3)
    series = SeriesData({"__name__": "x"}, np.arange(600, dtype=np.int64) * 1000 + 500, rng.lognormal(3, 1, 600))
    buckets = bucketise(series, sketches=False)
    assert buckets.buckets is not None
    parts = [series.values[series.times // BUCKET_MS == number] for number in range(10)]
    columns = {name: getattr(buckets.buckets, name) for name in Buckets.__slots__ if name != "sketches"}
    sketched = SeriesData(
        series.labels, buckets.times, buckets.values, Buckets(**columns, sketches=[*map(Sketch.of, parts)])
    )
    for quantile in (0.01, 0.5, 0.95, 0.99):
        text = f"quantile_over_time({quantile}, x[10m])"
        assert ask(text, sketched)["{}"] == pytest.approx(ask(text, series)["{}"], rel=0.01)


def test_stddev_over_time__buckets_without_sketches__is_that_of_their_means() -> None:
    series = make_series("x", [1.0, 3.0, 5.0, 7.0], start_s=5, interval_s=30)
    assert ask("stdvar_over_time(x[10m])", bucketise(series, sketches=False)) == {"{}": 4.0}


def test_changes__nan_beside_buckets__is_no_change_in_itself() -> None:
    buckets = bucketise(make_series("x", [2.0] * 8, start_s=425, interval_s=15, kind="buckets"))
    points = make_series("x", [math.nan, math.nan], start_s=485, kind="points")
    assert ask("changes(x[5m])", points, buckets) == {"{kind=points}": 0.0, "{kind=buckets}": 0.0}


def test_instant_selector__bucket__is_its_newest_value_at_its_newest_time() -> None:
    series = bucketise(make_series("x", [1.0, 9.0, 2.0], start_s=541, interval_s=20))
    assert ask("x", series) == {"x{}": 2.0}
    assert ask("timestamp(x)", series) == {"{}": 581.0}


def test_sum__series_of_buckets_beside_series_of_points__are_taken_together() -> None:
    points = make_series("x", [1.0, 2.0, 3.0], start_s=455, interval_s=60, kind="points")
    buckets = bucketise(make_series("x", [10.0] * 12, start_s=425, interval_s=15, kind="buckets"))
    assert ask("sum_over_time(x[5m])", points, buckets) == {"{kind=points}": 6.0, "{kind=buckets}": 120.0}
    assert ask("sum(count_over_time(x[5m]))", points, buckets) == {"{}": 15.0}


@given(st.lists(st.lists(st.floats(-1e9, 1e9), max_size=20), max_size=6))
def test_spread_sketches__any_sketches__are_their_centers_one_after_another(rows: list[list[float]]) -> None:
    sketches = [Sketch.of(row) for row in rows]
    values, counts, sizes = spread_sketches(sketches)
    ends = np.cumsum(sizes)
    for sketch, end, size in zip(sketches, ends.tolist(), sizes.tolist(), strict=True):
        centers, hits = sketch.centers()
        assert np.array_equal(values[end - size : end], centers)
        assert np.array_equal(counts[end - size : end], hits)
