"""Steps of a policy: what is taken when, and what is refused before it is saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.escalation import (
    MAX_ROUNDS,
    Cursor,
    Step,
    StepKind,
    advance,
    find_errors,
    find_next_opening,
    is_within,
    read_steps,
    write_steps,
)

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def tell(target: int) -> Step:
    """Return a step that tells a channel."""
    return Step(StepKind.CHANNEL, targets=(target,))


def wait(minutes: float) -> Step:
    """Return a step that waits."""
    return Step(StepKind.WAIT, seconds=int(minutes * 60))


def play(steps: list[Step], *, hours: float, alerts: int = 1) -> list[tuple[float, int]]:
    """Return what is told when, in minutes, while nobody reacts."""
    told: list[tuple[float, int]] = []
    cursor, due = Cursor(), NOW
    while due <= NOW + timedelta(hours=hours):
        turn = advance(steps, cursor, now=due, count_since=lambda span: alerts)
        told += [((due - NOW) / timedelta(minutes=1), step.targets[0]) for step in turn.take if step.targets]
        if turn.due_at is None:
            break
        assert turn.due_at > due
        cursor, due = turn.cursor, turn.due_at
    return told


def test_advance__steps_with_waits__one_after_the_other() -> None:
    assert play([tell(1), tell(2), wait(10), tell(3), wait(5), tell(4)], hours=1) == [(0, 1), (0, 2), (10, 3), (15, 4)]


NIGHT = Step(StepKind.IF_TIME, start="02:30", end="05:00", zone=BERLIN)


def test_if_time__its_beginning_is_jumped_over__begins_when_the_clock_has_jumped() -> None:
    opening = find_next_opening(NIGHT, datetime(2026, 3, 29, 0, tzinfo=UTC))
    assert opening == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert is_within(NIGHT, opening)


def test_if_time__its_beginning_comes_twice__lasts_from_the_first_on() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert find_next_opening(NIGHT, datetime(2026, 10, 24, 12, tzinfo=UTC)) == first
    assert all(is_within(NIGHT, first + timedelta(minutes=minutes)) for minutes in range(210))


def test_if_time__one_day_a_week_jumped_over__the_week_after() -> None:
    step = Step(StepKind.IF_TIME, start="02:15", end="02:45", zone=BERLIN, weekdays=(6,))
    assert find_next_opening(step, datetime(2026, 3, 28, 12, tzinfo=UTC)) == datetime(2026, 4, 5, 0, 15, tzinfo=UTC)


def test_advance__repeat__from_the_beginning_so_many_times() -> None:
    steps = [tell(1), wait(5), Step(StepKind.REPEAT, count=2)]
    assert play(steps, hours=10) == [(0, 1), (5, 1), (10, 1)]


def test_advance__repeat_for_ever__ends_after_five() -> None:
    steps = [tell(1), wait(5), Step(StepKind.REPEAT, count=99)]
    assert len(play(steps, hours=100)) == MAX_ROUNDS + 1


def test_advance__repeat_without_a_wait__ends_all_the_same() -> None:
    turn = advance([tell(1), Step(StepKind.REPEAT, count=5)], Cursor(), now=NOW, count_since=lambda span: 1)
    assert len(turn.take) <= MAX_ROUNDS + 1


def test_advance__only_between__waits_for_the_morning() -> None:
    hours = Step(StepKind.IF_TIME, start="15:00", end="18:00", zone=BERLIN)
    assert play([tell(1), hours, tell(2)], hours=5) == [(0, 1), (120, 2)]


def test_advance__only_if_many__waits_until_there_are() -> None:
    steps = [Step(StepKind.IF_COUNT, count=3, seconds=600), tell(1)]
    assert play(steps, hours=1, alerts=3) == []
    assert play(steps, hours=1, alerts=4) == [(0, 1)]


def test_advance__looked_at_late__the_next_wait_is_whole() -> None:
    late = NOW + timedelta(hours=3)
    turn = advance([wait(5), tell(1), wait(5), tell(2)], Cursor(0, 0, waited=True), now=late, count_since=lambda s: 1)
    assert [step.targets for step in turn.take] == [(1,)]
    assert turn.due_at == late + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("at", "inside"),
    [("2026-03-09T22:30", True), ("2026-03-10T05:59", True), ("2026-03-10T06:00", False), ("2026-03-14T23:00", False)],
)
def test_is_within__over_midnight__belongs_to_the_day_it_began(at: str, inside: bool) -> None:
    night = Step(StepKind.IF_TIME, start="22:00", end="06:00", zone=BERLIN, weekdays=(0, 1, 2, 3, 4))
    assert is_within(night, datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(BERLIN))) is inside


@given(st.integers(0, 365 * 1440), st.sets(st.integers(0, 6), min_size=1))
def test_find_next_opening__any_moment__opens_in_the_future_and_at_its_hour(minutes: int, days: set[int]) -> None:
    step = Step(StepKind.IF_TIME, start="02:30", end="06:00", zone=BERLIN, weekdays=tuple(days))
    moment = NOW + timedelta(minutes=minutes)
    opening = find_next_opening(step, moment)
    assert moment < opening <= moment + timedelta(days=8)
    assert is_within(step, opening)


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([], "No step reaches anybody"),
        ([wait(5)], "No step reaches anybody"),
        ([Step(StepKind.CHANNEL)], "Step 1: choose whom it reaches."),
        ([tell(1), wait(0)], "Step 2: choose a wait"),
        ([tell(1), Step(StepKind.REPEAT, count=2)], "needs a wait"),
        ([tell(1), wait(1), Step(StepKind.REPEAT, count=9)], "repeat 1 to 5 times"),
        ([tell(1), wait(1), Step(StepKind.REPEAT, count=1), tell(2)], "has to be the last step"),
        ([tell(1), Step(StepKind.IF_TIME, start="8", end="18:00")], "write the hours like 08:00"),
        ([tell(1), Step(StepKind.IF_TIME, start="08:00", end="08:00")], "begin and end at the same time"),
        ([tell(1), Step(StepKind.IF_TIME, start="08:00", end="09:00", zone="Mars/X")], "is not a time zone"),
        ([tell(1), Step(StepKind.IF_COUNT, count=0, seconds=60)], "count at least one alert"),
        ([tell(1)] * 51, "50 steps at most"),
    ],
)
def test_find_errors__impossible_policy__says_why(steps: list[Step], wrong: str) -> None:
    assert any(wrong in error for error in find_errors(steps))


def test_find_errors__sound_policy__nothing() -> None:
    assert find_errors([tell(1), wait(10), tell(2), Step(StepKind.REPEAT, count=3)]) == []


STEPS = st.builds(
    Step,
    kind=st.sampled_from(StepKind),
    targets=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    seconds=st.integers(0, 900),
    count=st.integers(0, 6),
    start=st.just("08:00"),
    end=st.just("18:00"),
    weekdays=st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    zone=st.sampled_from(["UTC", BERLIN]),
)


@given(st.lists(STEPS, max_size=8))
def test_steps__written_and_read__the_same(steps: list[Step]) -> None:
    assert list(read_steps(write_steps(steps))) == steps


@given(st.lists(STEPS, max_size=8))
def test_advance__any_policy__comes_to_an_end(steps: list[Step]) -> None:
    cursor, due, looks = Cursor(), NOW, 0
    while looks < 500:
        turn = advance(steps, cursor, now=due, count_since=lambda span: 99)
        looks += 1
        if turn.due_at is None:
            return
        cursor, due = turn.cursor, turn.due_at
    raise AssertionError("it goes on for ever")
