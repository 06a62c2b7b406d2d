"""Recurring windows against a brute force over the clock on the wall."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from monitoring.uptime.recurrence import (
    LAST,
    Plan,
    Recurrence,
    RecurrenceInvalid,
    Repeat,
    check_plan,
    describe_recurrence,
    find_moment,
    find_occurrence,
    list_next,
    list_occurrences,
)


def local(text: str) -> datetime:
    """Return a time on the wall."""
    return datetime.fromisoformat(text)


BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
MINUTES = st.datetimes(local("2025-01-01 00:00"), local("2027-12-31 00:00")).map(
    lambda at: at.replace(second=0, microsecond=0)
)
DAILY = Recurrence(Repeat.DAILY)


@st.composite
def draw_plans(draw: st.DrawFn) -> Plan:
    start = draw(MINUTES)
    recurrence = Recurrence(
        draw(st.sampled_from(Repeat)),
        weekdays=tuple(draw(st.sets(st.integers(0, 6), min_size=1))),
        month_day=draw(st.integers(1, 31)),
        nth=draw(st.sampled_from([1, 2, 3, 4, LAST])),
        weekday=draw(st.integers(0, 6)),
        until=draw(st.none() | st.just(start.date() + timedelta(days=40))),
        count=draw(st.none() | st.integers(1, 5)),
    )
    return Plan(start, start + timedelta(minutes=draw(st.integers(1, 24 * 60))), draw(ZONES), recurrence)


def nightly(year: int, month: int, day: int, start: str = "02:00", end: str = "04:00") -> tuple[str, str, float]:
    """Return local beginning and end of one night of a nightly window in Berlin, and its hours."""
    first = date(year, month, day)
    plan = Plan(
        datetime.fromisoformat(f"{first} {start}"), datetime.fromisoformat(f"{first} {end}"), "Europe/Berlin", DAILY
    )
    found = next(list_occurrences(plan))
    local = [at.astimezone(BERLIN).strftime("%H:%M") for at in (found.opens_at, found.closes_at)]
    return local[0], local[1], (found.closes_at - found.opens_at) / timedelta(hours=1)


def test_occurrences__nightly_over_both_changes_of_the_clock__by_the_clock_on_the_wall() -> None:
    assert nightly(2026, 3, 28) == ("02:00", "04:00", 2)
    assert nightly(2026, 3, 29) == ("03:00", "04:00", 1)
    assert nightly(2026, 3, 30) == ("02:00", "04:00", 2)
    assert nightly(2026, 10, 24) == ("02:00", "04:00", 2)
    assert nightly(2026, 10, 25) == ("02:00", "04:00", 3)
    assert nightly(2026, 10, 26) == ("02:00", "04:00", 2)


def test_occurrences__times_that_come_twice__all_of_it_is_covered() -> None:
    assert nightly(2026, 10, 25, "02:15", "02:45") == ("02:15", "02:45", 1.5)


def test_occurrences__altogether_in_the_jumped_hour__does_not_open_that_night() -> None:
    plan = Plan(local("2026-03-28 02:15"), local("2026-03-28 02:45"), "Europe/Berlin", DAILY)

    days = [one.opens_at.astimezone(BERLIN).day for one in islice(list_occurrences(plan), 3)]

    assert days == [28, 30, 31]


def test_occurrences__from_before_the_jump_into_it__ends_at_the_jump() -> None:
    assert nightly(2026, 3, 29, "01:30", "02:30") == ("01:30", "03:00", 0.5)


@given(draw_plans())
def test_occurrences__any_plan__are_the_days_that_fit_at_their_local_times(plan: Plan) -> None:
    """Brute force: every day of three years is asked whether it fits."""
    zone, first, pattern = ZoneInfo(plan.zone), plan.start.date(), plan.recurrence

    def fits(day: date) -> bool:
        month_end = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        match pattern.repeat:
            case Repeat.NONE:
                return day == first
            case Repeat.DAILY:
                return True
            case Repeat.WEEKLY:
                return day.weekday() in pattern.weekdays
            case Repeat.MONTHLY_DAY:
                return day.day == min(pattern.month_day, month_end.day)
            case Repeat.MONTHLY_WEEKDAY if pattern.nth == LAST:
                return day.weekday() == pattern.weekday and (day + timedelta(days=7)).month != day.month
            case _:
                return day.weekday() == pattern.weekday and (day.day - 1) // 7 == pattern.nth - 1

    expected = [day for day in (first + timedelta(days=number) for number in range(200)) if fits(day)]
    if pattern.repeat is not Repeat.NONE:
        expected = [day for day in expected if pattern.until is None or day <= pattern.until][: pattern.count]

    found = {one.opens_at: one.closes_at for one in islice(list_occurrences(plan), 250)}

    length = plan.end - plan.start
    for day in expected:
        start = datetime.combine(day, plan.start.time())
        opens_at, closes_at = find_moment(start, zone), find_moment(start + length, zone, is_end=True)
        assert found.pop(opens_at, None) == (closes_at if opens_at < closes_at else None)
    assert all(opens_at > datetime.combine(first, plan.start.time(), UTC) + timedelta(days=198) for opens_at in found)


@given(MINUTES, ZONES)
def test_find_moment__any_local_time__the_clock_shows_it_or_jumps_over_it(wall: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    start, end = find_moment(wall, zone), find_moment(wall, zone, is_end=True)
    assert start <= end
    shown = {at.astimezone(zone).replace(tzinfo=None, fold=0) for at in (start, end)}
    if shown == {wall}:
        # It comes twice if both differ; then nothing shows it before the first or after the second.
        assert end - start in {timedelta(0), timedelta(hours=1), timedelta(minutes=30)}
        return
    just_before = (start - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None)
    assert start == end
    assert just_before < wall < min(shown)


@given(draw_plans(), MINUTES)
def test_find_occurrence__any_moment__is_the_first_that_is_not_over(plan: Plan, moment: datetime) -> None:
    now = moment.replace(tzinfo=UTC)
    everything = [one for one in islice(list_occurrences(plan), 1200) if one.closes_at > now]
    found = find_occurrence(plan, now=now)
    assert found == (everything[0] if everything else None)
    assert list_next(plan, now=now, limit=3) == everything[:3]


@given(draw_plans(), MINUTES, st.integers(1, 150))
def test_list_next__began_long_ago__as_if_every_day_since_was_walked(plan: Plan, moment: datetime, months: int) -> None:
    year, month = divmod(plan.start.year * 12 + plan.start.month - 1 - months, 12)
    start = plan.start.replace(year=year, month=month + 1, day=min(plan.start.day, 28))
    plan = replace(plan, start=start, end=start + (plan.end - plan.start))
    now = moment.replace(tzinfo=UTC)

    walked = islice((one for one in list_occurrences(plan) if one.closes_at > now), 3)

    assert list_next(plan, now=now, limit=3) == list(walked)


@pytest.mark.parametrize("recurrence", [DAILY, Recurrence(Repeat.MONTHLY_DAY), Recurrence(Repeat.DAILY, count=10_000)])
def test_find_occurrence__began_long_ago__looks_at_the_days_around_now_alone(
    recurrence: Recurrence, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    monkeypatch.setattr(
        "monitoring.uptime.recurrence.find_moment",
        lambda wall, zone, is_end=False: looked.append(wall) or find_moment(wall, zone, is_end=is_end),
    )
    plan = Plan(local("2000-01-01 02:00"), local("2000-01-01 04:00"), "Europe/Berlin", recurrence)

    found = find_occurrence(plan, now=datetime(2026, 3, 1, tzinfo=UTC))

    assert found is not None
    assert found.opens_at == datetime(2026, 3, 1, 1, tzinfo=UTC)
    assert len(looked) < 10


@pytest.mark.parametrize(
    ("field", "changes", "recurrence"),
    [
        ("ends_at", {"end": local("2026-01-01 01:00")}, Recurrence()),
        ("ends_at", {"end": local("2026-01-02 03:00")}, DAILY),
        ("ends_at", {"end": local("2026-01-02 03:00")}, Recurrence(Repeat.WEEKLY, weekdays=(0, 1))),
        ("weekdays", {}, Recurrence(Repeat.WEEKLY)),
        ("weekdays", {}, Recurrence(Repeat.WEEKLY, weekdays=(7,))),
        ("month_day", {}, Recurrence(Repeat.MONTHLY_DAY, month_day=32)),
        ("nth", {}, Recurrence(Repeat.MONTHLY_WEEKDAY, nth=5)),
        ("count", {}, Recurrence(Repeat.DAILY, count=0)),
        ("until_date", {}, Recurrence(Repeat.DAILY, until=date(2025, 1, 1))),
        ("time_zone", {"zone": "Middle/Earth"}, DAILY),
    ],
)
def test_check_plan__impossible__names_the_field(
    field: str, changes: dict[str, object], recurrence: Recurrence
) -> None:
    values = {"start": local("2026-01-01 02:00"), "end": local("2026-01-01 04:00"), "recurrence": recurrence, **changes}
    with pytest.raises(RecurrenceInvalid) as caught:
        check_plan(Plan(**values))  # type: ignore[arg-type]
    assert caught.value.field == field


@given(draw_plans())
def test_check_plan__shorter_than_its_gap__can_be_planned_and_described(plan: Plan) -> None:
    try:
        check_plan(plan)
    except RecurrenceInvalid as error:
        assume(error.field != "until_date")
        raise
    assert (describe_recurrence(plan.recurrence) == "") == (plan.recurrence.repeat is Repeat.NONE)


def test_describe__several__in_words() -> None:
    described = [
        Recurrence(Repeat.WEEKLY, weekdays=(5, 0)),
        Recurrence(Repeat.MONTHLY_WEEKDAY, nth=LAST, weekday=6, count=3),
        Recurrence(Repeat.MONTHLY_DAY, month_day=15, until=date(2026, 12, 31)),
    ]
    assert [describe_recurrence(one) for one in described] == [
        "every Monday, Saturday",
        "every last Sunday of a month, 3 times",
        "every month on day 15, until 31 Dec 2026",
    ]
