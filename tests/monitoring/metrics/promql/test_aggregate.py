from __future__ import annotations

import math

import pytest

from monitoring.metrics.promql import EvaluationError, LimitExceeded, Limits, MemoryStorage, evaluate_range, parse
from tests.monitoring.metrics.promql.builders import ask, ask_range, make_series, now

LOADS = [
    now("load", 1.0, job="a", host="1"),
    now("load", 4.0, job="a", host="2"),
    now("load", 2.0, job="b", host="1"),
    now("load", 2.0, job="b", host="2"),
]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("sum(load)", {"{}": 9.0}),
        ("sum by (job) (load)", {"{job=a}": 5.0, "{job=b}": 4.0}),
        ("sum without (host) (load)", {"{job=a}": 5.0, "{job=b}": 4.0}),
        ("sum by (missing) (load)", {"{}": 9.0}),
        (
            "sum by (job, host) (load)",
            {"{host=1,job=a}": 1.0, "{host=2,job=a}": 4.0, "{host=1,job=b}": 2.0, "{host=2,job=b}": 2.0},
        ),
        ("sum by (__name__) (load)", {"load{}": 9.0}),
        ("avg by (job) (load)", {"{job=a}": 2.5, "{job=b}": 2.0}),
        ("min(load)", {"{}": 1.0}),
        ("max(load)", {"{}": 4.0}),
        ("count by (job) (load)", {"{job=a}": 2.0, "{job=b}": 2.0}),
        ("group by (job) (load)", {"{job=a}": 1.0, "{job=b}": 1.0}),
        ("stdvar by (job) (load)", {"{job=a}": 2.25, "{job=b}": 0.0}),
        ("stddev by (job) (load)", {"{job=a}": 1.5, "{job=b}": 0.0}),
        ("quantile by (job) (0.5, load)", {"{job=a}": 2.5, "{job=b}": 2.0}),
        ("topk(2, load)", {"load{host=2,job=a}": 4.0, "load{host=1,job=b}": 2.0}),
        ("bottomk(1, load)", {"load{host=1,job=a}": 1.0}),
        ("topk by (job) (1, load)", {"load{host=2,job=a}": 4.0, "load{host=1,job=b}": 2.0}),
        ("topk(0, load)", {}),
        ("topk(scalar(count(load)) - 3, load)", {"load{host=2,job=a}": 4.0}),
        ('count_values("v", load)', {"{v=1}": 1.0, "{v=4}": 1.0, "{v=2}": 2.0}),
        ('count_values by (job) ("v", load)', {"{job=a,v=1}": 1.0, "{job=a,v=4}": 1.0, "{job=b,v=2}": 2.0}),
        ("sum(nothing)", {}),
    ],
)
def test_aggregation__four_loads__is_what_a_hand_computes(text: str, answer: dict[str, float]) -> None:
    assert ask(text, *LOADS) == answer


def test_aggregation__elements_that_come_and_go__counts_those_that_are_there() -> None:
    series = [make_series("x", [1.0, 2.0, 3.0], host="1"), make_series("x", [10.0], start_s=660, host="2")]
    assert ask_range("sum(x)", *series, start_s=0, end_s=720, step_s=240) == {"{}": {0: 1.0, 240: 3.0, 720: 10.0}}
    assert ask_range("count(x)", *series, start_s=0, end_s=720, step_s=240) == {"{}": {0: 1.0, 240: 1.0, 720: 1.0}}
    assert ask_range("topk(1, x)", *series, start_s=0, end_s=720, step_s=240) == {
        "x{host=1}": {0: 1.0, 240: 3.0},
        "x{host=2}": {720: 10.0},
    }


def test_extremes__nan__is_taken_only_for_want_of_anything_else() -> None:
    series = [now("x", math.nan, host="1"), now("x", -math.inf, host="2")]
    assert ask("max(x)", *series) == {"{}": -math.inf}
    assert ask("topk(1, x)", *series) == {"x{host=2}": -math.inf}
    assert list(ask("topk(2, x)", *series)) == ["x{host=2}", "x{host=1}"]


def test_avg__sum_beyond_the_largest_float__is_finite() -> None:
    assert ask("avg(x)", now("x", 1e308, host="1"), now("x", 1.5e308, host="2")) == {"{}": pytest.approx(1.25e308)}


@pytest.mark.parametrize("limit", ["NaN", "1e30", "-Inf"])
def test_topk__number_of_elements_that_is_none__is_refused(limit: str) -> None:
    with pytest.raises(EvaluationError, match="overflows int64"):
        ask(f"topk({limit}, load)", *LOADS)


def test_count_values__many_values_over_many_steps__is_refused() -> None:
    storage, query = MemoryStorage([make_series("x", [1.0, 2.0, 3.0, 4.0])]), parse('count_values("v", x)')
    assert len(evaluate_range(query, storage, 0, 180_000, 60_000).series) == 4
    with pytest.raises(LimitExceeded, match="count_values"):
        evaluate_range(query, storage, 0, 180_000, 60_000, limits=Limits(max_samples=15))
