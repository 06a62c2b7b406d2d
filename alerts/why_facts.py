"""What is known of why an alert did or did not reach a person: the ledger, who was noted as told, the policy as it was then.

The moment of a step is not stored; the policy is walked through again (alerts/retracing.py) from each time it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.contrib.auth import get_user_model

from alerts import why
from alerts.addressing import list_channel_recipients
from alerts.destinations import read_plan
from alerts.dispatch import Reason
from alerts.enums import ChannelKind, HoldKind
from alerts.escalation import REACHING, Cursor, Step, StepKind, find_turn
from alerts.models import (
    Alert,
    AlertGroup,
    Channel,
    ContactMethod,
    GroupMember,
    Notice,
    OnCallLayer,
    OnCallOverride,
    OnCallSchedule,
    Policy,
)
from alerts.recipients import Recipient, recipient_of_told
from alerts.retracing import foresee, retrace
from alerts.rosters import find_on_call, name_people, name_person
from alerts.selectors import list_notice_ids
from alerts.services.telling import SOURCE
from alerts.steps import StepWriter
from config.deliveries.models import Delivery
from config.deliveries.selectors import list_deliveries_of


@dataclass(frozen=True, slots=True)
class _Run:
    """A group's policy as it was when it began last, and how far it went for one alert.

    `taken`: when steps were taken, by place, apart for each time that the policy began; the last is how it stands.
    """

    group: AlertGroup
    steps: tuple[Step, ...]
    words: Sequence[str]
    told: Sequence[Recipient]
    taken: Sequence[dict[int, list[datetime]]]
    coming: dict[int, datetime]

    @property
    def done(self) -> int:
        """How many steps were taken: after its last one a policy stands behind it, and one that began anew took them all."""
        if self.group.notified_at is None:
            return 0
        return len(self.steps) if self.group.step_rounds else self.group.step_position

    def list_moments(self, place: int) -> list[datetime]:
        """Return every moment at which a step was taken, oldest first."""
        return [at for each in self.taken for at in each.get(place, ())]


@dataclass(frozen=True, slots=True)
class _Seeker:
    """The person who asks, with every address of theirs, now and when the alert was told of; lower case."""

    person: Any
    name: str
    addresses: frozenset[str]
    teams: frozenset[int]


def describe_case(alert: Alert, person: Any, *, now: datetime) -> why.Case:
    """Return what is known of an alert as far as it concerns a person."""
    groups = list(AlertGroup.objects.filter(members__alert=alert).distinct().order_by("pk"))
    members = list(GroupMember.objects.filter(group__in=groups).select_related("alert"))
    notices = list(Notice.objects.filter(group__in=groups).order_by("pk"))
    seeker = _describe_seeker(person, groups, members)
    runs = {group.pk: _describe_run(group, alert, members, notices, now) for group in groups}
    about = {notice.pk: notice for notice in notices if notice.pk in set(list_notice_ids(alert_id=alert.pk))}
    deliveries = list_deliveries_of(source=SOURCE, source_ids=about)
    return why.Case(
        person=seeker.name,
        fired_at=alert.fired_at,
        resolved_at=alert.resolved_at,
        messages=[
            _describe_message(each, about[int(each.source_id)], runs, seeker)
            for each in deliveries
            if each.recipient.lower() in seeker.addresses
        ],
        paths=[_describe_path(run, seeker, now) for run in runs.values()],
        holds=[
            why.Held(str(HoldKind(hold.kind).label), hold.text, hold.began_at, hold.ended_at)
            for hold in alert.holds.all()
        ],
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_name,
    )


def _describe_seeker(person: Any, groups: Sequence[AlertGroup], members: Sequence[GroupMember]) -> _Seeker:
    """Take every contact, whatever its severity: preferences may have been others when the alert was told of."""
    found = set(ContactMethod.objects.filter(user=person).values_list("label", flat=True))
    found |= {person.email, person.get_username()} - {""}
    noted = [told for row in groups for told in row.engaged] + [told for row in members for told in row.told]
    found |= {str(told["to"]) for told in noted if told.get("person") == person.pk}
    return _Seeker(
        person,
        name_person(person),
        frozenset(address.lower() for address in found),
        frozenset(person.groups.values_list("pk", flat=True)),
    )


def _describe_run(
    group: AlertGroup, alert: Alert, members: Sequence[GroupMember], notices: Sequence[Notice], now: datetime
) -> _Run:
    _, steps = read_plan(group.plan)
    mine = [row for row in members if row.group_id == group.pk]
    writer = StepWriter(steps)
    told = [recipient_of_told(each) for row in mine if row.alert_id == alert.pk for each in row.told]
    beginnings = _list_beginnings(group, alert, mine, [each for each in notices if each.group_id == group.pk])
    until = min(at for at in (now, alert.resolved_at, group.closed_at) if at is not None)
    taken = _list_taken(steps, beginnings, until, [row.joined_at for row in mine])
    cursor = Cursor(group.step_position, group.step_rounds, group.step_waited)
    coming = foresee(steps, cursor, due_at=group.step_at) if group.step_at is not None else {}
    return _Run(group, steps, [writer.write(step) for step in steps], told, taken, coming)


def _list_taken(
    steps: Sequence[Step], beginnings: Sequence[datetime], until: datetime, joined: Sequence[datetime]
) -> list[dict[int, list[datetime]]]:
    """Return when steps were taken, by place, from each beginning to the next one or `until`."""
    found = []
    begun = [each for each in beginnings if each <= until]
    for began, after in pairwise([*begun, until + datetime.resolution]):
        taken: dict[int, list[datetime]] = {}
        for each in retrace(steps, began=began, until=after - datetime.resolution, joined=joined):
            taken.setdefault(each.place, []).append(each.at)
        found.append(taken)
    return found


def _list_beginnings(
    group: AlertGroup, alert: Alert, members: Sequence[GroupMember], notices: Sequence[Notice]
) -> list[datetime]:
    """Return when the policy began for an alert and each time that it began anew since then, oldest first."""
    begun = [datetime.fromisoformat(each) for each in group.begun]
    if not notices and group.notified_at is not None:
        # It looked, and its steps reached nobody: no message was made that could say when.
        return begun or [group.opened_at + read_plan(group.plan)[0].wait]
    first = next((notice.at for notice in notices if alert.pk in notice.firing), None)
    if first is None:
        return []
    noted = max((each for each in begun if each <= first), default=None)
    # The group is from before beginnings were noted, or had more of them than are kept.
    began = noted or _find_beginning(alert, members, notices)
    return [*([began] if began else []), *(each for each in begun if each > first)]


def _find_beginning(alert: Alert, members: Sequence[GroupMember], notices: Sequence[Notice]) -> datetime | None:
    """Return when the policy seems to have begun for an alert: with the newest message before which nobody was called.

    A policy begins anew when everything it was begun for is over or acknowledged, else new alerts join it as it is.
    """
    beginning: datetime | None = None
    covered: set[int] = set()
    for notice in notices:
        if notice.reason in {Reason.RESOLVED, Reason.ESCALATION, Reason.REMINDER, Reason.LATER}:
            continue
        if beginning is None or not any(_was_called(row, notice.at) for row in members if row.alert_id in covered):
            beginning, covered = notice.at, set()
        if alert.pk in notice.firing:
            return beginning
        covered.update(notice.firing)
    return None


def _was_called(row: GroupMember, at: datetime) -> bool:
    """Whether a policy that covers an alert still called because of it just before `at`."""
    ends = [end for end in (row.alert.resolved_at, row.alert.acknowledged_at) if end is not None]
    return all(end >= at for end in ends)


def _describe_message(delivery: Delivery, notice: Notice, runs: dict[int, _Run], seeker: _Seeker) -> why.Message:
    detail = delivery.suppressed_because or delivery.last_error
    kind = _read_kind(delivery)
    way = ChannelKind(kind).label if kind in ChannelKind.values else str(delivery.get_channel_display())
    return why.Message(
        notice.at,
        notice.reason,
        way if way == way.upper() else way.lower(),
        delivery.recipient,
        delivery.state,
        detail,
        _find_cause(delivery, notice, runs.get(notice.group_id), seeker),
    )


def _read_kind(delivery: Delivery) -> str:
    """Return by which way a message went, as its key says: notice:<id>:<kind>:<address>."""
    parts = delivery.idempotency_key.split(":", 3)
    return parts[2] if len(parts) == 4 and parts[0] == SOURCE else ""


def _find_cause(delivery: Delivery, notice: Notice, run: _Run | None, seeker: _Seeker) -> str:
    """Return the step because of which an address was told first, as far as it is on record."""
    if run is None:
        return ""
    told = next((each for each in run.told if each.address.lower() == delivery.recipient.lower()), None)
    places = [place for place, step in enumerate(run.steps) if told and _leads_to(step, told, seeker)]
    if told is None or not places:
        return ""
    place = next((place for place in places if run.list_moments(place)), places[0])
    moments = run.list_moments(place)
    taken_at = next((at for at in reversed(moments) if at <= notice.at), moments[0] if moments else None)
    schedule = OnCallSchedule.objects.filter(pk=told.roster_id).first() if told.roster_id else None
    return why.describe_cause(
        number=place + 1,
        path=run.group.policy_name,
        words=run.words[place],
        taken_at=taken_at,
        on_call=schedule.name if schedule else "",
    )


def _leads_to(step: Step, told: Recipient, seeker: _Seeker) -> bool:
    match step.kind:
        case StepKind.CHANNEL:
            return told.channel_id in step.targets
        case StepKind.SCHEDULE:
            return told.roster_id in step.targets
        case StepKind.PERSON | StepKind.ROUND_ROBIN:
            return not told.roster_id and told.person_id in step.targets
        case StepKind.TEAM:
            return not told.roster_id and told.person_id == seeker.person.pk and bool(seeker.teams & {*step.targets})
    return False


def _describe_path(run: _Run, seeker: _Seeker, now: datetime) -> why.Path:
    return why.Path(
        name=run.group.policy_name,
        steps=[_describe_step(run, place, seeker, now) for place in range(len(run.steps))],
        looked=run.group.notified_at is not None,
        look_at=run.group.look_at,
        step_at=run.group.step_at,
    )


def _describe_step(run: _Run, place: int, seeker: _Seeker, now: datetime) -> why.Step:
    step, moments = run.steps[place], run.taken[-1].get(place, []) if run.taken else []
    is_taken = place < run.done
    reaches, aside = False, ""
    if step.kind in REACHING:
        at = moments if is_taken and moments else [run.coming.get(place, now)]
        reaches, aside = _judge(run, step, seeker, at, is_taken=is_taken)
    return why.Step(
        number=place + 1,
        words=run.words[place],
        reaches=reaches,
        taken=is_taken,
        aside=aside,
        taken_at=moments[0] if is_taken and moments else None,
        comes_at=run.coming.get(place),
    )


def _judge(run: _Run, step: Step, seeker: _Seeker, moments: Sequence[datetime], *, is_taken: bool) -> tuple[bool, str]:
    """Return whether a step reaches the person, and if it goes elsewhere although they have to do with it, why."""
    person = seeker.person
    match step.kind:
        case StepKind.PERSON | StepKind.TEAM:
            is_in = person.pk in step.targets if step.kind is StepKind.PERSON else bool(seeker.teams & {*step.targets})
            return (
                (False, f"{seeker.name}’s account is switched off") if is_in and not person.is_active else (is_in, "")
            )
        case StepKind.ROUND_ROBIN if person.pk in step.targets:
            return _judge_turn(run, step, seeker, is_taken=is_taken)
        case StepKind.CHANNEL:
            return _judge_channels(step, seeker)
        case StepKind.SCHEDULE:
            return _judge_schedules(run, step, seeker, moments, is_taken=is_taken)
    return False, ""


def _judge_turn(run: _Run, step: Step, seeker: _Seeker, *, is_taken: bool) -> tuple[bool, str]:
    told = {each.person_id: each.channel_name for each in run.told if _leads_to(step, each, seeker)}
    if is_taken:
        if seeker.person.pk in told:
            return True, ""
        names = ", ".join(told.values())
        return False, f"it was {names}’s turn" if names else "it was somebody else’s turn"
    active = set(get_user_model().objects.filter(pk__in=step.targets, is_active=True).values_list("pk", flat=True))
    there = [each for each in step.targets if each in active]
    turns = Policy.objects.filter(pk=_read_policy_id(run.group)).values_list("turns", flat=True).first()
    if turns is None or not there or (chosen := find_turn(there, turns)) == seeker.person.pk:
        return True, ""
    following = get_user_model().objects.get(pk=chosen)
    return False, f"the next turn is {name_person(following)}’s"


def _read_policy_id(group: AlertGroup) -> int:
    kind, _, number = group.destination.partition(":")
    return int(number) if kind == "policy" and number.isdecimal() else 0


def _judge_channels(step: Step, seeker: _Seeker) -> tuple[bool, str]:
    mine = [
        channel
        for channel in Channel.objects.filter(pk__in=step.targets)
        if any(each.address.lower() in seeker.addresses for each in list_channel_recipients([channel]))
    ]
    if not mine or any(channel.enabled for channel in mine):
        return bool(mine), ""
    return False, "; ".join(f"the channel “{channel.name}” is switched off" for channel in mine)


def _judge_schedules(
    run: _Run, step: Step, seeker: _Seeker, moments: Sequence[datetime], *, is_taken: bool
) -> tuple[bool, str]:
    """Go by who was noted as told for being on call; where nobody was, by the schedule at the moments of the step."""
    noted = {each.person_id: each.channel_name for each in run.told if each.roster_id in step.targets}
    if is_taken and seeker.person.pk in noted:
        return True, ""
    known = [(each, at, find_on_call(each, at)) for each in step.targets for at in moments]
    if any(seeker.person in people for _, _, people in known) and not (is_taken and noted):
        return True, ""
    if not _is_in_schedules(step.targets, seeker.person):
        return False, ""
    names = dict(OnCallSchedule.objects.filter(pk__in=step.targets).values_list("pk", "name"))
    was = "was" if is_taken else "will be"
    if is_taken and noted:
        return False, f"{', '.join(noted.values())} was on call then"
    parts = {pk: name_people(people) or "nobody" for pk, _, people in reversed(known)}
    on_call = "; ".join(f"{who} {was} on call in “{names[pk]}” then" for pk, who in parts.items() if pk in names)
    return False, on_call + (" (as the schedule reads today)" if is_taken else "")


def _is_in_schedules(schedule_ids: Sequence[int], person: Any) -> bool:
    """Whether a person is in a layer of these schedules, or in an override of them."""
    layers = OnCallLayer.objects.filter(schedule__in=schedule_ids, participants__person=person)
    overrides = OnCallOverride.objects.filter(schedule__in=schedule_ids, people=person)
    return layers.exists() or overrides.exists()
