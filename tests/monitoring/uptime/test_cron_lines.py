"""Cron lines of heartbeats, on the clock of their zone."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.uptime.cron_lines import check_cron_line, find_next_time, list_cron_times
from monitoring.uptime.enums import CheckState, Ping
from monitoring.uptime.judgement import find_heartbeat_due
from monitoring.uptime.models import Check
from monitoring.uptime.services.pings import note_ping
from tests.support.metrics import NOW
from tests.support.uptime import make_check

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("0 3 * * *", "2026-07-01T00:00", "2026-07-01T01:00"),
        ("0 3 * * *", "2026-12-01T00:00", "2026-12-01T02:00"),
        # The clock jumps from 2:00 to 3:00 on 2026-03-29: what is due at 2:30 runs at 3:00.
        ("30 2 * * *", "2026-03-28T12:00", "2026-03-29T01:00"),
        # It goes back from 3:00 to 2:00 on 2026-10-25: what is due at 2:30 runs once.
        ("30 2 * * *", "2026-10-24T12:00", "2026-10-25T00:30"),
        ("30 2 * * *", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("@daily", "2026-07-01T12:00", "2026-07-01T22:00"),
        ("*/15 8-18 * * 1-5", "2026-11-27T17:50", "2026-11-30T07:00"),
    ],
)
def test_find_next_time__in_berlin__is_what_its_clock_says(line: str, after: str, expected: str) -> None:
    assert find_next_time(line, BERLIN, after=at(after)) == at(expected)


@pytest.mark.parametrize("line", ["", "every night", "* * * *", "61 * * * *", "0 0 31 2 *", "x" * 201, "* * * * * *"])
def test_check_cron_line__none__is_refused_with_an_example(line: str) -> None:
    with pytest.raises(ValueError, match=r"Write it like|No day of the calendar|more than 200"):
        check_cron_line(line, BERLIN)


def test_check_cron_line__unknown_zone__is_refused() -> None:
    with pytest.raises(ValueError, match="Europe/Berlin"):
        check_cron_line("0 3 * * *", "Mars/Olympus")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), st.integers(0, 23), st.integers(0, 59))  # noqa: DTZ001  (made aware below)
def test_list_cron_times__once_a_day__comes_once_every_local_day(moment: datetime, hour: int, minute: int) -> None:
    times = list_cron_times(f"{minute} {hour} * * *", BERLIN, after=moment.replace(tzinfo=UTC), count=4)
    days = [time.astimezone(ZoneInfo(BERLIN)).date() for time in times]
    assert [later - earlier for earlier, later in itertools.pairwise(days)] == [timedelta(days=1)] * 3


def test_find_heartbeat_due__with_a_line__is_grace_after_its_next_time() -> None:
    due = find_heartbeat_due(
        last_ping_at=at("2026-07-01T01:00"),
        interval_seconds=60,
        grace_seconds=600,
        schedule="0 3 * * *",
        time_zone=BERLIN,
    )
    assert due == at("2026-07-02T01:10")


@pytest.mark.django_db
def test_note_ping__of_a_nightly_job__is_expected_the_next_night() -> None:
    check = make_check(kind="heartbeat", address="", schedule="0 3 * * *", time_zone="UTC", grace_seconds=300)
    note_ping(ping_key=check.ping_key, ping=Ping.SUCCESS, now=NOW)
    check.refresh_from_db()
    assert check.state == CheckState.UP
    assert check.due_at == find_next_time("0 3 * * *", "UTC", after=NOW) + timedelta(minutes=5)


@pytest.mark.django_db
def test_note_ping__start_of_a_job_that_may_run_long__waits_so_long() -> None:
    check = make_check(kind="heartbeat", address="", interval_seconds=3600, grace_seconds=60, max_runtime_seconds=7200)
    note_ping(ping_key=check.ping_key, ping=Ping.START, now=NOW)
    assert Check.objects.get().due_at == NOW + timedelta(hours=2)
    note_ping(ping_key=check.ping_key, ping=Ping.START, now=NOW + timedelta(hours=1))
    assert Check.objects.get().due_at == NOW + timedelta(hours=2)
