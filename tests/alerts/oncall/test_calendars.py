"""Calendars out and in: what we write we read back; what others write is read, or refused in words and in bounded time."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.oncall.calendars import CalendarInvalid, Imported, read_calendar, write_calendar
from alerts.oncall.schedule import Schedule, Shift, list_shifts
from tests.support.on_call import ANNA, BEN, CARLA, instants, schedules, utc

DAY = timedelta(days=1)
NAMES = {ANNA: "Anna Abel", BEN: "Ben", CARLA: "Smith, Carla"}
IDS = {name: person for person, name in NAMES.items()} | {"anna@example.com": ANNA}
URL = "https://ops.example.com/on-call/3"
START, END = utc(2026, 1, 1), utc(2026, 12, 31)


def read(text: str, start: datetime = START, end: datetime = END, zone: str = "UTC") -> Imported:
    return read_calendar(text.encode(), start=start, end=end, find_person=IDS.get, zone=zone)


def make_calendar(*events: str, head: str = "") -> str:
    """Return a calendar of events, each given as its lines."""
    inner = "".join(f"BEGIN:VEVENT\nUID:{at}\n{event.strip()}\nEND:VEVENT\n" for at, event in enumerate(events))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{inner}END:VCALENDAR\n".replace("\n", "\r\n")


def test_write_calendar__a_shift__an_event_in_utc() -> None:
    shift = Shift(utc(2026, 2, 2, 8), utc(2026, 2, 3, 8), (ANNA, CARLA), 5)

    written = write_calendar("Payments", [shift], NAMES, utc(2026, 1, 1), URL).decode()

    uid = re.search(r"UID:(.*)\r\n", written)
    assert uid is not None
    assert re.fullmatch(r"[0-9a-f]{32}@ops\.example\.com", uid.group(1))
    assert sorted(written.replace(uid.group(1), "…").split("\r\n")) == sorted(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//Postlaunch//On call//EN",
            "METHOD:PUBLISH",
            "NAME:Payments",
            "X-WR-CALNAME:Payments",
            f"URL:{URL}",
            "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
            "X-PUBLISHED-TTL:PT1H",
            "BEGIN:VEVENT",
            "UID:…",
            "DTSTAMP:20260101T000000Z",
            "DTSTART:20260202T080000Z",
            "DTEND:20260203T080000Z",
            "SUMMARY:Anna Abel\\, Smith\\, Carla",
            f"URL:{URL}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ]
    )


def test_write_calendar__a_shift_made_longer__keeps_its_uid() -> None:
    shift = Shift(utc(2026, 2, 2, 8), utc(2026, 2, 3, 8), (ANNA,), 5)
    longer = Shift(shift.start, shift.end + DAY, shift.people, shift.layer_id)
    other = Shift(shift.start, shift.end, (BEN,), 5)

    uids = [
        icalendar.Calendar.from_ical(write_calendar("a", [each], NAMES, now, URL)).events[0]["UID"]
        for each, now in [(shift, START), (longer, END), (other, START)]
    ]

    assert uids[0] == uids[1] != uids[2]


def test_write_calendar__a_name_with_line_breaks__stays_within_its_line() -> None:
    written = write_calendar("a\r\nX-EVIL:1", [], {}, START, URL)

    assert b"\nX-EVIL" not in written


def test_read_calendar__own_calendar__the_same_shifts() -> None:
    shifts = [
        Shift(utc(2026, 2, 2, 8), utc(2026, 2, 3, 8), (ANNA, CARLA)),
        Shift(utc(2026, 2, 4, 8), utc(2026, 2, 5, 8), (CARLA, BEN, ANNA)),
    ]

    written = write_calendar("Payments", shifts, NAMES, START, URL)

    assert read(written.decode()) == Imported(tuple(shifts))


names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=",;/&+"), min_size=1, max_size=40)


@given(
    schedule=schedules(), start=instants(), people=st.lists(names, min_size=4, max_size=4, unique=True).map(enumerate)
)
def test_read_calendar__what_we_wrote__reads_back_equal(
    schedule: Schedule, start: datetime, people: Iterable[tuple[int, str]]
) -> None:
    by_id = {number + 1: name for number, name in people}
    by_name = {name: number for number, name in by_id.items()}
    end = start + 20 * DAY
    shifts = list_shifts(schedule, start, end)

    written = write_calendar("All", shifts, by_id, start, URL)
    found = read_calendar(written, start=start, end=end, find_person=by_name.get)

    assert found.shifts == tuple(Shift(shift.start, shift.end, shift.people) for shift in shifts)


WEEKLY = """
SUMMARY:Ben
DTSTART;TZID=Europe/Berlin:20260323T090000
DTEND;TZID=Europe/Berlin:20260324T090000
RRULE:FREQ=WEEKLY;COUNT=3
"""


def test_read_calendar__a_recurring_event__at_the_same_wall_clock() -> None:
    assert read(make_calendar(WEEKLY)).shifts == (
        Shift(utc(2026, 3, 23, 8), utc(2026, 3, 24, 8), (BEN,)),
        Shift(utc(2026, 3, 30, 7), utc(2026, 3, 31, 7), (BEN,)),
        Shift(utc(2026, 4, 6, 7), utc(2026, 4, 7, 7), (BEN,)),
    )


def test_read_calendar__an_exception_and_a_changed_instance__as_they_say() -> None:
    changed = """
SUMMARY:Anna Abel
RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000
DTSTART;TZID=Europe/Berlin:20260330T120000
DTEND;TZID=Europe/Berlin:20260331T090000
"""
    text = make_calendar(WEEKLY + "EXDATE;TZID=Europe/Berlin:20260323T090000\n", changed).replace("UID:1", "UID:0")

    assert read(text).shifts == (
        Shift(utc(2026, 3, 30, 10), utc(2026, 3, 31, 7), (ANNA,)),
        Shift(utc(2026, 4, 6, 7), utc(2026, 4, 7, 7), (BEN,)),
    )


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "W. Europe Standard Time", '"/vendor.example.com/20240101/Europe/Berlin"']
)
def test_read_calendar__a_zone_by_any_of_its_names__understood(zone: str) -> None:
    text = make_calendar(f"SUMMARY:Ben\nDTSTART;TZID={zone}:20260706T090000\nDURATION:PT8H")

    assert read(text).shifts == (Shift(utc(2026, 7, 6, 7), utc(2026, 7, 6, 15), (BEN,)),)


@pytest.mark.parametrize(
    ("head", "zone"),
    [("", "Europe/Berlin"), ("X-WR-TIMEZONE:Europe/Berlin\n", "UTC")],
    ids=["the caller's zone", "the calendar's own zone"],
)
@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        ("DTSTART;VALUE=DATE:20260706", utc(2026, 7, 5, 22), utc(2026, 7, 6, 22)),
        ("DTSTART:20260706T090000\nDTEND:20260706T170000", utc(2026, 7, 6, 7), utc(2026, 7, 6, 15)),
    ],
    ids=["a day", "a time without a zone"],
)
def test_read_calendar__no_time_zone__that_of_the_calendar_or_the_caller(
    lines: str, start: datetime, end: datetime, head: str, zone: str
) -> None:
    text = make_calendar(f"SUMMARY:Ben\n{lines}", head=head)

    assert read(text, zone=zone).shifts == (Shift(start, end, (BEN,)),)


def test_read_calendar__an_event_over_the_edge__cut_to_the_time() -> None:
    text = make_calendar("SUMMARY:Ben\nDTSTART:20260701T000000Z\nDTEND:20260801T000000Z")

    assert read(text, utc(2026, 7, 6), utc(2026, 7, 8)).shifts == (Shift(utc(2026, 7, 6), utc(2026, 7, 8), (BEN,)),)


def test_read_calendar__the_summary_names_nobody__found_by_the_address() -> None:
    text = make_calendar(
        "SUMMARY:On call\nDTSTART:20260701T000000Z\nDURATION:P1D\n"
        "ATTENDEE;CN=Ben;PARTSTAT=DECLINED:mailto:ben@example.com\nATTENDEE:MAILTO:anna@example.com"
    )

    assert read(text) == Imported((Shift(utc(2026, 7, 1), utc(2026, 7, 2), (ANNA,)),))


def test_read_calendar__unknown_names__warnings_and_the_others_stay() -> None:
    text = make_calendar(
        "SUMMARY:Zoe\nDTSTART:20260701T000000Z\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=3",
        "SUMMARY:Ben & Zoe\nDTSTART:20260710T000000Z\nDURATION:P1D",
        "DTSTART:20260711T000000Z\nDURATION:P1D",
        "SUMMARY:Ben\nDTSTART:20260712T000000Z",
    )

    assert read(text) == Imported(
        (Shift(utc(2026, 7, 10), utc(2026, 7, 11), (BEN,)),),
        (
            "Events that have no length were left out: 1.",
            "“Zoe” is nobody here. Shifts that lack somebody: 4, the first on 2026-07-01.",
            "Nobody is named. Shifts that lack somebody: 1, the first on 2026-07-11.",
        ),
    )


def test_read_calendar__a_cancelled_event__left_out() -> None:
    text = make_calendar("SUMMARY:Ben\nSTATUS:CANCELLED\nDTSTART:20260701T000000Z\nDURATION:P1D")

    assert read(text) == Imported((), ("It has no events in this time.",))


def test_read_calendar__things_that_are_no_events__passed_over() -> None:
    alarm = "BEGIN:VALARM\nTRIGGER:banana\nEND:VALARM"
    text = make_calendar(
        f"SUMMARY:Ben\nDTSTART:20260701T000000Z\nDURATION:P1D\nDESCRIPTION:of\n  two lines\n{alarm}",
        head="BEGIN:VTODO\nRRULE:FREQ=SECONDLY\nEND:VTODO\n",
    )

    assert [shift.people for shift in read(text).shifts] == [(BEN,)]


EVENT = "SUMMARY:Ben\nDTSTART:20260701T000000Z\nDURATION:P1D"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "It is empty."),
        ("<html>", "It doesn't begin with BEGIN:VCALENDAR, so it is no iCalendar file."),
        (make_calendar(EVENT)[:60], "It breaks off within VEVENT: its end is missing."),
        (make_calendar(EVENT)[:-15], "It breaks off within VCALENDAR: its end is missing."),
        (make_calendar("END:VCALENDAR"), "Line 5: END:VCALENDAR comes where END:VEVENT should."),
        (make_calendar("Ben on Monday"), "Line 5 is none of a calendar: “Ben on Monday”."),
        (make_calendar("SUMMARY:Ben"), "Line 3: the event has no DTSTART."),
        (make_calendar(f"{EVENT}\nDTSTART:20260101"), "Line 8: the event has a second DTSTART."),
        (make_calendar(EVENT) * 2, "Line 10: a second calendar begins; put each into a file of its own."),
        (make_calendar("SUMMARY:Ben\nDTSTART:banana"), "“Ben”: DTSTART can't be read: Expected time, got: banana."),
        (
            make_calendar("SUMMARY:Ben\nDTSTART:20260230T000000Z"),
            "“Ben”: DTSTART can't be read: Wrong datetime format: 20260230T000000Z.",
        ),
        (
            make_calendar("SUMMARY:Ben\nDTSTART:20260702T000000Z\nDTEND:20260701T000000Z"),
            "“Ben” ends before it begins, on 2026-07-02.",
        ),
        (
            make_calendar("SUMMARY:Ben\nDTSTART;TZID=Mars/Olympus:20260702T000000"),
            "Line 6: nobody knows the time zone “Mars/Olympus”; use one like Europe/Berlin.",
        ),
        (make_calendar(f"{EVENT}\nRRULE:every Monday"), "Line 8: “every Monday” is no recurrence rule."),
        (
            make_calendar(f"{EVENT}\nRRULE:FREQ=FORTNIGHTLY"),
            "Line 8: FREQ is none of DAILY, HOURLY, MONTHLY, WEEKLY, YEARLY.",
        ),
        (
            make_calendar(f"{EVENT}\nRRULE:FREQ=DAILY;COUNT=x"),
            "“Ben”: RRULE can't be read: Expected int, got: x.",
        ),
        (
            make_calendar(f"{EVENT}\nRRULE:FREQ=DAILY;RSCALE=HEBREW"),
            "“RSCALE=HEBREW;FREQ=DAILY” can't be followed: unknown parameter 'RSCALE'.",
        ),
        (make_calendar(f"{EVENT}\nRRULE:FREQ=SECONDLY"), "Line 8: the event recurs more often than once an hour."),
        (make_calendar(f"{EVENT}\nRRULE:FREQ=DAILY;INTERVAL=0"), "Line 8: INTERVAL is not between 1 and 400."),
        (make_calendar(f"{EVENT}\nEXRULE:FREQ=DAILY"), "Line 8: EXRULE is not supported; name the days with EXDATE."),
        ("BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\n" * 10, "Line 9: more than 8 things stand within each other."),
        ("BEGIN:VCALENDAR\n\x00", "It contains a zero byte."),
    ],
)
def test_read_calendar__a_broken_file__refused_in_words(text: str, message: str) -> None:
    with pytest.raises(CalendarInvalid) as refused:
        read(text)

    assert str(refused.value) == message


def test_read_calendar__another_encoding__refused_in_words() -> None:
    with pytest.raises(CalendarInvalid, match=r"Line 2 is not written in UTF-8\."):
        read_calendar(b"BEGIN:VCALENDAR\nX-A:Z\xfcrich", start=START, end=END, find_person=IDS.get)


JANUARY = EVENT.replace("202607", "202601")
HALF_HOURS = [f"{utc(2026, 1, 1) + number * DAY / 48:%Y%m%dT%H%M%SZ}" for number in range(6000)]
ENDLESS = "it has more|its rules recur too often|more often than|the rule has more|can't be followed"


@pytest.mark.parametrize(
    "text",
    [
        make_calendar(EVENT) + "X" * 1024 * 1024,
        make_calendar(*[EVENT] * 5001),
        make_calendar(f"{JANUARY}\nRRULE:FREQ=HOURLY;COUNT=999999999"),
        make_calendar(f"{EVENT}\nRRULE:FREQ=MINUTELY"),
        make_calendar(f"{EVENT}\nRRULE:FREQ=DAILY;BYMINUTE={','.join(map(str, range(60)))}"),
        make_calendar(f"{JANUARY}\nRRULE:FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))}"),
        make_calendar(f"{EVENT}\nRRULE:FREQ=YEARLY;BYSETPOS={','.join(map(str, range(1, 367)))}"),
        make_calendar(EVENT.replace("2026", "0001") + "\nRRULE:FREQ=HOURLY"),
        make_calendar(*[EVENT.replace("2026", "1000") + "\nRRULE:FREQ=DAILY;INTERVAL=2"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=HOURLY;INTERVAL=24;BYHOUR=5"] * 1000),
        make_calendar(*[f"{EVENT}\nRRULE:FREQ=WEEKLY;INTERVAL=400;BYMONTH=2;BYMONTHDAY=30"] * 1000),
        make_calendar(f"{EVENT}\nRDATE:{','.join(HALF_HOURS)}"),
    ],
    ids=[
        "too many bytes",
        "too many events",
        "a huge count",
        "every minute",
        "minutes by list",
        "hours by list",
        "positions by list",
        "every hour since the year 1",
        "a thousand rules since the year 1000",
        "days that never come",
        "weeks that never come",
        "months that never come",
        "years that never come",
        "hours that never come",
        "an hour that never comes",
        "long weeks that never come",
        "dates by the thousand",
    ],
)
def test_read_calendar__a_bomb__refused_in_bounded_time(text: str) -> None:
    started = clock.process_time()

    with pytest.raises(CalendarInvalid, match=f"(?i){ENDLESS}"):
        read(text)

    assert clock.process_time() - started < 10


def test_read_calendar__changed_instances_by_the_thousand__bounded() -> None:
    rule = f"{EVENT.replace('2026', '1990')}\nSEQUENCE:5\nRRULE:FREQ=DAILY"
    changed = [
        f"SUMMARY:Ben\nSEQUENCE:1\nRRULE:FREQ=DAILY\nRECURRENCE-ID:{day:%Y%m%d}T000000Z\nDTSTART:{day:%Y%m%d}T010000Z"
        for day in (utc(2026, 1, 1) + number * DAY for number in range(3000))
    ]
    text = re.sub(r"UID:\d+", "UID:0", make_calendar(rule, *changed))

    started = clock.process_time()
    with pytest.raises(CalendarInvalid, match="Its rules recur too often"):
        read(text)
    assert clock.process_time() - started < 10


@pytest.mark.parametrize(
    "lines",
    [f"SUMMARY:{'Ben ' * 200_000}", "SUMMARY:Somebody\n" + "ATTENDEE:mailto:ben@example.com\n" * 30_000],
    ids=["a long summary", "many attendees"],
)
def test_read_calendar__a_large_event_that_recurs_often__bounded(lines: str) -> None:
    text = make_calendar(f"{lines}\nDTSTART:20260101T000000Z\nDURATION:PT1H\nRRULE:FREQ=HOURLY;COUNT=4900")

    started = clock.process_time()
    assert read(text).shifts == ()
    assert clock.process_time() - started < 10


def test_read_calendar__a_line_folded_within_a_character__read() -> None:
    data = make_calendar(EVENT.replace("Ben", "Bén")).encode().replace(b"\xc3", b"\xc3\r\n ")

    found = read_calendar(data, start=START, end=END, find_person={"Bén": BEN}.get)

    assert [shift.people for shift in found.shifts] == [(BEN,)]


@pytest.mark.parametrize(("start", "end"), [(START, START), (START, START + 401 * DAY), (END, START)])
def test_read_calendar__a_time_without_length_or_too_long__refused(start: datetime, end: datetime) -> None:
    with pytest.raises(ValueError, match="at most 400 days"):
        read(make_calendar(EVENT), start, end)


@given(data=st.data())
def test_read_calendar__a_calendar_damaged_anywhere__read_or_refused_in_words(data: st.DataObject) -> None:
    text = make_calendar(WEEKLY, EVENT)
    at = data.draw(st.integers(0, len(text)))
    until = at + data.draw(st.integers(0, 20))
    damaged = text[:at] + data.draw(st.text(st.characters(codec="utf-8"), max_size=5)) + text[until:]

    found = Imported(())
    with suppress(CalendarInvalid):
        found = read(damaged)

    assert all(START <= shift.start < shift.end <= END for shift in found.shifts)
