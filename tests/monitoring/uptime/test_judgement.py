"""What results mean: retries, maintenance, the beat of looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.uptime.enums import TRANSITIONS, CheckState
from monitoring.uptime.judgement import (
    RETRY_SECONDS,
    Finding,
    Standing,
    Verdict,
    find_due_after_start,
    find_heartbeat_due,
    find_next_due,
    judge,
)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UP, DOWN = Finding(True, "Answered 200."), Finding(False, "The connection is refused.")


def after(findings: list[Finding], *, retries: int, seconds: int = 60) -> list[Verdict]:
    """Judge findings one after the other."""
    standing, verdicts = Standing(CheckState.NEW), []
    for number, finding in enumerate(findings):
        now = NOW + timedelta(seconds=seconds * number)
        verdict = judge(standing, finding, retries=retries, in_maintenance=False, now=now)
        standing = Standing(verdict.state, verdict.failures, verdict.failing_since)
        verdicts.append(verdict)
    return verdicts


def test_judge__failures_within_the_retries__pending_then_down_since_the_first() -> None:
    verdicts = after([UP, DOWN, DOWN, DOWN, UP], retries=1)

    assert [each.state for each in verdicts] == ["up", "pending", "down", "down", "up"]
    assert verdicts[2].began_at == NOW + timedelta(seconds=60)
    assert verdicts[3].failures == 3
    assert (verdicts[4].failures, verdicts[4].failing_since) == (0, None)


def test_judge__no_retries__down_at_once() -> None:
    assert [each.state for each in after([DOWN], retries=0)] == ["down"]


@pytest.mark.parametrize(
    ("state", "finding", "expected"),
    [
        (CheckState.UP, DOWN, CheckState.MAINTENANCE),
        (CheckState.UP, UP, CheckState.MAINTENANCE),
        (CheckState.PENDING, DOWN, CheckState.MAINTENANCE),
        (CheckState.DOWN, DOWN, CheckState.DOWN),
        (CheckState.DOWN, UP, CheckState.MAINTENANCE),
    ],
)
def test_judge__in_maintenance__only_an_outage_from_before_stays(
    state: CheckState, finding: Finding, expected: CheckState
) -> None:
    assert judge(Standing(state), finding, retries=0, in_maintenance=True, now=NOW).state is expected


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(0, 4))
def test_judge__any_findings__down_exactly_after_more_failures_in_a_row_than_retries(
    ups: list[bool], retries: int
) -> None:
    failures, is_down = 0, False
    for is_up, verdict in zip(ups, after([UP if up else DOWN for up in ups], retries=retries), strict=True):
        failures = 0 if is_up else failures + 1
        is_down = not is_up and (is_down or failures > retries)
        expected = CheckState.UP if is_up else CheckState.DOWN if is_down else CheckState.PENDING
        assert (verdict.state, verdict.failures) == (expected, failures)


@given(
    st.sampled_from([CheckState.NEW, CheckState.UP, CheckState.PENDING, CheckState.DOWN]),
    st.booleans(),
    st.integers(0, 3),
    st.booleans(),
)
def test_judge__anything__goes_a_way_that_the_table_knows(
    state: CheckState, is_up: bool, retries: int, in_maintenance: bool
) -> None:
    finding = UP if is_up else DOWN
    found = judge(Standing(state), finding, retries=retries, in_maintenance=in_maintenance, now=NOW).state
    assert found is state or found in TRANSITIONS[state]


@given(st.integers(10, 100_000), st.floats(0, 1e7))
def test_next_due__however_late__on_the_beat_and_ahead(interval: int, late: float) -> None:
    now = NOW + timedelta(seconds=late)
    due = find_next_due(due_at=NOW, state=CheckState.UP, interval_seconds=interval, now=now)

    assert now < due <= now + timedelta(seconds=interval)
    assert (due - NOW) % timedelta(seconds=interval) == timedelta()


@pytest.mark.parametrize(("interval", "expected"), [(60, RETRY_SECONDS), (10, 10)])
def test_next_due__while_failing__sooner(interval: int, expected: int) -> None:
    due = find_next_due(due_at=NOW, state=CheckState.PENDING, interval_seconds=interval, now=NOW)

    assert due == NOW + timedelta(seconds=expected)


def test_heartbeat_due__after_a_ping__interval_and_grace_later() -> None:
    assert find_heartbeat_due(last_ping_at=NOW, interval_seconds=60, grace_seconds=30) == NOW + timedelta(seconds=90)


def test_due_after_start__grace_runs_from_the_start__but_never_later_than_before() -> None:
    soon, late = NOW + timedelta(seconds=5), NOW + timedelta(days=1)

    assert find_due_after_start(due_at=soon, grace_seconds=60, now=NOW) == soon
    assert find_due_after_start(due_at=late, grace_seconds=60, now=NOW) == NOW + timedelta(seconds=60)
    assert find_due_after_start(due_at=None, grace_seconds=60, now=NOW) == NOW + timedelta(seconds=60)
