from __future__ import annotations

import math

import pytest

from monitoring.metrics.promql import EvaluationError
from monitoring.metrics.promql.catalogue import VALUE_FUNCTIONS
from monitoring.metrics.promql.functions import VALUE_FUNCTIONS as IMPLEMENTED
from tests.monitoring.metrics.promql.builders import STALE, ask, ask_number, ask_range, make_series, now


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abs(x)", 2.5),
        ("ceil(x)", -2.0),
        ("floor(x)", -3.0),
        ("round(x)", -2.0),
        ("round(x, 2)", -2.0),
        ("round(-x, 0.2)", 2.6),
        ("clamp(x, -1, 1)", -1.0),
        ("clamp_min(x, 0)", 0.0),
        ("clamp_max(x, -3)", -3.0),
        ("sgn(x)", -1.0),
        ("sgn(x * 0)", 0.0),
        ("sqrt(x)", math.nan),
        ("sqrt(x ^ 2)", 2.5),
        ("exp(x)", math.exp(-2.5)),
        ("ln(-x)", math.log(2.5)),
        ("ln(x * 0)", -math.inf),
        ("log2(x + 10.5)", 3.0),
        ("log10(x + 102.5)", 2.0),
        ("scalar(x)", -2.5),
        ("vector(3)", 3.0),
        ("time()", 600.0),
        ("timestamp(x)", 600.0),
        ("timestamp(x offset -1m) + 0", 600.0),
        ("timestamp(x + 1)", 600.0),
        ("clamp(x, time() - 601, 1e6)", -1.0),
    ],
)
def test_function__one_value__is_what_a_hand_computes(text: str, value: float) -> None:
    assert ask_number(text, now("x", -2.5)) == pytest.approx(value, nan_ok=True)


def test_functions__catalogue__are_all_implemented() -> None:
    assert set(IMPLEMENTED) == VALUE_FUNCTIONS


def test_clamp__bounds_the_wrong_way_round__leaves_nothing() -> None:
    assert ask("clamp(x, 2, 1)", now("x", 1.0)) == {}


def test_timestamp__older_sample__is_the_samples_own_time() -> None:
    assert ask_number("timestamp(x)", make_series("x", [1.0], start_s=421)) == 421.0


def test_scalar__none_or_several_elements__is_nan() -> None:
    series = [make_series("x", [1.0, STALE], host="1"), make_series("x", [5.0, 6.0], start_s=60, host="2")]
    answer = ask_range("scalar(x)", *series, start_s=-60, end_s=120, step_s=60)
    assert answer == {"{}": {-60: pytest.approx(math.nan, nan_ok=True), 0: 1.0, 60: 5.0, 120: 6.0}}
    assert math.isnan(ask_number("scalar(y)", now("y", 1.0, host="1"), now("y", 2.0, host="2")))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("absent(x)", {}),
        ("absent(y)", {"{}": 1.0}),
        ('absent(y{job="a", zone=~"n.*", host!="b"})', {"{job=a}": 1.0}),
        ('absent(y{job="a", job="b", host="c"})', {"{host=c}": 1.0}),
        ('absent(y{job=""})', {"{}": 1.0}),
        ('absent(sum(y{job="a"}))', {"{}": 1.0}),
    ],
)
def test_absent__selector__names_what_it_surely_would_have(text: str, answer: dict[str, float]) -> None:
    assert ask(text, now("x", 1.0)) == answer


def test_sort__values__are_ordered_with_nan_last() -> None:
    series = [now("x", value, host=host) for host, value in zip("abcd", (2.0, math.nan, 3.0, 1.0), strict=True)]
    assert list(ask("sort(x)", *series)) == ["x{host=d}", "x{host=a}", "x{host=c}", "x{host=b}"]
    assert list(ask("sort_desc(x)", *series)) == ["x{host=c}", "x{host=a}", "x{host=d}", "x{host=b}"]


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        ('"to", "$1", "host", "(.*):.*"', "x{host=db:80,to=db}"),
        ('"to", "${2}/${1}", "host", "(.*):(.*)"', "x{host=db:80,to=80/db}"),
        ('"to", "$name", "host", "(?P<name>.*):.*"', "x{host=db:80,to=db}"),
        ('"to", "$9$$", "host", "(.*)"', "x{host=db:80,to=$}"),
        ('"to", "$1", "host", "db"', "x{host=db:80}"),
        ('"host", "", "host", ".*"', "x{}"),
        ('"to", "new", "missing", ""', "x{host=db:80,to=new}"),
        ('"__name__", "y", "", ""', "y{host=db:80}"),
    ],
)
def test_label_replace__template__is_filled_where_the_whole_value_matches(arguments: str, labels: str) -> None:
    assert ask(f"label_replace(x, {arguments})", now("x", 1.0, host="db:80")) == {labels: 1.0}


def test_label_replace__elements_made_equal__is_refused() -> None:
    with pytest.raises(EvaluationError, match="same labelset"):
        ask('label_replace(x, "host", "", "", "")', now("x", 1.0, host="1"), now("x", 2.0, host="2"))


def test_function__series_that_take_turns_under_one_label_set__are_one() -> None:
    first = make_series("x", [1.0, STALE])
    later = make_series("y", [2.0, STALE], start_s=60)
    assert ask_range('abs({__name__=~"x|y"})', first, later, start_s=0, end_s=60, step_s=60) == {
        "{}": {0: 1.0, 60: 2.0}
    }


def histogram(**counts: float) -> list:
    bounds = {"b1": "0.1", "b2": "0.5", "b3": "1", "inf": "+Inf"}
    return [now("wait_bucket", count, le=bounds[name], job="a") for name, count in counts.items()]


@pytest.mark.parametrize(
    ("quantile", "counts", "value"),
    [
        ("0.5", {"b1": 2.0, "b2": 6.0, "b3": 8.0, "inf": 8.0}, 0.3),
        ("0.25", {"b1": 2.0, "b2": 6.0, "b3": 8.0, "inf": 8.0}, 0.1),
        ("0.125", {"b1": 2.0, "b2": 6.0, "b3": 8.0, "inf": 8.0}, 0.05),
        ("1", {"b1": 2.0, "b2": 6.0, "b3": 8.0, "inf": 9.0}, 1.0),
        ("0.5", {"b1": 0.0, "b2": 0.0, "b3": 0.0, "inf": 0.0}, math.nan),
        ("0.5", {"b1": 5.0, "b2": 4.0, "b3": 10.0, "inf": 10.0}, 0.1),
        ("0.5", {"b1": 5.0, "b2": 9.0}, math.nan),
        ("0.5", {"inf": 9.0}, math.nan),
        ("-1", {"b1": 1.0, "inf": 2.0}, -math.inf),
        ("2", {"b1": 1.0, "inf": 2.0}, math.inf),
        ("NaN", {"b1": 1.0, "inf": 2.0}, math.nan),
    ],
)
def test_histogram_quantile__buckets__is_interpolated_inside_one(
    quantile: str, counts: dict[str, float], value: float
) -> None:
    answer = ask(f"histogram_quantile({quantile}, wait_bucket)", *histogram(**counts))
    assert answer == {"{job=a}": pytest.approx(value, nan_ok=True)}
