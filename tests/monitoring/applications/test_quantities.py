"""Amounts as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.quantities import parse_bandwidth, parse_storage, write_bandwidth, write_storage


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100 Mbit/s", 12_500_000),
        ("1 Gbps", 125_000_000),
        ("12.5 MB/s", 12_500_000),
        ("8 kbit/s", 1000),
        ("2,5 Gbit/s", 312_500_000),
    ],
)
def test_parse_bandwidth__amount__in_bytes_per_second(text: str, value: int) -> None:
    assert parse_bandwidth(text) == value


@pytest.mark.parametrize("text", ["", "fast", "100", "100 MB", "-5 Mbit/s", "0 Mbit/s", "1 2 Mbit/s"])
def test_parse_bandwidth__no_amount__is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="Mbit/s"):
        parse_bandwidth(text)


@pytest.mark.parametrize(("text", "value"), [("50 GB", 50 * 10**9), ("1.5 TiB", 1536 * 2**30), ("10 MiB", 10 * 2**20)])
def test_parse_storage__amount__in_bytes(text: str, value: int) -> None:
    assert parse_storage(text) == value


@pytest.mark.parametrize("text", ["", "50", "50 GB/s", "lots"])
def test_parse_storage__no_amount__is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="50 GB"):
        parse_storage(text)


@given(st.integers(min_value=1, max_value=10**15))
def test_write_bandwidth__any__is_read_back(value: int) -> None:
    assert parse_bandwidth(write_bandwidth(value)) == value


@given(st.integers(min_value=1, max_value=10**15))
def test_write_storage__any__is_read_back(value: int) -> None:
    assert parse_storage(write_storage(value)) == value
