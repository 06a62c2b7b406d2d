"""Turns of one layer: across changes of summer time, on restricted hours, and fair to everybody."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.oncall.rotations import (
    Duty,
    Layer,
    Restriction,
    Rotation,
    find_handoff,
    find_instant,
    find_people,
    find_turn_number,
    list_duties,
    list_turns,
)
from tests.support.on_call import (
    ANNA,
    BEN,
    BERLIN,
    CARLA,
    EVERY_DAY,
    KATHMANDU,
    LORD_HOWE,
    NEW_YORK,
    WEEKDAYS,
    ZONES,
    instants,
    layers,
    make_layer,
    utc,
    wall,
)

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "shown", "expected"),
    [
        (BERLIN, wall(2026, 1, 5, 9), utc(2026, 1, 5, 8)),
        (BERLIN, wall(2026, 3, 29, 2), utc(2026, 3, 29, 1)),
        (BERLIN, wall(2026, 3, 29, 2, 59), utc(2026, 3, 29, 1)),
        (BERLIN, wall(2026, 3, 29, 3), utc(2026, 3, 29, 1)),
        (BERLIN, wall(2026, 10, 25, 2, 30), utc(2026, 10, 25, 0, 30)),
        (NEW_YORK, wall(2026, 3, 8, 2, 30), utc(2026, 3, 8, 7)),
        (NEW_YORK, wall(2026, 11, 1, 1, 30), utc(2026, 11, 1, 5, 30)),
        (LORD_HOWE, wall(2026, 10, 4, 2, 15), utc(2026, 10, 3, 15, 30)),
        (LORD_HOWE, wall(2026, 4, 5, 1, 45), utc(2026, 4, 4, 14, 45)),
        (KATHMANDU, wall(2026, 3, 29, 2, 30), utc(2026, 3, 28, 20, 45)),
        ("Pacific/Apia", wall(2011, 12, 30, 12), utc(2011, 12, 30, 10)),
    ],
    ids=[
        "an ordinary time",
        "jumped over: the first of the hour",
        "jumped over: the last of the hour",
        "the moment after the jump",
        "comes twice: the earlier",
        "jumped over in New York",
        "comes twice in New York",
        "a jump of half an hour",
        "half an hour comes twice",
        "a zone without summer time",
        "a whole day is jumped over",
    ],
)
def test_find_instant__a_wall_clock_time__one_instant(zone: str, shown: datetime, expected: datetime) -> None:
    assert find_instant(shown, zone) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("rotation", [Rotation.DAILY, Rotation.WEEKLY])
def test_list_turns__over_a_year__each_handoff_at_the_same_wall_clock(zone: str, rotation: Rotation) -> None:
    layer = make_layer(zone=zone, rotation=rotation)

    turns = list_turns(layer, utc(2026, 1, 6), utc(2027, 1, 6))

    assert {turn.start.astimezone(ZoneInfo(zone)).time() for turn in turns} == {time(9)}


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 28), 23), ((2026, 10, 24), 25), ((2026, 6, 1), 24)])
def test_list_turns__a_day_on_which_clocks_change__belongs_to_one_turn(day: tuple[int, int, int], hours: int) -> None:
    turns = list_turns(make_layer(), utc(*day, 12), utc(*day, 13))

    assert [turn.end - turn.start for turn in turns] == [hours * HOUR]


def test_list_turns__hourly__counts_hours_that_pass() -> None:
    layer = make_layer(rotation=Rotation.HOURLY, interval=6, starts_at=wall(2026, 3, 28, 21))

    turns = list_turns(layer, utc(2026, 3, 28, 20), utc(2026, 3, 29, 8))

    assert [(turn.start, turn.people) for turn in turns] == [
        (utc(2026, 3, 28, 20), (ANNA,)),
        (utc(2026, 3, 29, 2), (BEN,)),
    ]


def test_list_turns__a_handoff_in_a_day_that_is_jumped_over__nobody_gets_a_turn_of_no_length() -> None:
    layer = make_layer(zone="Pacific/Apia", starts_at=wall(2011, 12, 29), participants=((ANNA,), (BEN,), (CARLA,)))

    turns = list_turns(layer, utc(2011, 12, 29, 10), utc(2011, 12, 31, 10))

    assert [turn.people for turn in turns] == [(ANNA,), (CARLA,)]


def test_list_turns__a_layer_that_ends__the_last_turn_ends_with_it() -> None:
    layer = make_layer(ends_at=wall(2026, 1, 6, 17))

    turns = list_turns(layer, utc(2026, 1, 1), utc(2026, 2, 1))

    assert [(turn.start, turn.end) for turn in turns] == [
        (utc(2026, 1, 5, 8), utc(2026, 1, 6, 8)),
        (utc(2026, 1, 6, 8), utc(2026, 1, 6, 16)),
    ]


def test_find_people__before_and_after_its_life__nobody() -> None:
    layer = make_layer(ends_at=wall(2026, 1, 6, 17))

    assert find_people(layer, utc(2026, 1, 5, 7, 59)) == ()
    assert find_people(layer, utc(2026, 1, 5, 8)) == (ANNA,)
    assert find_people(layer, utc(2026, 1, 6, 16)) == ()


def test_find_people__a_turn_of_two__both() -> None:
    assert find_people(make_layer(participants=((ANNA, BEN),)), utc(2026, 2, 1)) == (ANNA, BEN)


def test_find_people__no_participants__nobody() -> None:
    assert find_people(make_layer(participants=()), utc(2026, 2, 1)) == ()


def test_list_duties__working_hours__on_the_clock_of_the_zone() -> None:
    layer = make_layer(participants=((ANNA,),), restrictions=(Restriction(WEEKDAYS, time(9), time(17)),))

    duties = list_duties(layer, utc(2026, 3, 27), utc(2026, 3, 31))

    assert duties == [
        Duty(utc(2026, 3, 27, 8), utc(2026, 3, 27, 16), (ANNA,)),
        Duty(utc(2026, 3, 30, 7), utc(2026, 3, 30, 15), (ANNA,)),
    ]


def test_list_duties__a_window_past_midnight__belongs_to_the_day_it_begins() -> None:
    friday = frozenset({4})
    layer = make_layer(participants=((ANNA,),), restrictions=(Restriction(friday, time(22), time(6)),))

    duties = list_duties(layer, utc(2026, 1, 5), utc(2026, 1, 12))

    assert duties == [Duty(utc(2026, 1, 9, 21), utc(2026, 1, 10, 5), (ANNA,))]


def test_list_duties__from_midnight_to_midnight__the_whole_day() -> None:
    sunday = frozenset({6})
    layer = make_layer(starts_at=wall(2026, 1, 5), restrictions=(Restriction(sunday, time(0), time(0)),))

    duties = list_duties(layer, utc(2026, 3, 27), utc(2026, 3, 31))

    assert duties == [Duty(utc(2026, 3, 28, 23), utc(2026, 3, 29, 22), (BEN,))]


def test_list_duties__windows_that_overlap__count_once() -> None:
    restrictions = (Restriction(EVERY_DAY, time(8), time(12)), Restriction(EVERY_DAY, time(10), time(14)))
    layer = make_layer(zone="UTC", starts_at=wall(2026, 1, 5), restrictions=restrictions)

    duties = list_duties(layer, utc(2026, 2, 1), utc(2026, 2, 2))

    assert duties == [Duty(utc(2026, 2, 1, 8), utc(2026, 2, 1, 14), (BEN,))]


def test_list_duties__a_handoff_within_a_window__divides_it() -> None:
    layer = make_layer(zone="UTC", restrictions=(Restriction(EVERY_DAY, time(8), time(10)),))

    duties = list_duties(layer, utc(2026, 1, 6), utc(2026, 1, 7))

    assert duties == [
        Duty(utc(2026, 1, 6, 8), utc(2026, 1, 6, 9), (ANNA,)),
        Duty(utc(2026, 1, 6, 9), utc(2026, 1, 6, 10), (BEN,)),
    ]


@given(layer=layers(), at=instants())
def test_find_turn_number__any_instant__between_its_handoffs(layer: Layer, at: datetime) -> None:
    number = find_turn_number(layer, at)

    assert find_handoff(layer, number) <= at < find_handoff(layer, number + 1)


@given(
    zone=st.sampled_from(ZONES),
    rotation=st.sampled_from(list(Rotation)),
    interval=st.integers(1, 3),
    size=st.integers(1, 5),
    cycles=st.integers(1, 4),
)
def test_list_turns__whole_cycles__everybody_has_as_many(
    zone: str, rotation: Rotation, interval: int, size: int, cycles: int
) -> None:
    people = tuple((number,) for number in range(size))
    layer = make_layer(
        zone=zone, rotation=rotation, interval=interval, participants=people, starts_at=wall(2026, 3, 25, 9)
    )

    turns = list_turns(layer, find_handoff(layer, 0), find_handoff(layer, size * cycles))

    assert Counter(turn.people for turn in turns) == dict.fromkeys(people, cycles)


@given(layer=layers(), start=instants(), length=st.integers(1, 500))
def test_list_turns__any_time__one_follows_the_other(layer: Layer, start: datetime, length: int) -> None:
    turns = list_turns(layer, start, start + length * HOUR)

    assert all(before.end == after.start for before, after in pairwise(turns))
    assert all(turn.start < turn.end and turn.start.tzinfo is UTC for turn in turns)
