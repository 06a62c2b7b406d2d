"""Sketches against exact quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.sketch import Sketch, sketch_groups

# Beyond subnormal numbers, where floats themselves have no one per cent left.
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
QUANTILES = st.floats(0, 1)


def exact(values: list[float], q: float) -> tuple[float, float, float]:
    """Return the two neighbouring values and the weight of the upper one."""
    ordered = sorted(values)
    rank = q * (len(ordered) - 1)
    lower, upper = math.floor(rank), math.ceil(rank)
    return ordered[lower], ordered[upper], rank - lower


@given(st.lists(NUMBERS, min_size=1, max_size=80), QUANTILES)
def test_quantile__any_values__is_within_one_per_cent(values: list[float], q: float) -> None:
    low, high, weight = exact(values, q)
    wanted = low * (1 - weight) + high * weight
    allowed = 0.01 * (abs(low) * (1 - weight) + abs(high) * weight)
    assert abs(Sketch.of(values).quantile(q) - wanted) <= allowed * (1 + 1e-9)


@given(st.lists(st.lists(NUMBERS, max_size=30), max_size=6))
def test_merge__parts_in_any_grouping__equal_the_whole(parts: list[list[float]]) -> None:
    whole = Sketch.of([value for part in parts for value in part])
    merged = Sketch.merge(Sketch.of(part) for part in parts)
    assert merged.keys.tolist() == whole.keys.tolist()
    assert merged.counts.tolist() == whole.counts.tolist()


@given(st.lists(st.floats(), max_size=300))
def test_bytes__there_and_back__nothing_changes(values: list[float]) -> None:
    sketch = Sketch.of(values)
    back = Sketch.from_bytes(sketch.to_bytes())
    assert back.keys.tolist() == sketch.keys.tolist()
    assert back.counts.tolist() == sketch.counts.tolist()


@given(st.lists(st.lists(st.floats(), max_size=20), min_size=1, max_size=8))
def test_sketch_groups__many_at_once__equal_each_alone(groups: list[list[float]]) -> None:
    values = np.array([value for group in groups for value in group], np.float64)
    owners = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    for together, group in zip(sketch_groups(values, owners, len(groups)), groups, strict=True):
        alone = Sketch.of(group)
        assert together.keys.tolist() == alone.keys.tolist()
        assert together.counts.tolist() == alone.counts.tolist()


@given(st.lists(NUMBERS, min_size=1, max_size=50))
def test_centers__any_values__ascend_and_weigh_all(values: list[float]) -> None:
    centers, weights = Sketch.of(values).centers()
    assert (np.diff(centers) > 0).all()
    assert weights.sum() == len(values)


@pytest.mark.parametrize(
    ("values", "q", "wanted"),
    [([], 0.5, math.nan), ([1.0], -0.1, -math.inf), ([1.0], 1.1, math.inf), ([math.inf, -math.inf], 0.0, -math.inf)],
)
def test_quantile__at_the_edges__answers_as_prometheus(values: list[float], q: float, wanted: float) -> None:
    np.testing.assert_equal(Sketch.of(values).quantile(q), wanted)


@pytest.mark.parametrize("data", [b"", b"\x09" + bytes(20)])
def test_from_bytes__not_a_sketch__raises_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        Sketch.from_bytes(data)
