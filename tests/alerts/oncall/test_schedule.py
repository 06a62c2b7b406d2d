"""Layers, overrides and swaps together: tables of cases, what always holds, and a naive stepper that must agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.oncall.rotations import People, Restriction, Rotation, Span
from alerts.oncall.schedule import (
    HANDOFF_HORIZON,
    Handoff,
    Override,
    Schedule,
    Shift,
    find_next_handoff,
    find_on_call,
    list_gaps,
    list_shifts,
)
from tests.support.on_call import (
    ANNA,
    BEN,
    CARLA,
    DAVID,
    EVERY_DAY,
    STEP,
    WEEKDAYS,
    Watcher,
    instants,
    make_layer,
    make_schedule,
    overrides,
    schedules,
    take_over,
    utc,
    wall,
)

DAY = timedelta(days=1)
ALWAYS = make_layer(zone="UTC", starts_at=wall(2026, 1, 1), participants=((ANNA,),))
OFFICE = make_layer(
    layer_id=2, zone="UTC", participants=((BEN,),), restrictions=(Restriction(WEEKDAYS, time(9), time(17)),)
)


def test_list_shifts__a_higher_layer__wins_where_it_has_somebody() -> None:
    shifts = list_shifts(make_schedule(ALWAYS, OFFICE), utc(2026, 2, 2), utc(2026, 2, 3))

    assert shifts == [
        Shift(utc(2026, 2, 2), utc(2026, 2, 2, 9), (ANNA,), 1),
        Shift(utc(2026, 2, 2, 9), utc(2026, 2, 2, 17), (BEN,), 2),
        Shift(utc(2026, 2, 2, 17), utc(2026, 2, 3), (ANNA,), 1),
    ]


def test_list_shifts__turns_of_the_same_people__are_one_shift() -> None:
    shifts = list_shifts(make_schedule(ALWAYS), utc(2026, 2, 1), utc(2026, 5, 1))

    assert shifts == [Shift(utc(2026, 2, 1), utc(2026, 5, 1), (ANNA,), 1)]


def test_list_shifts__an_override__takes_all_of_its_time_and_fills_gaps() -> None:
    override = Override(7, utc(2026, 2, 2, 16), utc(2026, 2, 2, 20), (CARLA,))

    shifts = list_shifts(make_schedule(OFFICE, overrides=(override,)), utc(2026, 2, 2), utc(2026, 2, 3))

    assert shifts == [
        Shift(utc(2026, 2, 2, 9), utc(2026, 2, 2, 16), (BEN,), 2),
        Shift(utc(2026, 2, 2, 16), utc(2026, 2, 2, 20), (CARLA,), None, 7),
    ]


def test_list_shifts__a_swap__takes_only_the_shifts_of_that_person() -> None:
    swap = Override(7, utc(2026, 2, 2, 16), utc(2026, 2, 2, 20), (CARLA,), replaces=BEN)

    shifts = list_shifts(make_schedule(ALWAYS, OFFICE, overrides=(swap,)), utc(2026, 2, 2, 12), utc(2026, 2, 3))

    assert shifts == [
        Shift(utc(2026, 2, 2, 12), utc(2026, 2, 2, 16), (BEN,), 2),
        Shift(utc(2026, 2, 2, 16), utc(2026, 2, 2, 17), (CARLA,), 2, 7),
        Shift(utc(2026, 2, 2, 17), utc(2026, 2, 3), (ANNA,), 1),
    ]


def test_find_on_call__a_swap_in_a_turn_of_two__the_other_stays() -> None:
    layer = make_layer(participants=((ANNA, BEN),))
    swap = Override(7, utc(2026, 2, 2), utc(2026, 2, 3), (CARLA,), replaces=ANNA)

    assert find_on_call(make_schedule(layer, overrides=(swap,)), utc(2026, 2, 2)) == (CARLA, BEN)


def test_find_on_call__a_swap_with_somebody_on_call_already__named_once() -> None:
    layer = make_layer(participants=((ANNA, BEN),))
    swap = Override(7, utc(2026, 2, 2), utc(2026, 2, 3), (BEN,), replaces=ANNA)

    assert find_on_call(make_schedule(layer, overrides=(swap,)), utc(2026, 2, 2)) == (BEN,)


def test_find_on_call__overrides_at_the_same_time__the_later_sees_what_the_earlier_left() -> None:
    day = (utc(2026, 2, 2), utc(2026, 2, 3))
    first, second = Override(1, *day, (BEN,), replaces=ANNA), Override(2, *day, (CARLA,), replaces=BEN)

    assert find_on_call(make_schedule(ALWAYS, overrides=(first, second)), utc(2026, 2, 2)) == (CARLA,)
    assert find_on_call(make_schedule(ALWAYS, overrides=(second, first)), utc(2026, 2, 2)) == (BEN,)


def test_list_gaps__office_hours__nights_and_weekends() -> None:
    assert list_gaps(make_schedule(OFFICE), utc(2026, 2, 6), utc(2026, 2, 9, 12)) == [
        Span(utc(2026, 2, 6), utc(2026, 2, 6, 9)),
        Span(utc(2026, 2, 6, 17), utc(2026, 2, 9, 9)),
    ]


def test_list_gaps__no_layers__the_whole_time() -> None:
    assert list_gaps(Schedule(), utc(2026, 2, 6), utc(2026, 2, 9)) == [Span(utc(2026, 2, 6), utc(2026, 2, 9))]


def test_list_shifts__a_time_of_no_length__nothing() -> None:
    assert list_shifts(make_schedule(ALWAYS), utc(2026, 2, 6), utc(2026, 2, 6)) == []


def test_list_shifts__times_of_another_zone__shifts_in_utc() -> None:
    zone = timezone(timedelta(hours=2))
    start = datetime(2026, 2, 2, 2, tzinfo=zone)

    shifts = list_shifts(make_schedule(ALWAYS), start, start + DAY)

    assert [shift.start.isoformat() for shift in shifts] == ["2026-02-02T00:00:00+00:00"]


def test_find_on_call__a_time_without_zone__refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        find_on_call(make_schedule(), wall(2026, 2, 2))


def test_find_next_handoff__people_change__when_and_to_whom() -> None:
    assert find_next_handoff(make_schedule(), utc(2026, 1, 5, 12)) == Handoff(utc(2026, 1, 6, 8), (ANNA,), (BEN,))


def test_find_next_handoff__the_end_of_a_shift_with_nobody_after__to_nobody() -> None:
    assert find_next_handoff(make_schedule(OFFICE), utc(2026, 2, 6, 12)) == Handoff(utc(2026, 2, 6, 17), (BEN,), ())


def test_find_next_handoff__nobody_yet__the_first_shift() -> None:
    assert find_next_handoff(make_schedule(OFFICE), utc(2025, 12, 1)) == Handoff(utc(2026, 1, 5, 9), (), (BEN,))


def test_find_next_handoff__another_layer_with_the_same_people__none() -> None:
    office = make_layer(zone="UTC", participants=((ANNA,),), restrictions=OFFICE.restrictions)

    assert find_next_handoff(make_schedule(ALWAYS, office), utc(2026, 2, 2)) is None


def test_list_shifts__a_year_of_five_layers__every_hour_once() -> None:
    night = (Restriction(EVERY_DAY, time(20), time(8)),)
    hourly = [
        make_layer(
            layer_id=number,
            rotation=Rotation.HOURLY,
            restrictions=night if number else (),
            participants=((ANNA,), (BEN,), (CARLA,)),
        )
        for number in range(5)
    ]
    swaps = tuple(
        Override(day, utc(2026, 1, 6) + day * DAY, utc(2026, 1, 7) + day * DAY, (DAVID,), ANNA) for day in range(300)
    )

    shifts = list_shifts(make_schedule(*hourly, overrides=swaps), utc(2026, 1, 6), utc(2027, 1, 6))

    assert len(shifts) == 365 * 24


@given(schedule=schedules(), start=instants(), days=st.integers(1, 20), data=st.data())
def test_list_shifts__any_schedule__agrees_with_find_on_call(
    schedule: Schedule, start: datetime, days: int, data: st.DataObject
) -> None:
    shifts = list_shifts(schedule, start, start + days * DAY)
    at = start + timedelta(seconds=data.draw(st.integers(0, days * 86_400 - 1)))

    assert next((shift.people for shift in shifts if shift.start <= at < shift.end), ()) == find_on_call(schedule, at)


@given(schedule=schedules(), start=instants(), days=st.integers(1, 20))
def test_shifts_and_gaps__any_schedule__tile_the_time(schedule: Schedule, start: datetime, days: int) -> None:
    end = start + days * DAY
    shifts = list_shifts(schedule, start, end)

    pieces = sorted([*list_gaps(schedule, start, end), *(Span(each.start, each.end) for each in shifts)])

    assert [start, *(piece.end for piece in pieces)] == [*(piece.start for piece in pieces), end]
    assert all(piece.start < piece.end for piece in pieces)
    assert all(shift.people for shift in shifts)


@given(schedule=schedules(), start=instants(), days=st.integers(1, 20))
def test_list_shifts__any_schedule__neighbours_differ(schedule: Schedule, start: datetime, days: int) -> None:
    shifts = list_shifts(schedule, start, start + days * DAY)

    assert all(
        before.end < after.start
        or (before.people, before.layer_id, before.override_id) != (after.people, after.layer_id, after.override_id)
        for before, after in pairwise(shifts)
    )


@given(
    schedule=schedules(),
    swap=overrides().filter(lambda each: each.replaces is not None),
    at=instants(),
)
def test_a_swap__any_schedule__never_changes_the_shifts_of_others(
    schedule: Schedule, swap: Override, at: datetime
) -> None:
    before = find_on_call(schedule, at)
    after = find_on_call(Schedule(schedule.layers, (*schedule.overrides, swap)), at)

    if swap.replaces in before and swap.starts_at <= at < swap.ends_at:
        assert set(after) == set(before) - {swap.replaces} | set(swap.people)
    else:
        assert after == before


@given(schedule=schedules(), after=instants())
def test_find_next_handoff__any_schedule__the_first_instant_with_others(schedule: Schedule, after: datetime) -> None:
    people = find_on_call(schedule, after)
    handoff = find_next_handoff(schedule, after)
    until = after + HANDOFF_HORIZON if handoff is None else handoff.at

    assert all(shift.people == people for shift in list_shifts(schedule, after, until))
    assert not people or not list_gaps(schedule, after, until)
    assert handoff is None or find_on_call(schedule, handoff.at) == handoff.after != handoff.before == people


@settings(max_examples=60, deadline=None)
@given(schedule=schedules(), start=instants())
def test_list_shifts__any_schedule__a_naive_stepper_agrees(schedule: Schedule, start: datetime) -> None:
    end = start + 6 * DAY
    expected = [people for at, people in step_through(schedule, end) if at >= start]

    shifts = list_shifts(schedule, start, end)

    assert [
        next((shift.people for shift in shifts if shift.start <= at < shift.end), ())
        for at in (start + number * STEP for number in range(6 * 96))
    ] == expected


def step_through(schedule: Schedule, end: datetime) -> Iterator[tuple[datetime, People]]:
    """Watch the wall clocks, 15 minutes by 15 minutes from long before the first layer, and say who is on call."""
    watchers = [Watcher(layer) for layer in reversed(schedule.layers)]
    at = utc(2026, 2, 1)
    while at < end:
        seen = [watcher.look(at) for watcher in watchers]
        people: People = next((each for each in seen if each), ())
        for override in schedule.overrides:
            if override.starts_at <= at < override.ends_at:
                people = take_over(people, override.people, override.replaces)
        yield at, people
        at += STEP
