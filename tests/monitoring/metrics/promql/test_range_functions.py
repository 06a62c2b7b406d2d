from __future__ import annotations

import math

import numpy as np
import pytest

from monitoring.metrics.promql.catalogue import RANGE_FUNCTIONS
from monitoring.metrics.promql.range_functions import RANGE_FUNCTIONS as IMPLEMENTED
from tests.monitoring.metrics.promql.builders import ask, ask_number, make_series

LEVELS = [3.0, 1.0, 4.0, 1.0, 5.0]
"""At 360, 420, 480, 540 and 600 s."""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum_over_time(x[4m])", 14.0),
        ("avg_over_time(x[4m])", 2.8),
        ("min_over_time(x[4m])", 1.0),
        ("max_over_time(x[4m])", 5.0),
        ("count_over_time(x[4m])", 5.0),
        ("last_over_time(x[4m])", 5.0),
        ("present_over_time(x[4m])", 1.0),
        ("stdvar_over_time(x[4m])", 2.56),
        ("stddev_over_time(x[4m])", 1.6),
        ("quantile_over_time(0.5, x[4m])", 3.0),
        ("mad_over_time(x[4m])", 2.0),
        ("quantile_over_time(0.9, x[4m])", 4.6),
        ("quantile_over_time(-0.1, x[4m])", -math.inf),
        ("quantile_over_time(1.1, x[4m])", math.inf),
        ("changes(x[4m])", 4.0),
        ("resets(x[4m])", 2.0),
        ("idelta(x[4m])", 4.0),
        ("irate(x[4m])", 4 / 60),
        ("delta(x[4m])", 2.0),
        ("increase(x[4m])", 9.0),
        ("rate(x[4m])", 9 / 240),
        ("deriv(x[4m])", 0.4 / 60),
        ("predict_linear(x[4m], 60)", 4.0),
    ],
)
def test_range_function__five_levels__is_what_a_hand_computes(text: str, value: float) -> None:
    assert ask_number(text, make_series("x", LEVELS, start_s=360)) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", sorted(RANGE_FUNCTIONS - {"absent_over_time", "quantile_over_time", "predict_linear"}))
def test_range_function__nothing_in_the_window__has_no_answer(name: str) -> None:
    assert ask(f"{name}(x[1m])", make_series("x", LEVELS, start_s=0)) == {}


@pytest.mark.parametrize("name", ["rate", "increase", "delta", "irate", "idelta", "deriv"])
def test_range_function__a_single_sample__has_no_slope(name: str) -> None:
    assert ask(f"{name}(x[30s])", make_series("x", LEVELS, start_s=360)) == {}


@pytest.mark.parametrize(
    ("values", "text", "increase"),
    [
        ([100.0, 110.0, 120.0], "increase(x[2m])", 20.0),
        ([100.0, 110.0, 120.0], "increase(x[3m])", 20 * 180 / 120),
        ([100.0, 110.0, 120.0], "increase(x[4m])", 20 * 150 / 120),
        ([10.0, 20.0, 30.0], "increase(x[4m])", 20 * 180 / 120),
        ([0.0, 10.0, 20.0], "increase(x[4m])", 20.0),
        ([100.0, 110.0, 5.0, 15.0], "increase(x[230s])", 25 * 230 / 180),
        ([10.0, 20.0, 30.0], "delta(x[4m])", 20 * 150 / 120),
    ],
    ids=["edge", "near edge", "far edge", "to zero", "from zero", "reset", "gauges have no zero"],
)
def test_increase__series_within_the_window__is_stretched_as_prometheus_does(
    values: list[float], text: str, increase: float
) -> None:
    series = make_series("x", values, start_s=660 - 60 * len(values))
    assert ask_number(text, series) == pytest.approx(increase, rel=1e-12)


@pytest.mark.parametrize(
    ("values", "text", "value"),
    [
        ([math.nan, 2.0], "min_over_time(x[5m])", 2.0),
        ([math.nan, 2.0], "sum_over_time(x[5m])", math.nan),
        ([math.inf, 2.0], "avg_over_time(x[5m])", math.inf),
        ([math.inf, -math.inf], "avg_over_time(x[5m])", math.nan),
        ([1e308, 1e308], "avg_over_time(x[5m])", 1e308),
        ([1e308, 1e308], "sum_over_time(x[5m])", math.inf),
        ([1e16, 1.0, -1e16], "sum_over_time(x[5m])", 1.0),
        ([math.nan, math.nan], "changes(x[5m])", 0.0),
        ([math.inf, math.inf], "deriv(x[5m])", math.nan),
        ([0.1] * 5, "avg_over_time(x[5m])", 0.1),
        ([0.1] * 5, "stddev_over_time(x[5m])", 0.0),
        ([0.1] * 5, "deriv(x[5m])", 0.0),
        ([math.nan, 1.0, 3.0], "quantile_over_time(1, x[5m])", 3.0),
        ([math.nan, 1.0, 3.0], "quantile_over_time(0, x[5m])", math.nan),
    ],
)
def test_range_function__values_that_break_careless_arithmetic__are_taken_as_prometheus_takes_them(
    values: list[float], text: str, value: float
) -> None:
    found = ask_number(text, make_series("x", values, start_s=660 - 60 * len(values)))
    assert found == pytest.approx(value, rel=1e-12, nan_ok=True)


def test_last_over_time__name__stays_as_the_only_one() -> None:
    series = make_series("x", LEVELS, start_s=360, job="a")
    assert ask("last_over_time(x[5m])", series) == {"x{job=a}": 5.0}
    assert ask("max_over_time(x[5m])", series) == {"{job=a}": 5.0}


def test_absent_over_time__no_sample_of_any_series__is_one_with_the_labels_asked_for() -> None:
    series = make_series("x", LEVELS, start_s=0, job="a")
    assert ask('absent_over_time(x{job="a", zone=~"n.*"}[1m])', series) == {"{job=a}": 1.0}
    assert ask("absent_over_time(x[10m])", series) == {}


def test_functions__catalogue__are_all_implemented() -> None:
    assert set(IMPLEMENTED) | {"absent_over_time"} == RANGE_FUNCTIONS


def test_quantile_over_time__irregular_windows__agrees_with_numpy() -> None:
    rng = np.random.default_rng(5)
    series = make_series("x", rng.normal(size=200).tolist(), start_s=402, interval_s=1)
    for quantile in (0.0, 0.25, 0.77, 1.0):
        expected = float(np.quantile(series.values[:199], quantile))
        assert ask_number(f"quantile_over_time({quantile}, x[198s])", series) == pytest.approx(expected, rel=1e-12)
