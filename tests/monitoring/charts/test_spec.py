"""What a chart shows."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.charts.spec import (
    MAX_POINTS,
    Chart,
    Line,
    Threshold,
    choose_step,
    fill_window,
    find_shared_labels,
    name_series,
    parse_duration,
    parse_thresholds,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("6h", 21_600), ("7d", 604_800), ("1h30m", 5400), ("2w", 1_209_600)]
)
def test_parse_duration__length__in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "5", "5 m", "1y", "-1h", "1h!"])
def test_parse_duration__no_length__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("value", "thresholds"),
    [
        (None, ()),
        ("", ()),
        (5, (Threshold(5.0),)),
        ("0.8:watch,0.95:bad", (Threshold(0.8, "watch"), Threshold(0.95, "bad"))),
        ("3", (Threshold(3.0, "bad"),)),
        ([Threshold(1)], (Threshold(1),)),
        (Threshold(2), (Threshold(2),)),
    ],
)
def test_parse_thresholds__any_form__are_thresholds(value: object, thresholds: tuple[Threshold, ...]) -> None:
    assert parse_thresholds(value) == thresholds


@given(st.floats(min_value=1, max_value=1e8), st.integers(min_value=0, max_value=10_000))
def test_choose_step__any_stretch__gives_no_more_points_than_fit(span: float, width: int) -> None:
    step = choose_step(span, width)

    assert step >= 10
    assert span / step <= MAX_POINTS + 1


def test_choose_step__an_hour_on_a_phone__is_half_a_minute() -> None:
    assert choose_step(3600, 360) == 30


@pytest.mark.parametrize(("step", "window"), [(10, "60s"), (300, "300s")])
def test_fill_window__step__is_at_least_a_minute(step: int, window: str) -> None:
    assert fill_window("rate(x[$window])", step) == f"rate(x[{window}])"


@pytest.mark.parametrize(
    ("labels", "legend", "name"),
    [
        ({"__name__": "up", "host": "a"}, "", "up host=a"),
        ({"__name__": "up", "host": "a"}, "{host}", "a"),
        ({"host": "a"}, "{device}", "value"),
        ({}, "", "value"),
        ({"device": "sda", "direction": "read"}, "{device} {direction}", "sda read"),
    ],
)
def test_name_series__labels_and_legend__give_a_name(labels: dict[str, str], legend: str, name: str) -> None:
    assert name_series(labels, legend) == name


def test_name_series__labels_that_all_share__are_left_out() -> None:
    series = [{"__name__": "up", "host": "a", "job": "x"}, {"__name__": "up", "host": "b", "job": "x"}]
    shared = find_shared_labels(series)

    assert [name_series(labels, "", shared=shared) for labels in series] == ["host=a", "host=b"]


def test_chart__unknown_unit__is_refused() -> None:
    with pytest.raises(ValueError, match="furlongs"):
        Chart("x", (Line("up"),), unit="furlongs")


def test_chart__as_json__holds_everything_the_browser_needs() -> None:
    chart = json.loads(
        Chart("CPU", (Line("cpu", "{host}"),), unit="ratio", thresholds=(Threshold(0.8, "watch"),)).as_json()
    )

    assert chart["lines"] == [{"query": "cpu", "legend": "{host}"}]
    assert chart["thresholds"] == [{"value": 0.8, "state": "watch", "label": ""}]
    assert chart["end"] is None
