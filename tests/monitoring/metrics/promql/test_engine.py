from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from monitoring.metrics.promql import (
    EvaluationError,
    LimitExceeded,
    Limits,
    Matcher,
    MemoryStorage,
    RangeMatrix,
    Scalar,
    SelectHint,
    SeriesData,
    String,
    evaluate_instant,
    evaluate_range,
    parse,
)
from tests.monitoring.metrics.promql.builders import NOW_MS, STALE, ask, ask_number, ask_range, make_series

X = (Matcher("__name__", "=", "x"),)


class RecordingStorage:
    """A storage that remembers what it was asked for."""

    def __init__(self, *series: SeriesData) -> None:
        self.memory = MemoryStorage(series)
        self.asked: list[tuple[Sequence[Matcher], int, int, SelectHint]] = []

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint) -> list[SeriesData]:
        self.asked.append((matchers, start_ms, end_ms, hint))
        return self.memory.select(matchers, start_ms, end_ms, hint)


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [(299, {}), (300, {"x{}": 1.0}), (359, {"x{}": 1.0}), (360, {"x{}": 2.0}), (660, {"x{}": 2.0}), (661, {})],
)
def test_instant_selector__five_minutes__is_as_far_as_it_looks_back(at_s: int, expected: dict[str, float]) -> None:
    assert ask("x", make_series("x", [1.0, 2.0], start_s=300), at_ms=at_s * 1000) == expected


def test_instant_selector__stale_marker__ends_the_series_at_once() -> None:
    series = make_series("x", [1.0, 2.0, STALE, 4.0])
    assert ask_range("x", series, start_s=0, end_s=200, step_s=60) == {"x{}": {0: 1.0, 60: 2.0, 180: 4.0}}
    assert ask_number("count_over_time(x[10m])", series) == 3
    assert ask_number("sum_over_time(x[10m])", series) == 7
    assert ask("absent(x)", series, at_ms=150_000) == {"{}": 1.0}


def test_offset__either_sign__moves_the_window() -> None:
    series = make_series("x", [float(value) for value in range(11)])
    assert ask("x offset 2m", series) == {"x{}": 8.0}
    assert ask("x offset -2m", series, at_ms=NOW_MS - 300_000) == {"x{}": 7.0}
    assert ask_number("sum_over_time(x[1m] offset 3m)", series) == 6 + 7


def test_range_selector__both_edges__belong_to_the_window() -> None:
    answer = evaluate_instant(parse("x[2m]"), MemoryStorage([make_series("x", [1.0] * 11)]), NOW_MS)
    assert isinstance(answer, RangeMatrix)
    assert [series.times.tolist() for series in answer.series] == [[480_000, 540_000, 600_000]]


def test_evaluate_instant__literals__keep_their_type() -> None:
    storage = MemoryStorage([])
    assert evaluate_instant(parse("1 + 2"), storage, 5) == Scalar(5, 3.0)
    assert evaluate_instant(parse("'text'"), storage, 5) == String(5, "text")


def test_evaluate_range__steps__reach_from_start_to_end_included() -> None:
    assert ask_range("time()", start_s=10, end_s=40, step_s=15) == {"{}": {10: 10.0, 25: 25.0, 40: 40.0}}
    assert ask_range("time()", start_s=10, end_s=39, step_s=15) == {"{}": {10: 10.0, 25: 25.0}}
    assert ask_range("time()", start_s=10, end_s=10, step_s=15) == {"{}": {10: 10.0}}


def test_evaluate__times_beyond_64_bits__are_refused() -> None:
    with pytest.raises(EvaluationError, match="years"):
        evaluate_instant(parse("x"), MemoryStorage([]), 10**19)
    with pytest.raises(EvaluationError, match="years"):
        evaluate_range(parse("x"), MemoryStorage([]), -(10**19), 0, 10**18)


@pytest.mark.parametrize("text", ["x[5m]", "'text'"])
def test_evaluate_range__no_value_at_a_step__is_refused(text: str) -> None:
    with pytest.raises(EvaluationError, match="invalid expression type"):
        evaluate_range(parse(text), MemoryStorage([]), 0, 1000, 1000)


@pytest.mark.parametrize(("start", "end", "step"), [(0, 1000, 0), (0, 1000, -1), (1000, 0, 1000)])
def test_evaluate_range__impossible_range__is_refused(start: int, end: int, step: int) -> None:
    with pytest.raises(EvaluationError):
        evaluate_range(parse("1"), MemoryStorage([]), start, end, step)


def test_evaluate_range__too_many_steps__is_refused_in_prometheus_words() -> None:
    storage, query = MemoryStorage([]), parse("1")
    assert len(evaluate_range(query, storage, 0, 11_000, 1).series[0].times) == 11_001
    with pytest.raises(LimitExceeded, match="exceeded maximum resolution of 11,000 points per timeseries"):
        evaluate_range(query, storage, 0, 11_001, 1)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("x", Limits(max_samples=4)),
        ("x + (x offset 1m)", Limits(max_samples=9)),
        ("rate(x[5m])", Limits(max_window_samples=5)),
        ("stddev_over_time(x[5m])", Limits(max_window_samples=59)),
    ],
)
def test_evaluate__more_than_a_query_may_read__is_refused(text: str, limits: Limits) -> None:
    storage = MemoryStorage([make_series("x", [1.0] * 11)])
    evaluate_instant(parse(text), storage, NOW_MS)
    with pytest.raises(LimitExceeded):
        evaluate_instant(parse(text), storage, NOW_MS, limits=limits)


def test_evaluate_range__series_times_steps__count_against_the_limit() -> None:
    storage = MemoryStorage([make_series("x", [1.0], i=str(i)) for i in range(10)])
    with pytest.raises(LimitExceeded):
        evaluate_range(parse("x"), storage, 0, 99_000, 1000, limits=Limits(max_samples=999))


def test_select__hint__says_what_the_samples_are_for() -> None:
    storage = RecordingStorage(make_series("x", [1.0] * 11))
    evaluate_range(parse("rate(x[1m] offset 30s) + timestamp(x) + x"), storage, 60_000, 120_000, 15_000)
    assert storage.asked == [
        (X, -30_000, 90_000, SelectHint("rate", 60_000, 15_000)),
        (X, -240_000, 120_000, SelectHint("timestamp", 0, 15_000)),
        (X, -240_000, 120_000, SelectHint(None, 0, 15_000)),
    ]


def test_select__same_need_twice__is_asked_once() -> None:
    storage = RecordingStorage(make_series("x", [3.0] * 11))
    evaluate_instant(parse("x / x + x"), storage, NOW_MS)
    assert len(storage.asked) == 1


def test_selectors__prefetched_spans__are_all_that_evaluation_asks_for() -> None:
    query = parse("sum(rate(x[1m] offset 30s)) / count(x offset -1m) + timestamp(x)")
    storage = RecordingStorage(make_series("x", [1.0] * 20))
    evaluate_instant(query, storage, NOW_MS)
    assert [(need.matchers, *need.span(NOW_MS)) for need in query.selectors()] == [
        (matchers, start, end) for matchers, start, end, _ in storage.asked
    ]


def test_memory_storage__matchers_without_a_name__look_through_all_series() -> None:
    series = [make_series("x", [1.0], job="a"), make_series("y", [2.0], job="a"), make_series("y", [3.0])]
    assert ask('{job="a"}', *series, at_ms=0) == {"x{job=a}": 1.0, "y{job=a}": 2.0}
    assert ask('{__name__=~"x|y", job=""}', *series, at_ms=0) == {"y{}": 3.0}


def test_evaluate_range__one_series__is_ordered_by_labels_whatever_storage_does() -> None:
    series = [make_series("x", [1.0], job=job) for job in ("b", "c", "a")]
    assert list(ask_range("x", *series, start_s=0, end_s=60, step_s=60)) == ["x{job=a}", "x{job=b}", "x{job=c}"]


def test_answers__nobody_else__shares_their_columns_with_storage() -> None:
    series = make_series("x", [1.0] * 11)
    before = series.values.copy()
    evaluate_range(parse("-x * 2 + (x > 0)"), MemoryStorage([series]), 0, NOW_MS, 60_000)
    assert np.array_equal(series.values, before)
