"""Calendars in and out: shifts of a calendar kept elsewhere become overrides; feeds are secret addresses to subscribe to."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction

from alerts.models import OnCallCalendar, OnCallFeed, OnCallOverride, OnCallSchedule
from alerts.oncall.calendars import MAX_WINDOW, CalendarInvalid, read_calendar, write_titled
from alerts.oncall.drafts import MAX_OVERRIDE, MAX_OVERRIDES
from alerts.oncall.events import flatten_shifts
from alerts.oncall.schedule import Shift
from alerts.rosters import list_people, list_shifts, list_shifts_of, name_people, name_person, read_people
from config.actors import Actor

MAX_NAME_CHARACTERS = 100
#: 256 bits: nothing to guess, so the hash needs no salt and is not slow.
TOKEN_BYTES = 32
MONTHS_AHEAD = 6
_FIRST_CUT = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Import:
    """What a calendar says from now on: shifts, sorted and disjoint, and what of it can't be used, in words."""

    shifts: tuple[Shift, ...]
    warnings: tuple[str, ...]


def preview_calendar(*, schedule: OnCallSchedule, data: bytes, now: datetime) -> Import:
    """Return what import_calendar would store; raise CalendarInvalid. Nothing is stored."""
    start = now.astimezone(UTC).replace(second=0, microsecond=0)
    read = read_calendar(data, start=start, end=start + MAX_WINDOW, find_person=make_finder(), zone=schedule.zone)
    shifts = [part for shift in flatten_shifts(read.shifts) for part in _split(shift)]
    if not shifts:
        raise CalendarInvalid(" ".join(["None of its events from now on names somebody here.", *read.warnings]))
    if len(shifts) > MAX_OVERRIDES:
        raise CalendarInvalid(f"It has {len(shifts)} shifts; a schedule can have {MAX_OVERRIDES} overrides at most.")
    return Import(tuple(shifts), read.warnings)


@transaction.atomic
def import_calendar(*, schedule: OnCallSchedule, name: str, data: bytes, by: Actor, now: datetime) -> Import:
    """Take the shifts of a calendar from now on as overrides; raise CalendarInvalid, and store nothing, if it can't be used.

    Shifts of an earlier import under the same name that are to come are replaced; what has been stays. What people
    override by hand goes on top of what comes from calendars.
    """
    name = check_name(name)
    lock_schedule(schedule)
    if schedule.calendars.filter(name=name).exclude(host="").exists():
        raise CalendarInvalid(f"“{name}” is read from an address. Take it out first, or choose another name.")
    found = preview_calendar(schedule=schedule, data=data, now=now)
    calendar, _ = OnCallCalendar.objects.get_or_create(schedule=schedule, name=name, defaults={"imported_at": now})
    take_shifts(calendar=calendar, found=found, author_name=by.name, now=now)
    return found


def check_name(name: str) -> str:
    """Return a calendar's name without blanks around it; raise CalendarInvalid for one that can't be."""
    name = name.strip()
    if not name or len(name) > MAX_NAME_CHARACTERS or "\x00" in name:
        raise CalendarInvalid(f"Give the calendar a name of at most {MAX_NAME_CHARACTERS} characters.")
    return name


def lock_schedule(schedule: OnCallSchedule) -> None:
    """Let changes of a schedule's overrides wait for each other, in the caller's transaction."""
    OnCallSchedule.objects.select_for_update().get(pk=schedule.pk)


def lock_calendar(calendar: OnCallCalendar) -> OnCallCalendar | None:
    """Return a calendar as it is under its schedule's lock and its own, in the caller's transaction; None if it is gone."""
    # Whoever writes its shifts takes these two in this order. With the schedule, the calendar is gone too.
    OnCallSchedule.objects.select_for_update().filter(pk=calendar.schedule_id).first()
    return OnCallCalendar.objects.select_for_update().filter(pk=calendar.pk).first()


def take_shifts(*, calendar: OnCallCalendar, found: Import, author_name: str, now: datetime) -> None:
    """Have a calendar's shifts to come be these, in the caller's transaction, under the schedule's lock.

    Shifts that are the same as before stay the rows they are, so that calendars that show them don't see others. Raises
    CalendarInvalid if the schedule had too many then.
    """
    others = OnCallOverride.objects.filter(schedule=calendar.schedule_id, ends_at__gt=now).exclude(calendar=calendar)
    if others.count() + len(found.shifts) > MAX_OVERRIDES:
        raise CalendarInvalid(f"A schedule can have {MAX_OVERRIDES} overrides at most; with these it has more.")
    calendar.warnings, calendar.imported_at = list(found.warnings), now
    calendar.imported_by_name = author_name[:150]
    calendar.save(update_fields=["warnings", "imported_at", "imported_by_name"])
    fresh = _keep_same(calendar, found.shifts, now)
    _store(calendar, fresh, author_name)


@transaction.atomic
def remove_calendar(*, calendar: OnCallCalendar, now: datetime) -> None:
    """Take a calendar out of its schedule: its shifts to come are gone, what has been stays as overrides without it.

    One that was taken out meanwhile is left at that.
    """
    row = lock_calendar(calendar)
    if row is None:
        return
    _forget_coming(row, now)
    OnCallOverride.objects.filter(calendar=row).update(calendar=None)
    row.delete()


@transaction.atomic
def renew_feed(*, now: datetime, schedule: OnCallSchedule | None = None, person_id: int | None = None) -> OnCallFeed:
    """Make the feed of a schedule or of a person; the address it had before stops working at once."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    OnCallFeed.objects.filter(schedule=schedule, person_id=person_id).delete()
    return OnCallFeed.objects.create(
        schedule=schedule, person_id=person_id, token=token, token_hash=hash_token(token), made_at=now
    )


def find_feed(token: str) -> OnCallFeed | None:
    """Return the feed that a token opens, None if there is none or its person's account is off.

    It is looked up by its hash, and the hashes compared in constant time: how long it takes tells nothing about other tokens.
    """
    wanted = hash_token(token)
    feed = OnCallFeed.objects.select_related("schedule", "person").defer("token").filter(token_hash=wanted).first()
    if feed is None or not hmac.compare_digest(bytes(feed.token_hash), wanted):
        return None
    return feed if feed.person is None or feed.person.is_active else None


def write_feed(feed: OnCallFeed, *, now: datetime, base_url: str) -> bytes:
    """Return a feed as a calendar, from the beginning of last month to six months ahead."""
    start, end = _list_feed_edges(now)
    if feed.schedule is not None:
        schedule = feed.schedule
        shifts = list_shifts(schedule.pk, start, end)
        people = read_people(person for shift in shifts for person in shift.people)
        titled = [(name_people(people[each] for each in shift.people), shift) for shift in shifts]
        return write_titled(f"On call: {schedule}", titled, now, base_url + schedule.get_absolute_url())
    assert feed.person_id is not None, "a constraint says so"
    mine = list_shifts_of(feed.person_id, start, end)
    titled = [(f"On call: {each.schedule}", each.shift) for each in mine]
    return write_titled(f"On call: {name_person(feed.person)}", titled, now, f"{base_url}/admin/on-call/")


def hash_token(token: str) -> bytes:
    """Return the 32 bytes that a token is found by."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def make_finder(members: Iterable[int] = ()) -> Callable[[str], int | None]:
    """Return what finds a person by user name, mail address or full name, letters' case aside; None if it could be several.

    Of people whose account is switched off only `members` are found, by user name.
    """
    known: dict[str, int] = {}
    named: Counter[str] = Counter()
    for person in list_people():
        for name in {text.casefold() for text in (person.username, person.email, person.get_full_name()) if text}:
            named[name] += 1
            known[name] = person.pk
    for person in [*list_people(), *read_people(members).values()]:
        # A user name is nobody else's, whatever others are called.
        known[person.username.casefold()] = person.pk
        named[person.username.casefold()] = 1

    def find(text: str) -> int | None:
        name = text.strip().casefold().removeprefix("mailto:")
        return known[name] if named[name] == 1 else None

    return find


def _split(shift: Shift) -> list[Shift]:
    """Return a shift in parts that an override can be as long as.

    It is cut at fixed moments, not so long after its start: that of one that runs is the moment it is read at.
    """
    parts, start = [], shift.start
    while start < shift.end:
        cut = start + MAX_OVERRIDE - (start - _FIRST_CUT) % MAX_OVERRIDE
        end = min(shift.end, cut)
        parts.append(Shift(start, end, shift.people))
        start = end
    return parts


def _keep_same(calendar: OnCallCalendar, shifts: Sequence[Shift], now: datetime) -> list[Shift]:
    """Forget the shifts to come of a calendar that are not among these; return those of these that are not there yet.

    One of the same people from the same moment stays the row it is, and ends when it ends now: the last of a calendar
    without an end goes on with what is read of it. For one that runs, that moment is now.
    """
    wanted = {_identify(shift.start, shift.people, now): shift for shift in shifts}
    strangers, moved = [], []
    for row in calendar.overrides.filter(ends_at__gt=now).prefetch_related("people"):
        shift = wanted.pop(_identify(row.starts_at, [person.pk for person in row.people.all()], now), None)
        if shift is None:
            strangers.append(row.pk)
        elif row.ends_at != shift.end:
            row.ends_at = shift.end
            moved.append(row)
    _forget_coming(calendar, now, only=strangers)
    OnCallOverride.objects.bulk_update(moved, ["ends_at"])
    return list(wanted.values())


def _identify(start: datetime, people: Iterable[int], now: datetime) -> tuple[Any, ...]:
    return (start if start > now else None, frozenset(people))


def _forget_coming(calendar: OnCallCalendar, now: datetime, *, only: Sequence[int] | None = None) -> None:
    """Delete the shifts to come of a calendar, and end the one that runs; all of them, or those of these ids."""
    rows = calendar.overrides.all() if only is None else calendar.overrides.filter(pk__in=only)
    rows.filter(starts_at__gte=now).delete()
    rows.filter(ends_at__gt=now, starts_at__lt=now).update(ends_at=now)


def _store(calendar: OnCallCalendar, shifts: Sequence[Shift], author_name: str) -> None:
    rows = OnCallOverride.objects.bulk_create(
        OnCallOverride(
            schedule_id=calendar.schedule_id,
            starts_at=shift.start,
            ends_at=shift.end,
            reason=calendar.name,
            author_name=author_name[:150],
            calendar=calendar,
        )
        for shift in shifts
    )
    through = OnCallOverride.people.through
    through.objects.bulk_create(
        through(oncalloverride_id=row.pk, user_id=person)
        for row, shift in zip(rows, shifts, strict=True)
        for person in shift.people
    )


def _list_feed_edges(now: datetime) -> tuple[datetime, datetime]:
    """Return firsts of months: a shift that is cut at a fixed time keeps its identity for calendars."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    start = (first - timedelta(days=1)).replace(day=1)
    months = first.month - 1 + MONTHS_AHEAD + 1
    return start, first.replace(year=first.year + months // 12, month=months % 12 + 1)
