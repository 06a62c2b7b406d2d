"""Making, changing and deleting on-call schedules; overriding who is on call for a time, and taking that back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from alerts.belonging import describe_strangers
from alerts.models import OnCallLayer, OnCallOverride, OnCallParticipant, OnCallSchedule, Policy, PolicyStep
from alerts.oncall.drafts import MAX_OVERRIDES, ScheduleInvalid, check_override, check_schedule
from alerts.oncall.rotations import Layer, People
from alerts.oncall.schedule import Override, Schedule
from alerts.rosters import describe_layers, list_people, name_person, write_restrictions
from config.actors import Actor
from monitoring.applications.selectors import list_applications
from monitoring.uptime.cron_lines import find_zone

MAX_DESCRIPTION_CHARACTERS = 5000
MAX_REASON_CHARACTERS = 300
MAX_SCHEDULES = 200
#: One advisory lock for whoever saves a schedule, or many at once could be more than there can be.
_LOCK = 0x6F6E6361
NAME_TAKEN = "There is a schedule of this name already."


class ScheduleInUse(Exception):
    """A schedule that an escalation policy reaches can't be deleted."""


class OverrideOver(Exception):
    """An override that is over, or that came from a calendar, can't be taken back."""


@dataclass(frozen=True, slots=True)
class ScheduleDraft:
    """A schedule as someone entered it. A layer whose `layer_id` is one of the schedule's is that one, changed; others are new."""

    name: str
    layers: tuple[Layer, ...]
    zone: str = "UTC"
    description: str = ""
    application_id: int | None = None


@dataclass(frozen=True, slots=True)
class OverrideDraft:
    """An override as someone entered it; `replaces` makes it a swap. Times are instants."""

    starts_at: datetime
    ends_at: datetime
    people: People
    replaces: int | None = None
    reason: str = ""


def draft_of(schedule: OnCallSchedule) -> ScheduleDraft:
    """Return a stored schedule as a draft, to be changed and saved again."""
    return ScheduleDraft(
        name=schedule.name,
        layers=describe_layers(schedule.pk),
        zone=schedule.zone,
        description=schedule.description,
        application_id=schedule.application_id,
    )


def check_draft(draft: ScheduleDraft, *, schedule: OnCallSchedule | None = None) -> None:
    """Raise ScheduleInvalid, with all that is wrong by field, unless the draft can be saved (as `schedule`, if given).

    Whoever is in the schedule may stay in it, also with an account that was switched off since.
    """
    errors: dict[str, str] = {}
    try:
        check_schedule(draft.name, Schedule(draft.layers))
    except ScheduleInvalid as error:
        errors |= error.errors
    errors |= _find_zone_errors(draft.zone)
    if len(draft.description) > MAX_DESCRIPTION_CHARACTERS or "\x00" in draft.description:
        errors["description"] = f"Write at most {MAX_DESCRIPTION_CHARACTERS} characters, none of them a zero byte."
    named = OnCallSchedule.objects.filter(name=draft.name.strip()).exclude(pk=schedule.pk if schedule else 0)
    if "name" not in errors and named.exists():
        errors["name"] = NAME_TAKEN
    if draft.application_id is not None and not list_applications().filter(pk=draft.application_id).exists():
        errors["application"] = "This application does not exist any more."
    elif schedule is not None and (strangers := _find_policies_elsewhere(schedule, draft.application_id)):
        errors["application"] = strangers
    if "name" not in errors and (schedule is None or schedule.application_id != draft.application_id):
        others = OnCallSchedule.objects.filter(Q(application_id=draft.application_id))
        if others.count() >= MAX_SCHEDULES:
            errors["name"] = f"There can be {MAX_SCHEDULES} schedules of one application, or for all, at most."
    members = list_members(schedule) if schedule else frozenset()
    named_in = {f"layers.{index}.participants": layer.participants for index, layer in enumerate(draft.layers)}
    for field, turns in named_in.items():
        people = {person for turn in turns for person in turn}
        if field not in errors and (wrong := find_strangers(people - members)):
            errors[field] = wrong
    if errors:
        raise ScheduleInvalid(errors)


@transaction.atomic
def create_schedule(*, draft: ScheduleDraft) -> OnCallSchedule:
    """Make a schedule; raise ScheduleInvalid, and store nothing, if anything about it is wrong."""
    _lock()
    check_draft(draft)
    schedule = OnCallSchedule()
    _write(schedule, draft)
    return schedule


@transaction.atomic
def change_schedule(*, schedule: OnCallSchedule, draft: ScheduleDraft) -> OnCallSchedule:
    """Change a schedule; raise ScheduleInvalid, and change nothing, if anything about it is wrong.

    Overrides stay. Who was on call before is worked out by the new layers from then on; whom messages reached is kept
    with the messages.
    """
    _lock()
    locked = OnCallSchedule.objects.select_for_update().get(pk=schedule.pk)
    check_draft(draft, schedule=locked)
    _write(locked, draft)
    return locked


@transaction.atomic
def delete_schedule(*, schedule: OnCallSchedule) -> None:
    """Delete a schedule with all that is in it; raise ScheduleInUse while a policy reaches it."""
    OnCallSchedule.objects.select_for_update().get(pk=schedule.pk)
    policies = PolicyStep.objects.filter(schedules=schedule).order_by("policy__name")
    names = sorted(set(policies.values_list("policy__name", flat=True)))
    if names:
        quoted = ", ".join(f"“{name}”" for name in names)
        raise ScheduleInUse(f"The escalation policy {quoted} reaches it. Take it out of there first.")
    schedule.delete()


@transaction.atomic
def add_override(*, schedule: OnCallSchedule, draft: OverrideDraft, by: Actor) -> OnCallOverride:
    """Have others on call for a time; raise ScheduleInvalid, by the draft's fields, and store nothing, if it can't be so.

    One that would have begun already begins now: who was on call before stays so.
    """
    OnCallSchedule.objects.select_for_update().get(pk=schedule.pk)
    _check_override(schedule, draft)
    override = OnCallOverride.objects.create(
        schedule=schedule,
        starts_at=max(draft.starts_at, timezone.now().replace(microsecond=0)),
        ends_at=draft.ends_at,
        replaces_id=draft.replaces,
        reason=draft.reason.strip(),
        author_name=by.name[:150],
    )
    for person in draft.people:
        override.people.add(person)
    return override


@transaction.atomic
def cancel_override(*, override_id: int, now: datetime) -> None:
    """Take an override back: one to come is gone, one that has begun ends now, and what was so stays.

    Raises OverrideOver for one that is over or belongs to a calendar; OnCallOverride.DoesNotExist.
    """
    override = OnCallOverride.objects.select_for_update().get(pk=override_id)
    if override.calendar_id is not None:
        raise OverrideOver("It comes from a calendar: change it there and read the calendar in again.")
    if override.ends_at <= now:
        raise OverrideOver("It is over; who was on call stays on record.")
    if override.starts_at < now:
        override.ends_at = now
        override.save(update_fields=["ends_at"])
    else:
        override.delete()


def list_members(schedule: OnCallSchedule) -> frozenset[int]:
    """Return who has turns in a schedule, also those whose account is switched off."""
    members = OnCallParticipant.objects.filter(layer__schedule=schedule)
    return frozenset(members.values_list("person_id", flat=True))


def find_strangers(people: Iterable[int]) -> str:
    """Return in words who of some people can't be on call, empty if everybody can."""
    wanted = set(people)
    missing = wanted - set(list_people().filter(pk__in=wanted).values_list("pk", flat=True))
    if not missing:
        return ""
    known = {person.pk: person for person in list_people().model.objects.filter(pk__in=missing)}
    gone = next(iter(known.values()), None)
    if gone is None:
        return "Somebody does not exist any more."
    return f"The account of {name_person(gone)} is switched off: they can't sign in and are not reached."


def _check_override(schedule: OnCallSchedule, draft: OverrideDraft) -> None:
    errors: dict[str, str] = {}
    try:
        check_override(Override(0, draft.starts_at, draft.ends_at, draft.people, draft.replaces))
    except ScheduleInvalid as error:
        errors |= error.errors
    if "ends_at" not in errors and draft.ends_at <= timezone.now().replace(microsecond=0):
        errors["ends_at"] = "It is over already; who was on call can't be changed afterwards."
    if "people" not in errors and (wrong := find_strangers(draft.people)):
        errors["people"] = wrong
    if len(draft.reason) > MAX_REASON_CHARACTERS or "\x00" in draft.reason:
        errors["reason"] = f"Write at most {MAX_REASON_CHARACTERS} characters, none of them a zero byte."
    if OnCallOverride.objects.filter(schedule=schedule, ends_at__gt=timezone.now()).count() >= MAX_OVERRIDES:
        errors["schedule"] = f"A schedule can have {MAX_OVERRIDES} overrides at most."
    if errors:
        raise ScheduleInvalid(errors)


def _find_policies_elsewhere(schedule: OnCallSchedule, application_id: int | None) -> str:
    """Return in words which policies of others reach a schedule of one application: its keys would decide whom they page."""
    if application_id in (None, schedule.application_id):
        return ""
    policies = Policy.objects.filter(steps__schedules=schedule).distinct()
    return describe_strangers("schedule", policies, application_id=application_id)


def _find_zone_errors(zone: str) -> Mapping[str, str]:
    try:
        find_zone(zone)
    except ValueError as error:
        return {"zone": str(error)}
    return {}


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _write(schedule: OnCallSchedule, draft: ScheduleDraft) -> None:
    schedule.name, schedule.zone = draft.name.strip(), draft.zone
    schedule.description, schedule.application_id = draft.description.strip(), draft.application_id
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        # Somebody else took the name between the check and this moment.
        raise ScheduleInvalid({"name": NAME_TAKEN}) from error
    before = {layer.pk: layer for layer in schedule.layers.all()}
    kept: set[int] = set()
    for position, layer in enumerate(draft.layers):
        # The same id twice: the second one is a new layer.
        row = before[layer.layer_id] if layer.layer_id in before.keys() - kept else OnCallLayer(schedule=schedule)
        _write_layer(row, layer, position)
        kept.add(row.pk)
    OnCallLayer.objects.filter(pk__in=before.keys() - kept).delete()


def _write_layer(row: OnCallLayer, layer: Layer, position: int) -> None:
    row.position, row.name, row.zone = position, layer.name.strip(), layer.zone
    row.rotation, row.interval = layer.rotation.value, layer.interval
    row.starts_at, row.ends_at = layer.starts_at, layer.ends_at
    row.restrictions = write_restrictions(layer.restrictions)
    row.save()
    row.participants.all().delete()
    OnCallParticipant.objects.bulk_create(
        OnCallParticipant(layer=row, turn=turn, place=place, person_id=person)
        for turn, people in enumerate(layer.participants)
        for place, person in enumerate(people)
    )
