from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.promql import InstantVector, RangeElement, RangeMatrix, Scalar, String, to_prometheus_json
from monitoring.metrics.promql.values import format_float, format_plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.5, "0.5"),
        (-0.0, "-0"),
        (0.0, "0"),
        (1e6, "1000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-6, "0.000001"),
        (9.9e-7, "9.9e-07"),
        (-1e-10, "-1e-10"),
        (5e-324, "5e-324"),
        (1 / 3, "0.3333333333333333"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_format_float__value__is_printed_as_prometheus_does(value: float, text: str) -> None:
    assert format_float(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_format__any_number__reads_back_the_same(value: float) -> None:
    assert float(format_float(value)) == value
    assert float(format_plain(value)) == value
    assert "e" not in format_plain(value)


def test_to_prometheus_json__each_kind_of_value__has_its_shape() -> None:
    series = RangeElement({"job": "a"}, np.array([1000, 1500]), np.array([1.0, math.nan]))
    assert to_prometheus_json(Scalar(1500, 1e-9)) == {"resultType": "scalar", "result": [1.5, "0.000000001"]}
    assert to_prometheus_json(String(2000, "x")) == {"resultType": "string", "result": [2, "x"]}
    assert to_prometheus_json(InstantVector(2000, [({"job": "a"}, 1e-9)])) == {
        "resultType": "vector",
        "result": [{"metric": {"job": "a"}, "value": [2, "1e-09"]}],
    }
    assert to_prometheus_json(RangeMatrix([series])) == {
        "resultType": "matrix",
        "result": [{"metric": {"job": "a"}, "values": [[1, "1"], [1.5, "NaN"]]}],
    }
