"""Availability and downtimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.uptime.availability import Change, list_downtimes, measure_availability
from monitoring.uptime.enums import CheckState

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """Return a time so many minutes after NOW."""
    return NOW + timedelta(minutes=minutes)


def test_availability__an_hour_down_of_a_day__as_a_share() -> None:
    changes = [
        Change(at(-3000), CheckState.UP),
        Change(at(-600), CheckState.PENDING),
        Change(at(-600), CheckState.DOWN, "refused"),
        Change(at(-540), CheckState.UP),
    ]
    found = measure_availability(changes, start=at(-1440), end=NOW)

    assert found.down_seconds == 3600
    assert found.ratio == pytest.approx(23 / 24)


@pytest.mark.parametrize("state", [CheckState.PAUSED, CheckState.MAINTENANCE, CheckState.NEW])
def test_availability__not_watched__counts_for_neither(state: CheckState) -> None:
    changes = [Change(at(-120), CheckState.UP), Change(at(-60), state)]
    found = measure_availability(changes, start=at(-120), end=NOW)

    assert (found.up_seconds, found.down_seconds, found.ratio) == (3600, 0, 1)


def test_availability__never_watched__is_not_known() -> None:
    assert measure_availability([], start=at(-60), end=NOW).ratio is None


def test_downtimes__over_and_going_on__newest_first_with_reasons() -> None:
    changes = [
        Change(at(0), CheckState.DOWN, "first"),
        Change(at(5), CheckState.UP),
        Change(at(10), CheckState.DOWN, "second"),
    ]
    second, first = list_downtimes(changes)

    assert (first.reason, first.lasted(now=at(60))) == ("first", timedelta(minutes=5))
    assert (second.reason, second.end, second.lasted(now=at(60))) == ("second", None, timedelta(minutes=50))


@given(
    st.lists(st.tuples(st.integers(-5000, 0), st.sampled_from(list(CheckState))), max_size=20),
    st.integers(1, 4000),
)
def test_availability__any_changes__agrees_with_counting_minutes(
    rows: list[tuple[int, CheckState]], window: int
) -> None:
    changes = [Change(at(minute), state) for minute, state in sorted(rows, key=lambda row: row[0])]
    found = measure_availability(changes, start=at(-window), end=NOW)

    up = down = 0
    for minute in range(-window, 0):
        state = next((each.state for each in reversed(changes) if each.at <= at(minute)), CheckState.NEW)
        up += state in {CheckState.UP, CheckState.PENDING}
        down += state is CheckState.DOWN
    assert (found.up_seconds, found.down_seconds) == (up * 60, down * 60)
