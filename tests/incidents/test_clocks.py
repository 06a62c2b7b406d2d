"""Clocks of incidents: levels and their times, warnings, marks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.clocks import Clock, ClockKind, Mark, find_deadlines, find_lead, find_mark, find_next_look, read_clock
from incidents.enums import OPEN_STATUSES, TRANSITIONS, IncidentLevel, IncidentStatus
from incidents.levels import REQUIREMENTS, is_worse, judge_severity

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RESPOND = Clock(ClockKind.RESPOND, timedelta(minutes=30), NOON + timedelta(minutes=30))


@pytest.mark.parametrize(
    ("level", "respond", "resolve"),
    [
        ("P1", timedelta(minutes=15), timedelta(hours=4)),
        ("P2", timedelta(minutes=30), timedelta(hours=8)),
        ("P3", timedelta(hours=2), timedelta(hours=24)),
        ("P4", timedelta(hours=24), timedelta(days=7)),
    ],
)
def test_deadlines__of_each_level__count_from_the_declaration(
    level: str, respond: timedelta, resolve: timedelta
) -> None:
    assert find_deadlines(level, declared_at=NOON, paused=timedelta(0)) == (NOON + respond, NOON + resolve)


def test_deadlines__reopened__only_the_one_to_resolve_moves() -> None:
    pause = timedelta(hours=3)
    assert find_deadlines("P1", declared_at=NOON, paused=pause) == (
        NOON + timedelta(minutes=15),
        NOON + timedelta(hours=7),
    )


def test_levels__requirements__cover_every_level_worst_first() -> None:
    assert list(REQUIREMENTS) == IncidentLevel.values
    assert is_worse("P1", "P2")
    assert not is_worse("P3", "P3")


@pytest.mark.parametrize(("severity", "level"), [("critical", "P1"), ("warning", "P3"), ("info", "P4")])
def test_severity__of_an_alert__gives_a_level_and_says_why(severity: str, level: str) -> None:
    assert judge_severity(severity)[0] == level
    assert judge_severity(severity)[1]


@pytest.mark.parametrize(
    ("minutes", "lead"),
    [
        (15, 7.5),  # half of it
        (30, 15),
        (240, 24),  # a tenth
        (24 * 60, 144),
        (7 * 24 * 60, 1008),
    ],
)
def test_warning__by_the_time_allowed__tenth_or_quarter_hour_but_never_in_the_first_half(
    minutes: float, lead: float
) -> None:
    assert find_lead(timedelta(minutes=minutes)) == timedelta(minutes=lead)


@pytest.mark.parametrize(
    ("clock", "at", "mark"),
    [
        (RESPOND, RESPOND.warns_at - SECOND, None),
        (RESPOND, RESPOND.warns_at, Mark.WARNED),
        (replace(RESPOND, warned_at=NOON), RESPOND.warns_at, None),
        (RESPOND, RESPOND.due_at, Mark.BREACHED),
        (replace(RESPOND, warned_at=NOON), RESPOND.due_at, Mark.BREACHED),
        (replace(RESPOND, breached_at=NOON), RESPOND.due_at, None),
        (replace(RESPOND, stopped_at=NOON), RESPOND.due_at, None),
    ],
)
def test_mark__of_a_clock__each_once_while_it_runs(clock: Clock, at: datetime, mark: Mark | None) -> None:
    assert find_mark(clock, now=at) == mark


@pytest.mark.parametrize(
    ("clock", "at", "tone", "words"),
    [
        (RESPOND, NOON, "info", "30 min left"),
        (RESPOND, RESPOND.warns_at, "watch", "15 min left"),
        (RESPOND, RESPOND.due_at + timedelta(minutes=20), "bad", "overdue by 20 min"),
        (replace(RESPOND, stopped_at=NOON), RESPOND.due_at, "well", "in time, 30 min to spare"),
        (replace(RESPOND, stopped_at=RESPOND.due_at + timedelta(hours=1)), NOON, "bad", "1 h too late"),
    ],
)
def test_reading__of_a_clock__says_what_is_left_or_how_it_was_kept(
    clock: Clock, at: datetime, tone: str, words: str
) -> None:
    reading = read_clock(clock, now=at)
    assert (reading.tone, reading.words) == (tone, words)


@given(st.integers(1, 10_000_000), st.lists(st.integers(0, 12_000_000), max_size=20))
def test_clock__looked_at_at_any_times__is_warned_and_breached_at_most_once_and_never_later_than_asked(
    seconds: int, looks: list[int]
) -> None:
    allowed = timedelta(seconds=seconds)
    clock, marks = Clock(ClockKind.RESOLVE, allowed, NOON + allowed), []
    for look in sorted(looks):
        now, asked = NOON + timedelta(seconds=look), find_next_look([clock])
        mark = find_mark(clock, now=now)
        assert (mark is not None) == (asked is not None and asked <= now)
        if mark is not None:
            marks.append(mark)
            clock = replace(clock, **{f"{mark}_at": now})
    assert marks in ([], [Mark.WARNED], [Mark.BREACHED], [Mark.WARNED, Mark.BREACHED])


def test_transitions__of_every_status__lead_to_the_end_and_open_ones_can_be_resolved() -> None:
    assert set(TRANSITIONS) == set(IncidentStatus)
    assert all(IncidentStatus.RESOLVED in TRANSITIONS[status] for status in OPEN_STATUSES)
    assert TRANSITIONS[IncidentStatus.CLOSED] == frozenset()
