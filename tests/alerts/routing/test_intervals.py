from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.intervals import (
    IntervalInvalid,
    TimeInterval,
    contains,
    contains_any,
    may_notify,
    next_change,
    parse_interval,
    parse_intervals,
)

OFFICE = {
    "times": [{"start_time": "09:00", "end_time": "17:00"}],
    "weekdays": ["monday:friday"],
    "location": "Europe/Berlin",
}
MINUTE = timedelta(minutes=1)

#: Zone and day on which its clock is changed, among them by half an hour and at midnight.
CLOCK_CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 2, 28, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
]
MINUTES_OF_DAY = st.integers(0, 24 * 60)
SOME_TIMES = st.lists(
    st.tuples(MINUTES_OF_DAY, MINUTES_OF_DAY).filter(lambda times: times[0] < times[1])
    | st.sampled_from([(0, 60), (90, 150), (120, 180), (0, 1440), (1380, 1440)]),
    max_size=2,
).map(tuple)
SOME_DAYS = st.lists(st.sampled_from([(1, 1), (-1, -1), (29, 31), (1, -2), (25, 25)]), max_size=2).map(tuple)
SOME_WEEKDAYS = st.lists(st.sampled_from([(0, 0), (1, 5), (6, 6)]), max_size=2).map(tuple)


def read_instant(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_parse_interval__every_field__is_read() -> None:
    spec = {
        "times": [{"start_time": "00:00", "end_time": "24:00"}],
        "weekdays": ["Monday:friday", "sunday"],
        "days_of_month": ["1:5", "-3:-1", "10:-1", -1, 28],
        "months": ["May:8", "december", 1],
        "years": ["2026:2028", 2030],
        "location": "Europe/Berlin",
    }

    assert parse_interval(spec) == TimeInterval(
        times=((0, 1440),),
        weekdays=((1, 5), (0, 0)),
        days_of_month=((1, 5), (-3, -1), (10, -1), (-1, -1), (28, 28)),
        months=((5, 8), (12, 12), (1, 1)),
        years=((2026, 2028), (2030, 2030)),
        location="Europe/Berlin",
    )


@pytest.mark.parametrize("spec", [{}, {"times": None}, {"times": []}, {"location": ""}, {"location": None}])
def test_parse_interval__nothing_said__is_always(spec: dict[str, Any]) -> None:
    assert parse_interval(spec) == TimeInterval()


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"hours": []}, "no field “hours”"),
        ({"weekdays": "monday"}, "must be a list"),
        ({"weekdays": ["monday"] * 51}, "more than 50"),
        ({"times": [{"start_time": "09:00"}]}, "needs a start_time and an end_time"),
        ({"times": [{"start_time": "9:00", "end_time": "10:00"}]}, "write HH:MM"),
        ({"times": [{"start_time": 540, "end_time": "10:00"}]}, "write HH:MM"),
        ({"times": [{"start_time": "22:00", "end_time": "06:00"}]}, "one up to 24:00 and one from 00:00"),
        ({"times": [{"start_time": "22:00", "end_time": "22:00"}]}, "must be before the end"),
        ({"weekdays": ["mon"]}, "no day of the week"),
        ({"weekdays": ["friday:monday"]}, "from Sunday to Saturday"),
        ({"weekdays": ["monday:tuesday:friday"]}, "no day of the week"),
        ({"days_of_month": ["0"]}, "no day of a month"),
        ({"days_of_month": ["1:32"]}, "no day of a month"),
        ({"days_of_month": ["5:1"]}, "ends before it starts"),
        ({"days_of_month": ["31:-2"]}, "ends before it starts"),
        ({"days_of_month": ["-5:3"]}, "with a negative number"),
        ({"days_of_month": ["x"]}, "no number"),
        ({"months": ["jan"]}, "no month"),
        ({"months": [13]}, "no month"),
        ({"months": ["11:2"]}, "past December"),
        ({"years": ["2028:2026"]}, "ends before it starts"),
        ({"years": [0]}, "no years"),
        ({"location": "Local"}, "no time zone"),
        ({"location": "../etc/passwd"}, "no time zone"),
        ({"location": 1}, "no time zone"),
    ],
)
def test_parse_interval__mistake__is_refused_in_words_with_the_field(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(IntervalInvalid, match=words) as refused:
        parse_interval(spec)

    assert refused.value.field in {"", *spec}


@pytest.mark.parametrize(
    ("spec", "at", "expected"),
    [
        ({}, "2026-03-10T12:00", True),
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-10T09:00", True),
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-10T16:59:59.9", True),
        ({"times": [{"start_time": "09:00", "end_time": "17:00"}]}, "2026-03-10T17:00", False),
        ({"times": [{"start_time": "23:00", "end_time": "24:00"}]}, "2026-03-10T23:59:59", True),
        ({"weekdays": ["sunday"]}, "2026-03-15T00:00", True),
        ({"weekdays": ["monday:saturday"]}, "2026-03-15T00:00", False),
        ({"days_of_month": ["-1"]}, "2026-02-28T00:00", True),
        ({"days_of_month": ["-1"]}, "2028-02-28T00:00", False),
        ({"days_of_month": ["1:31"]}, "2026-02-28T00:00", True),
        ({"days_of_month": ["29:31"]}, "2026-02-28T00:00", False),
        ({"days_of_month": ["-31:-28"]}, "2026-02-01T00:00", True),
        ({"days_of_month": ["-31:-29"]}, "2026-02-01T00:00", False),
        ({"days_of_month": ["30:-1"]}, "2026-02-28T00:00", False),
        ({"days_of_month": ["30:-1"]}, "2026-03-31T00:00", True),
        ({"months": ["january:march"]}, "2026-03-31T23:59", True),
        ({"years": ["2027"]}, "2026-12-31T23:59", False),
        ({"years": ["2027"], "location": "Europe/Berlin"}, "2026-12-31T23:00", True),
        (OFFICE, "2026-03-10T08:00", True),
        (OFFICE, "2026-03-10T16:00", False),
        (OFFICE, "2026-06-10T07:00", True),
    ],
)
def test_contains__instant__is_judged_in_the_intervals_place(spec: dict[str, Any], at: str, expected: bool) -> None:
    assert contains(parse_interval(spec), read_instant(at)) is expected


def test_contains_any__several__one_is_enough_and_none_is_never() -> None:
    week, end = parse_intervals([{"weekdays": ["monday:friday"]}, {"weekdays": ["saturday", "sunday"]}])
    sunday = read_instant("2026-03-15T12:00")

    assert contains_any([week, end], sunday)
    assert not contains_any([], sunday)


@pytest.mark.parametrize(
    ("mute", "active", "expected"),
    [
        ([], [], True),
        (["sunday"], [], False),
        (["monday"], [], True),
        ([], ["monday"], False),
        ([], ["sunday"], True),
        (["sunday"], ["sunday"], False),
        ([], ["monday", "sunday"], True),
    ],
)
def test_may_notify__route_on_a_sunday__is_active_and_not_muted(
    mute: list[str], active: list[str], expected: bool
) -> None:
    named = {day: parse_intervals([{"weekdays": [day]}]) for day in ("sunday", "monday")}

    sends = may_notify(
        read_instant("2026-03-15T12:00"), mute=[named[day] for day in mute], active=[named[day] for day in active]
    )

    assert sends is expected


@pytest.mark.parametrize(
    ("spec", "at", "expected"),
    [
        (OFFICE, "2026-03-10T12:00", "2026-03-10T16:00"),
        (OFFICE, "2026-03-13T16:00", "2026-03-16T08:00"),
        (OFFICE, "2026-03-27T17:00", "2026-03-30T07:00"),
        ({"years": ["2027"]}, "2026-03-10T12:00", "2027-01-01T00:00"),
        ({"days_of_month": ["29"], "months": ["2"]}, "2026-03-10T12:00", None),
        ({}, "2026-03-10T12:00", None),
    ],
)
def test_next_change__example__is_the_next_start_or_end(spec: dict[str, Any], at: str, expected: str | None) -> None:
    change = next_change([parse_interval(spec)], read_instant(at))

    assert change == (expected and read_instant(expected))


def test_next_change__bound__is_the_last_instant_looked_at() -> None:
    interval = parse_interval(OFFICE)
    at = read_instant("2026-03-10T12:00")

    assert next_change([interval], at, timedelta(hours=4)) == at + timedelta(hours=4)
    assert next_change([interval], at, timedelta(hours=4) - MINUTE) is None


@given(
    st.lists(
        st.builds(
            lambda place, times, days, weekdays: (place, times, days, weekdays),
            st.sampled_from(CLOCK_CHANGES),
            SOME_TIMES,
            SOME_DAYS,
            SOME_WEEKDAYS,
        ),
        min_size=1,
        max_size=2,
    ),
    st.integers(-60, 24 * 60),
)
def test_next_change__around_changes_of_the_clock__is_the_first_minute_that_differs(
    drawn: list[tuple[tuple[str, datetime], Any, Any, Any]], minutes: int
) -> None:
    intervals = [TimeInterval(times, weekdays, days, location=zone) for (zone, _), times, days, weekdays in drawn]
    at = drawn[0][0][1] + minutes * MINUTE
    before = contains_any(intervals, at)
    following = (at + step * MINUTE for step in range(1, 36 * 60 + 1))

    expected = next((one for one in following if contains_any(intervals, one) is not before), None)

    assert next_change(intervals, at, timedelta(hours=36)) == expected
