"""What pages show of an on-call schedule: weeks with names and colours, and the same as a list for small screens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.urls import reverse

from alerts.models import OnCallSchedule
from alerts.oncall.rotations import People, Span
from alerts.oncall.schedule import Schedule
from alerts.oncall.weeks import WEEKS, Bar, Week, draw_weeks, find_monday
from alerts.rosters import name_people, read_people, read_schedules

COLOURS = 8
SHOWN_GAPS = 8
#: What is narrower than these percents of a week (16 h, 12 h, 5 h) has no room for a name, for “and one more”, for initials.
ROOM, ROOM_FOR_MORE, LITTLE_ROOM = 9.5, 7, 3


@dataclass(frozen=True, slots=True)
class Block:
    """A bar with what is written on it. `url` leads to who could take it over; empty if the reader may not change it."""

    label: str
    title: str
    style: str
    colour: int
    is_gap: bool
    is_override: bool
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of blocks."""

    title: str
    is_final: bool
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """A week: its days with their places, its rows, and where now is (empty: elsewhere)."""

    days: tuple[tuple[date, str], ...]
    lines: tuple[Line, ...]
    now: str
    today: date


@dataclass(frozen=True, slots=True)
class Entry:
    """One shift in the list; times as a clock of the schedule shows them."""

    start: datetime
    end: datetime
    names: str
    colour: int
    is_gap: bool
    is_override: bool
    is_now: bool
    url: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """Four weeks of a schedule; `entries` are the shifts by day, in the schedule's own time."""

    weeks: tuple[Days, ...]
    entries: tuple[tuple[date, tuple[Entry, ...]], ...]
    first: date
    last: date
    before: date
    after: date
    is_current: bool


def draw_stored(schedule: OnCallSchedule, *, monday: date | None, now: datetime, may_override: bool) -> Calendar:
    """Return the weeks of a stored schedule from a Monday on; this week's if there is none."""
    first = monday or find_monday(now, schedule.zone)
    since = datetime.combine(first, datetime.min.time(), ZoneInfo(schedule.zone)) - timedelta(days=1)
    found = read_schedules([schedule.pk], since=since)[schedule.pk]
    override = reverse("admin:alerts_oncallschedule_override", args=[schedule.pk]) if may_override else ""
    return draw(found, zone=schedule.zone, monday=first, now=now, override=override)


def draw(schedule: Schedule, *, zone: str, monday: date, now: datetime, override: str = "") -> Calendar:
    """Return the weeks of a schedule. `override` is the address at which others are put on call."""
    weeks = draw_weeks(schedule, monday=monday, zone=zone, now=now)
    people = read_people(person for week in weeks for row in week.rows for bar in row.bars for person in bar.people)
    brush = _Brush(people, zone, override, now)
    today = now.astimezone(ZoneInfo(zone)).date()
    return Calendar(
        weeks=tuple(brush.draw_week(week, today) for week in weeks),
        entries=tuple(brush.list_entries(weeks)),
        first=monday,
        last=monday + timedelta(days=7 * WEEKS - 1),
        before=monday - timedelta(days=7 * WEEKS),
        after=monday + timedelta(days=7 * WEEKS),
        is_current=monday <= today < monday + timedelta(days=7 * WEEKS),
    )


def write_span(span: Span, zone: str) -> str:
    """Return a time in words, on a clock of the zone: “Sat 30 May 10:00 to Sun 31 May 08:00”."""
    clock = ZoneInfo(zone)
    start, end = span.start.astimezone(clock), span.end.astimezone(clock)
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %-d %b %H:%M}"
    return f"{start:%a %-d %b %H:%M} to {until}"


def write_days(length: timedelta) -> str:
    """Return whole days in words: “14 days”."""
    return f"{length.days} day{'' if length.days == 1 else 's'}"


def write_when(moment: datetime, zone: str) -> str:
    """Return a moment in words, on a clock of the zone: “Sat 30 May 10:00”."""
    return f"{moment.astimezone(ZoneInfo(zone)):%a %-d %b %H:%M}"


@dataclass(frozen=True, slots=True)
class _Brush:
    people: dict[int, User]
    zone: str
    override: str
    now: datetime

    def draw_week(self, week: Week, today: date) -> Days:
        return Days(
            days=tuple((day.date, _place(day.left, day.width)) for day in week.days),
            lines=tuple(
                Line(row.title, row.is_final, tuple(self._draw_bar(bar, is_final=row.is_final) for bar in row.bars))
                for row in week.rows
            ),
            now="" if week.now is None else f"--left:{week.now}%",
            today=today,
        )

    def list_entries(self, weeks: list[Week]) -> Any:
        """Return the shifts by day; of weeks that have begun, those that are not over."""
        finals = [row for week in weeks for row in week.rows if row.is_final]
        has_now = any(week.now is not None for week in weeks)
        bars = {(bar.start, bar.end): bar for row in finals for bar in row.bars if not has_now or bar.end > self.now}
        entries = [
            Entry(
                start=self._read_clock(bar.start),
                end=self._read_clock(bar.end),
                names=self._name(bar.people),
                colour=_pick_colour(bar.people),
                is_gap=not bar.people,
                is_override=bar.is_override,
                is_now=bar.start <= self.now < bar.end,
                url=self._link(bar),
            )
            for bar in bars.values()
        ]
        return ((day, tuple(group)) for day, group in groupby(entries, key=lambda entry: entry.start.date()))

    def _draw_bar(self, bar: Bar, *, is_final: bool) -> Block:
        names = self._name(bar.people)
        when = write_span(Span(bar.start, bar.end), self.zone)
        return Block(
            label=self._shorten(bar, names),
            title=f"{names}: {when}{' (override)' if bar.is_override else ''}",
            style=_place(bar.left, bar.width),
            colour=_pick_colour(bar.people),
            is_gap=not bar.people,
            is_override=bar.is_override,
            url=self._link(bar) if is_final else "",
        )

    def _link(self, bar: Bar) -> str:
        if not self.override or bar.end <= self.now:
            return ""
        query = {
            "from": f"{self._read_clock(max(bar.start, self.now)):%Y-%m-%dT%H:%M}",
            "to": f"{self._read_clock(bar.end):%Y-%m-%dT%H:%M}",
        }
        if bar.people:
            query["replaces"] = str(bar.people[0])
        return f"{self.override}?{urlencode(query)}"

    def _read_clock(self, moment: datetime) -> datetime:
        """Return what a clock of the schedule shows; without a zone, or templates would show the reader's."""
        return moment.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)

    def _shorten(self, bar: Bar, names: str) -> str:
        """Return what a bar has room for: names, initials, or nothing."""
        if bar.width >= ROOM:
            return names
        if bar.width < LITTLE_ROOM or not bar.people:
            return ""
        initials = "".join(word[:1] for word in self._name(bar.people[:1]).split()[:2]).upper()
        return initials if len(bar.people) == 1 or bar.width < ROOM_FOR_MORE else f"{initials}+{len(bar.people) - 1}"

    def _name(self, people: People) -> str:
        return name_people(self.people[person] for person in people) or "Nobody"


def _place(left: float, width: float) -> str:
    return f"--left:{left:.3f}%;--width:{width:.3f}%"


def _pick_colour(people: People) -> int:
    return people[0] % COLOURS + 1 if people else 0
