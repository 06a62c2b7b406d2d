"""Rate limits and quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channel_limits import QuietHours, RateLimit, find_errors, find_quiet_end, judge_message

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(7), "Europe/Berlin")
MONDAY = datetime(2026, 3, 2, 12, tzinfo=BERLIN)


def at(days: int, hour: int, minute: int = 0) -> datetime:
    return (MONDAY + timedelta(days=days)).replace(hour=hour, minute=minute).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (at(0, 21, 59), None),
        (at(0, 22), at(1, 7)),
        (at(1, 6, 59), at(1, 7)),
        (at(1, 7), None),
    ],
)
def test_quiet__over_midnight__until_the_morning(moment: datetime, end: datetime | None) -> None:
    assert find_quiet_end(NIGHT, moment) == end


def test_quiet__days_that_follow_each_other__are_one() -> None:
    weekend = QuietHours(time(0), time(0), "Europe/Berlin", weekdays=(5, 6))
    assert find_quiet_end(weekend, at(5, 3)) == at(7, 0)
    assert find_quiet_end(weekend, at(4, 23, 59)) is None


def test_quiet__clock_goes_forward__ends_at_seven_all_the_same() -> None:
    before = datetime(2026, 3, 28, 23, tzinfo=BERLIN).astimezone(UTC)
    end = find_quiet_end(NIGHT, before)
    assert end is not None
    assert end.astimezone(BERLIN).hour == 7
    assert end - before == timedelta(hours=7)


def test_quiet__its_beginning_is_jumped_over__begins_when_the_clock_has_jumped() -> None:
    night = QuietHours(time(2, 30), time(5), "Europe/Berlin")
    assert find_quiet_end(night, datetime(2026, 3, 29, 1, tzinfo=UTC)) == datetime(2026, 3, 29, 3, tzinfo=UTC)
    assert find_quiet_end(night, datetime(2026, 3, 29, 0, 59, tzinfo=UTC)) is None


@given(
    start=st.times().map(lambda t: t.replace(tzinfo=None, microsecond=0)),
    end=st.times().map(lambda t: t.replace(tzinfo=None, microsecond=0)),
    days=st.sets(st.integers(0, 6)),
    now=st.integers(0, 10**8).map(lambda seconds: MONDAY + timedelta(seconds=seconds)),
)
def test_quiet__any_hours__their_end_is_to_come(start: time, end: time, days: set[int], now: datetime) -> None:
    found = find_quiet_end(QuietHours(start, end, "America/New_York", tuple(days)), now)
    assert found is None or found > now


@pytest.mark.parametrize(("severity", "held"), [("info", True), ("warning", True), ("critical", False)])
def test_judge__quiet_below_critical__critical_goes_out(severity: str, held: bool) -> None:
    found = judge_message(severity=severity, now=at(0, 23), quiet=NIGHT)
    assert (found is not None) == held
    if found:
        assert found.reason == "quiet hours until Tuesday, 07:00 (Europe/Berlin)"
        assert found.until == at(1, 7)


@pytest.mark.parametrize(
    ("severity", "with_critical", "held"),
    [("warning", False, True), ("critical", False, False), ("critical", True, True)],
)
def test_judge__limit_reached__holds(severity: str, with_critical: bool, held: bool) -> None:
    now = at(0, 12)
    sent = [now - timedelta(minutes=1), now - timedelta(minutes=9)]
    found = judge_message(severity=severity, now=now, limit=RateLimit(2, 10, with_critical), sent=sent)
    assert (found is not None) == held
    if found is not None:
        assert found.until == now + timedelta(minutes=1)


def test_judge__what_went_out_long_ago__does_not_count() -> None:
    now = at(0, 12)
    sent = [now - timedelta(minutes=1), now - timedelta(minutes=10)]
    assert judge_message(severity="warning", now=now, limit=RateLimit(2, 10), sent=sent) is None


def test_errors__half_filled_in__said_by_field() -> None:
    errors = find_errors(limit=(5, None), hours=(time(22), None), zone="Mars", weekdays=[7], below="bad")
    assert set(errors) == {"limit_minutes", "quiet_until", "quiet_zone", "quiet_weekdays", "quiet_below"}
