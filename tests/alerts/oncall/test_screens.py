"""What screens show of schedules: hours in words, weeks with bars, imported events made disjoint."""

from __future__ import annotations

from datetime import date, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.oncall.events import flatten_shifts
from alerts.oncall.hours import parse_hours, write_days, write_hours
from alerts.oncall.rotations import Restriction
from alerts.oncall.schedule import Schedule, Shift
from alerts.oncall.weeks import draw_weeks, find_monday
from tests.support.on_call import ANNA, BEN, BERLIN, WEEKDAYS, make_layer, make_schedule, people, restrictions, utc


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon-Fri 18:00-08:00", Restriction(WEEKDAYS, time(18), time(8))),
        ("sat, sunday 0-24:00", Restriction(frozenset({5, 6}), time.min, time.min)),
        ("Fri - Mon 09:30 – 10:00", Restriction(frozenset({4, 5, 6, 0}), time(9, 30), time(10))),
        ("Tue 09:00:30-17", Restriction(frozenset({1}), time(9, 0, 30), time(17))),
        ("daily 9-17", Restriction(frozenset(range(7)), time(9), time(17))),
    ],
)
def test_hours__as_people_write_them__read(text: str, expected: Restriction) -> None:
    assert parse_hours(f"\n{text}\n") == (expected,)


@pytest.mark.parametrize(
    "text", ["Mon", "Mon 9", "Moo 9-17", "Mon 25-26", "Mon 9:xx-10", "Mon 9:-10", "09:00-17:00", "m 9-10"]
)
def test_hours__not_to_be_read__line_named(text: str) -> None:
    with pytest.raises(ValueError, match="Line 2"):
        parse_hours(f"daily 9-17\n{text}")


@given(st.lists(restrictions(), max_size=4))
def test_hours__written__read_back(windows: list[Restriction]) -> None:
    assert parse_hours(write_hours(windows)) == tuple(windows)


def test_days__runs_and_single_ones__short() -> None:
    assert write_days([0, 1, 2, 4, 5]) == "Mon-Wed,Fri,Sat"


def test_weeks__clocks_change__bars_fill_the_week_and_days_differ() -> None:
    weeks = draw_weeks(make_schedule(), monday=date(2026, 3, 23), zone=BERLIN, now=utc(2026, 3, 25, 12))
    first = weeks[0]
    assert [len(weeks), len(first.rows), len(first.days)] == [4, 2, 7]
    assert first.days[6].width == pytest.approx(100 * 23 / 167, abs=0.01)
    for row in first.rows:
        assert row.bars[0].left == 0
        assert sum(bar.width for bar in row.bars) == pytest.approx(100, abs=0.05)
    assert first.now is not None
    assert weeks[1].now is None


def test_weeks__nobody__is_a_bar_of_the_final_row_only() -> None:
    layer = make_layer(restrictions=(Restriction(WEEKDAYS, time(9), time(17)),))
    week = draw_weeks(Schedule((layer,)), monday=date(2026, 6, 1), zone=BERLIN, now=utc(2026, 1, 1))[0]
    assert [row.is_final for row in week.rows] == [True, False]
    assert sum(not bar.people for bar in week.rows[0].bars) == 6
    assert all(bar.people for bar in week.rows[1].bars)


def test_monday__late_on_a_sunday__of_the_zones_own_week() -> None:
    assert find_monday(utc(2026, 6, 7, 23), BERLIN) == date(2026, 6, 8)
    assert find_monday(utc(2026, 6, 7, 23), "UTC") == date(2026, 6, 1)


@st.composite
def events(draw: st.DrawFn) -> Shift:
    start = utc(2026, 1, 1) + timedelta(hours=draw(st.integers(0, 40)))
    return Shift(start, start + timedelta(hours=draw(st.integers(1, 20))), draw(people))


@given(st.lists(events(), max_size=8))
def test_events__overlapping__disjoint_and_everybody_stays_on_call(shifts: list[Shift]) -> None:
    flat = flatten_shifts(shifts)
    assert all(one.end <= two.start for one, two in pairwise(flat))
    for hour in range(62):
        at = utc(2026, 1, 1) + timedelta(hours=hour)
        wanted = {person for each in shifts if each.start <= at < each.end for person in each.people}
        assert {person for each in flat if each.start <= at < each.end for person in each.people} == wanted


def test_events__neighbours_alike__one() -> None:
    at = [utc(2026, 1, day) for day in (1, 2, 3)]
    assert flatten_shifts([Shift(at[0], at[1], (ANNA,)), Shift(at[1], at[2], (ANNA,))]) == [
        Shift(at[0], at[2], (ANNA,))
    ]
    assert len(flatten_shifts([Shift(at[0], at[1], (ANNA,)), Shift(at[1], at[2], (BEN,))])) == 2
