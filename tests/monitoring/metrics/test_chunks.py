"""Chunks give back every bit they were given."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.metrics.chunks import decode_points, encode_points

ANY_BITS = st.integers(-(2**63), 2**63 - 1)
SHORT_DECIMALS = st.integers(-(10**9), 10**9).map(lambda number: number / 100)
TIMES = st.lists(st.integers(0, 2**45), min_size=1, max_size=120, unique=True).map(sorted)


def assert_same(times: np.ndarray, bits: np.ndarray) -> None:
    back_times, back_values = decode_points(encode_points(times, bits.view(np.float64)))
    assert back_times.tolist() == times.tolist()
    assert back_values.view(np.int64).tolist() == bits.tolist()


@given(TIMES, st.data())
def test_chunk__any_bits__return(times: list[int], data: st.DataObject) -> None:
    bits = data.draw(st.lists(ANY_BITS, min_size=len(times), max_size=len(times)))
    assert_same(np.array(times, np.int64), np.array(bits, np.int64))


@given(st.lists(SHORT_DECIMALS | st.sampled_from([0.0, -0.0, float("inf"), float("nan"), 1e300]), min_size=1))
def test_chunk__short_decimals_and_oddities__return(values: list[float]) -> None:
    times = np.arange(len(values), dtype=np.int64) * 15_000 + 1_700_000_000_000
    assert_same(times, np.array(values, np.float64).view(np.int64))


def test_chunk__steady_noise__takes_about_its_entropy() -> None:
    times = np.arange(480, dtype=np.int64) * 15_000 + 1_700_000_000_000
    noise = np.random.default_rng(1).random(480)
    assert len(encode_points(times, noise)) / 480 < 7.5
    assert len(encode_points(times, np.round(noise * 100, 2))) / 480 < 2.5
    assert len(encode_points(times, np.cumsum(np.ones(480)))) < 80


@pytest.mark.parametrize("cut", [0, 10, 40])
def test_decode_points__cut_short__raises_value_error(cut: int) -> None:
    data = encode_points(np.arange(100), np.random.default_rng(1).random(100))
    with pytest.raises(ValueError):
        decode_points(data[:cut])


def test_encode_points__nothing__raises_value_error() -> None:
    with pytest.raises(ValueError):
        encode_points(np.empty(0, np.int64), np.empty(0))
