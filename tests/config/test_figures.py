"""Numbers and times for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.figures import write_ago, write_value

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "number", "0"),
        (12_400, "number", "12.4 k"),
        (999, "number", "999"),
        (2_000_000, "number", "2 M"),
        (0.425, "ratio", "42.5 %"),
        (1, "ratio", "100 %"),
        (1536, "bytes", "1.5 KiB"),
        (0, "bytes", "0 B"),
        (12_500_000, "bytes_per_second", "11.9 MiB/s"),
        (0.012, "seconds", "12 ms"),
        (0.0000031, "seconds", "3.1 µs"),
        (90, "seconds", "90 s"),
        (5400, "seconds", "90 min"),
        (1234, "per_second", "1.23 k/s"),
        (0.0004, "number", "0.0004"),
        (None, "ratio", "–"),
        (float("nan"), "bytes", "–"),
        (float("inf"), "seconds", "–"),
        (-2048, "bytes", "-2 KiB"),
    ],
)
def test_write_value__unit__reads_well(value: float | None, unit: str, text: str) -> None:
    assert write_value(value, unit) == text


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(["number", "ratio", "bytes", "seconds"]))
def test_write_value__any_number__is_short(value: float, unit: str) -> None:
    text = write_value(value, unit)

    assert text
    assert len(text) <= 16 or abs(value) > 1e11


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2, "just now"),
        (-2, "just now"),
        (59, "59 sec. ago"),
        (61, "1 min. ago"),
        (7300, "2 hr. ago"),
        (86_400, "1 day ago"),
        (3 * 86_400, "3 days ago"),
        (-90, "in 1 min."),
    ],
)
def test_write_ago__distance__is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    assert write_ago(NOW - timedelta(seconds=seconds), now=NOW) == text
