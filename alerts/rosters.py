"""Reading on-call schedules: who is on call, until when, whose shifts come, where nobody is on call.

People whose account is switched off count as nobody everywhere here: a turn of theirs falls to the layer below, an override
by them is as if it was not there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from alerts.models import OnCallCalendar, OnCallLayer, OnCallOverride, OnCallParticipant, OnCallSchedule
from alerts.oncall import schedule as judgement
from alerts.oncall.drafts import count_changes
from alerts.oncall.rotations import Layer, People, Restriction, Rotation, Span
from alerts.oncall.schedule import Override, Schedule, Shift

GAP_HORIZON = timedelta(days=30)
#: How far is looked for who comes next.
NEXT_HORIZON = timedelta(days=14)
#: How many handoffs and windows of hours are looked through in several schedules together: a tenth of a second, a second at
#: worst. Where there are more, because many schedules change all the time, less far ahead is looked, but a day in any case.
MAX_LOOKED_THROUGH = 50_000
_LEAST_HORIZON = timedelta(days=1)
#: Calendars are read every hour; one that fails so often in a row needs somebody.
WORRYING_FAILURES = 3


@dataclass(frozen=True, slots=True)
class OnCallNow:
    """Who is on call in a schedule at a moment, and until when.

    `until` None: nothing changes as far as was looked. `next` is who comes then; nobody is empty, as in `people`.
    """

    people: tuple[User, ...]
    until: datetime | None
    next: tuple[User, ...]


@dataclass(frozen=True, slots=True)
class Gaps:
    """When nobody is on call, for each schedule that has such times; `ahead` is how far was looked."""

    ahead: timedelta
    spans: dict[OnCallSchedule, list[Span]]


@dataclass(frozen=True, slots=True)
class PersonalShift:
    """A shift of a person and the schedule it is of."""

    schedule: OnCallSchedule
    shift: Shift


def list_people() -> QuerySet[User]:
    """Return who can be on call: everybody whose account is on."""
    return get_user_model().objects.filter(is_active=True).order_by("username")


def find_on_call(schedule_id: int, at: datetime) -> list[User]:
    """Return who is on call at a moment, in the order of the turn; nobody too if there is no such schedule."""
    known = read_schedules([schedule_id], since=at, until=at)
    ids = judgement.find_on_call(known[schedule_id], at) if schedule_id in known else ()
    people = read_people(ids)
    return [people[each] for each in ids]


def list_on_call_now(
    now: datetime, schedules: Iterable[OnCallSchedule] | None = None
) -> dict[OnCallSchedule, OnCallNow]:
    """Return who is on call in each schedule, by name; all of them if none are given. The queries don't grow with them.

    Who comes next is looked for 14 days ahead, less if that is much to look through.
    """
    rows = list(OnCallSchedule.objects.order_by("name") if schedules is None else schedules)
    known = read_schedules([row.pk for row in rows], since=now, until=now + NEXT_HORIZON)
    return _describe_now(rows, known, now, ahead=_find_horizon(known.values(), NEXT_HORIZON))


def find_on_call_now(now: datetime, schedule: OnCallSchedule) -> OnCallNow:
    """Return who is on call in one schedule; who comes next is looked for a year ahead."""
    known = read_schedules([schedule.pk], since=now)
    return _describe_now([schedule], known, now, ahead=judgement.HANDOFF_HORIZON)[schedule]


def _describe_now(
    rows: Sequence[OnCallSchedule], known: Mapping[int, Schedule], now: datetime, *, ahead: timedelta
) -> dict[OnCallSchedule, OnCallNow]:
    ids = {pk: judgement.find_on_call(each, now) for pk, each in known.items()}
    handoffs = {pk: judgement.find_next_handoff(each, now, ahead=ahead) for pk, each in known.items()}
    wanted = {person for each in ids.values() for person in each}
    wanted |= {person for each in handoffs.values() if each for person in each.after}
    people = read_people(wanted)
    found = {}
    for row in rows:
        handoff = handoffs[row.pk]
        found[row] = OnCallNow(
            people=tuple(people[each] for each in ids[row.pk]),
            until=handoff.at if handoff else None,
            next=tuple(people[each] for each in handoff.after) if handoff else (),
        )
    return found


def list_shifts(schedule_id: int, start: datetime, end: datetime) -> list[Shift]:
    """Return who is on call from `start` to `end`; see alerts.oncall.schedule.list_shifts."""
    return judgement.list_shifts(read_schedules([schedule_id], since=start, until=end)[schedule_id], start, end)


def list_shifts_of(person_id: int, start: datetime, end: datetime) -> list[PersonalShift]:
    """Return a person's shifts in all schedules, sorted; those that differ in whom they are shared with are apart."""
    rows = {row.pk: row for row in _list_schedules_of(person_id, start, end)}
    return _list_shifts_of(person_id, rows, read_schedules(rows, since=start, until=end), start, end)


def list_coming_shifts_of(
    person_id: int, now: datetime, *, behind: timedelta, ahead: timedelta
) -> tuple[list[PersonalShift], timedelta]:
    """Return a person's shifts that are not over, from their beginning if that is not longer ago than `behind`, and how far was looked.

    That is `ahead`, less if that is much to look through.
    """
    start, end = now - behind, now + ahead
    rows = {row.pk: row for row in _list_schedules_of(person_id, start, end)}
    known = read_schedules(rows, since=start, until=end)
    horizon = _find_horizon(known.values(), ahead)
    found = _list_shifts_of(person_id, rows, known, now - min(behind, horizon), now + horizon)
    return [each for each in found if each.shift.end > now], horizon


def list_gaps(now: datetime, schedules: Iterable[OnCallSchedule] | None = None) -> Gaps:
    """Return when nobody is on call in the next 30 days, or fewer if that is much to look through."""
    rows = {row.pk: row for row in (OnCallSchedule.objects.order_by("name") if schedules is None else schedules)}
    known = read_schedules(rows, since=now, until=now + GAP_HORIZON)
    ahead = _find_horizon(known.values(), GAP_HORIZON)
    gaps = {pk: judgement.list_gaps(each, now, now + ahead) for pk, each in known.items()}
    return Gaps(ahead, {rows[pk]: gaps[pk] for pk in rows if gaps[pk]})


def list_used_schedules() -> QuerySet[OnCallSchedule]:
    """Return the schedules that a step of an escalation policy reaches."""
    return OnCallSchedule.objects.filter(policy_steps__kind="schedule").distinct().order_by("name")


def list_broken_calendars() -> list[OnCallCalendar]:
    """Return the calendars with an address that could not be read several times in a row, the longest broken first."""
    broken = OnCallCalendar.objects.filter(failures__gte=WORRYING_FAILURES).select_related("schedule")
    return list(broken.order_by("failing_since", "pk"))


def read_people(ids: Iterable[int]) -> dict[int, User]:
    """Return people by id, also those whose account is off."""
    return dict(get_user_model().objects.in_bulk(list(set(ids))))


def name_person(person: Any) -> str:
    """Return what a person is called on screens and in calendars."""
    return str(person.get_full_name() or person.get_username())


def name_people(people: Iterable[Any]) -> str:
    """Return the names of several people, joined by commas."""
    return ", ".join(name_person(person) for person in people)


def read_schedules(ids: Iterable[int], *, since: datetime, until: datetime | None = None) -> dict[int, Schedule]:
    """Return schedules by id, ready to be judged from `since` (to `until`): overrides that are over or begin later are left out."""
    wanted = list(ids)
    layers, overrides = defaultdict(list), defaultdict(list)
    for layer in _list_layers(wanted):
        layers[layer.schedule_id].append(describe_layer(layer, only_active=True))
    for schedule_id, override in _list_overrides(wanted, since, until):
        overrides[schedule_id].append(override)
    found = OnCallSchedule.objects.filter(pk__in=wanted).values_list("pk", flat=True)
    return {pk: Schedule(tuple(layers[pk]), tuple(overrides[pk])) for pk in found}


def describe_layer(layer: OnCallLayer, *, only_active: bool = False) -> Layer:
    """Return a stored layer as the judging code takes it."""
    turns: dict[int, list[int]] = defaultdict(list)
    for each in layer.participants.all():
        turns[each.turn] += [each.person_id] if each.person.is_active or not only_active else []
    return Layer(
        layer_id=layer.pk,
        name=layer.name,
        zone=layer.zone,
        starts_at=layer.starts_at,
        ends_at=layer.ends_at,
        rotation=Rotation(layer.rotation),
        interval=layer.interval,
        participants=tuple(tuple(turns[turn]) for turn in sorted(turns)),
        restrictions=read_restrictions(layer.restrictions),
    )


def describe_layers(schedule_id: int) -> tuple[Layer, ...]:
    """Return a schedule's layers as they were entered, the lowest first."""
    return tuple(describe_layer(layer) for layer in _list_layers([schedule_id]))


def leave_out_inactive(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Return layers as they were entered as the judging code takes them: turns of people whose account is off have nobody."""
    drafted = tuple(layers)
    wanted = {person for layer in drafted for turn in layer.participants for person in turn}
    active = set(list_people().filter(pk__in=wanted).values_list("pk", flat=True))
    return tuple(
        replace(
            layer, participants=tuple(tuple(each for each in turn if each in active) for turn in layer.participants)
        )
        for layer in drafted
    )


def read_restrictions(stored: Sequence[Mapping[str, Any]]) -> tuple[Restriction, ...]:
    """Return stored windows of hours; raise ValueError, KeyError or TypeError for what is none."""
    return tuple(
        Restriction(frozenset(each["weekdays"]), time.fromisoformat(each["begins"]), time.fromisoformat(each["ends"]))
        for each in stored
    )


def write_restrictions(restrictions: Iterable[Restriction]) -> list[dict[str, Any]]:
    """Return windows of hours as they are stored and as REST shows them."""
    return [
        {"weekdays": sorted(each.weekdays), "begins": _write_time(each.begins), "ends": _write_time(each.ends)}
        for each in restrictions
    ]


def _write_time(moment: time) -> str:
    return moment.isoformat("seconds" if moment.second else "minutes")


def _list_layers(ids: list[int]) -> QuerySet[OnCallLayer]:
    layers = OnCallLayer.objects.filter(schedule_id__in=ids).order_by("schedule_id", "position", "pk")
    return layers.prefetch_related("participants__person")


def _find_horizon(schedules: Iterable[Schedule], longest: timedelta) -> timedelta:
    """Return how far ahead to look in several schedules together."""
    changes = sum(count_changes(schedule.layers) for schedule in schedules)
    return max(_LEAST_HORIZON, min(longest, MAX_LOOKED_THROUGH / max(changes, 1) * timedelta(days=1)))


def _list_schedules_of(person_id: int, start: datetime, end: datetime) -> QuerySet[OnCallSchedule]:
    """Return the schedules in which a person has a turn, or overrides somebody at a time."""
    overridden = OnCallOverride.objects.filter(people=person_id, ends_at__gt=start, starts_at__lt=end)
    in_turns = OnCallParticipant.objects.filter(person=person_id)
    mine = Q(pk__in=in_turns.values("layer__schedule")) | Q(pk__in=overridden.values("schedule"))
    return OnCallSchedule.objects.filter(mine).order_by("name")


def _list_shifts_of(
    person_id: int,
    rows: Mapping[int, OnCallSchedule],
    known: Mapping[int, Schedule],
    start: datetime,
    end: datetime,
) -> list[PersonalShift]:
    found = [
        PersonalShift(rows[pk], shift)
        for pk, each in known.items()
        for shift in judgement.list_shifts(each, start, end)
        if person_id in shift.people
    ]
    return sorted(found, key=lambda each: (each.shift.start, each.schedule.name))


def _list_overrides(ids: list[int], since: datetime, until: datetime | None) -> list[tuple[int, Override]]:
    """Return overrides with their schedules: those of calendars first, so that what people enter goes on top of them."""
    rows = OnCallOverride.objects.filter(schedule_id__in=ids, ends_at__gt=since)
    rows = rows if until is None else rows.filter(starts_at__lte=until)
    ordered = sorted(rows, key=lambda row: (row.calendar_id is None, row.pk))
    people = _list_override_people([row.pk for row in ordered])
    return [
        (row.schedule_id, Override(row.pk, _utc(row.starts_at), _utc(row.ends_at), people[row.pk], row.replaces_id))
        for row in ordered
        if row.pk in people
    ]


def _list_override_people(ids: list[int]) -> dict[int, People]:
    """Return the people of overrides in the order in which they were entered; none for those that have nobody left."""
    found: dict[int, list[int]] = defaultdict(list)
    through = OnCallOverride.people.through.objects.filter(oncalloverride_id__in=ids, user__is_active=True)
    for override_id, person_id in through.order_by("pk").values_list("oncalloverride_id", "user_id"):
        found[override_id].append(person_id)
    return {override_id: tuple(people) for override_id, people in found.items()}


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
