"""Whom a step of a policy reaches at a moment, and with which secrets their messages are signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.contrib.auth import get_user_model

from alerts.addressing import ChannelSecrets, list_channel_recipients, list_people_recipients, read_contact_secret
from alerts.channel_parts import BY_APPRISE, NUMBERED
from alerts.enums import ChannelKind, Severity
from alerts.escalation import Step, StepKind, find_turn, name_round
from alerts.models import AlertGroup, Channel, ContactMethod, OnCallSchedule, Policy
from alerts.recipients import Recipient, Way, merge_ways
from alerts.rosters import find_on_call


def reach(step: Step, *, group: AlertGroup, severity: Severity, now: datetime) -> list[Recipient]:
    """Return whom a step reaches now, people as they want to be for a severity.

    Channels that are switched off rest; a round-robin step passes its turn on.
    """
    match step.kind:
        case StepKind.CHANNEL:
            return list_channel_recipients(Channel.objects.filter(pk__in=step.targets, enabled=True))
        case StepKind.PERSON:
            return _reach_people(step.targets, group, severity, now)
        case StepKind.TEAM:
            people = get_user_model().objects.filter(groups__in=step.targets, is_active=True).distinct()
            return _reach_people(people.values_list("pk", flat=True), group, severity, now)
        case StepKind.ROUND_ROBIN:
            active = set(
                get_user_model().objects.filter(pk__in=step.targets, is_active=True).values_list("pk", flat=True)
            )
            there = [each for each in step.targets if each in active]
            return _reach_people([_take_turn(there, group)] if there else [], group, severity, now)
        case StepKind.SCHEDULE:
            return merge_ways(found for each in step.targets for found in _reach_on_call(each, severity, now))
    return []


@dataclass(frozen=True, slots=True)
class HandOver:
    """What became of the ways by which people were told: which came in their place, and which hear of nothing new, with why."""

    fresh: Sequence[Recipient] = ()
    relieved: Mapping[Way, str] = field(default_factory=dict)


def hand_over(engaged: Sequence[Recipient], *, severity: Severity, now: datetime) -> HandOver:
    """Return by which other ways than those of a group news of it goes now: to who is on call, and to where addresses moved."""
    on_call = _hand_over_rosters(engaged, severity, now)
    moved = follow_moves([each for each in engaged if each.way not in on_call.relieved], severity)
    return HandOver([*on_call.fresh, *moved.fresh], {**on_call.relieved, **moved.relieved})


def _hand_over_rosters(engaged: Iterable[Recipient], severity: Severity, now: datetime) -> HandOver:
    """Return who is on call now in the schedules because of which a group's people were told.

    While nobody is on call who can be reached, those who were told go on being told.
    """
    by_roster: dict[int, list[Recipient]] = defaultdict(list)
    for each in engaged:
        if each.roster_id:
            by_roster[each.roster_id].append(each)
    fresh: list[Recipient] = []
    relieved: dict[Way, str] = {}
    for roster_id, told in by_roster.items():
        current = [each for each in _reach_on_call(roster_id, severity, now) if each.roster_id and not each.obstacle]
        on_call, known = {each.person_id for each in current}, {each.person_id for each in told}
        # Somebody who is on call still goes on being told the way it was begun.
        fresh += [each for each in current if each.person_id not in known]
        if current:
            leaving = [each for each in told if each.person_id not in on_call]
            relieved |= {each.way: f"{each.channel_name} is no longer on call" for each in leaving}
    return HandOver(fresh, relieved)


def follow_moves(engaged: Sequence[Recipient], severity: Severity) -> HandOver:
    """Return to where the channels and people lead now that a group told by addresses which are not theirs any more."""
    by_channel: dict[int, list[Recipient]] = defaultdict(list)
    for each in engaged:
        if each.channel_id:
            by_channel[each.channel_id].append(each)
    fresh: list[Recipient] = []
    relieved: dict[Way, str] = {}
    for channel in Channel.objects.filter(pk__in=by_channel, enabled=True).order_by("pk") if by_channel else []:
        current, told = list_channel_recipients([channel]), by_channel[channel.pk]
        places, known = {_place_of(each) for each in current}, {_place_of(each) for each in told}
        fresh += [each for each in current if _place_of(each) not in known and not each.obstacle]
        moved_away = [each for each in told if _place_of(each) not in places]
        relieved |= {each.way: f"“{channel.name}” leads elsewhere now" for each in moved_away}
    moved = _list_moved([each for each in engaged if each.person_id])
    known = {each.key for each in engaged}
    for person_id, told_by in moved.items():
        rosters = {each.roster_id for each in told_by}
        current_ways = [each for each in list_people_recipients([person_id], severity) if not each.obstacle]
        fresh += [
            replace(each, roster_id=roster) for each in current_ways for roster in rosters if each.key not in known
        ]
        relieved |= {each.way: f"{each.channel_name} is reached elsewhere now" for each in told_by}
    return HandOver(fresh, relieved)


def _place_of(recipient: Recipient) -> tuple[str, str]:
    """Return where a channel's recipient is; a room of a chat is looked up whenever something goes there."""
    is_room = recipient.kind in BY_APPRISE and recipient.kind not in NUMBERED
    return (recipient.kind, "") if is_room else recipient.key


def _list_moved(told: Sequence[Recipient]) -> dict[int, list[Recipient]]:
    """Return the ways to people that are theirs no more, by person: contacts taken away, and another mail address of the account."""
    if not told:
        return {}
    contacts = {each.contact_id for each in told if each.contact_id}
    left = set(ContactMethod.objects.filter(pk__in=contacts).values_list("pk", flat=True)) if contacts else set()
    people = {each.person_id for each in told}
    mails = dict(get_user_model().objects.filter(pk__in=people, is_active=True).values_list("pk", "email"))
    moved: dict[int, list[Recipient]] = defaultdict(list)
    for each in told:
        by_account = not each.contact_id and each.kind == ChannelKind.EMAIL
        if each.person_id not in mails:
            continue
        if (each.contact_id and each.contact_id not in left) or (
            by_account and each.address.lower() != mails[each.person_id].lower()
        ):
            moved[each.person_id].append(each)
    return moved


def read_secrets(recipients: Iterable[Recipient]) -> Callable[[Recipient], Recipient]:
    """Return what gives a recipient what its messages are signed with or sent to, read for all of them at once."""
    everyone = list(recipients)
    channel_ids = {each.channel_id for each in everyone if each.channel_id and each.kind != ChannelKind.EMAIL}
    contact_ids = {each.contact_id for each in everyone if each.contact_id}
    channels = _read_channels(channel_ids) if channel_ids else {}
    contacts = (
        {contact.pk: read_contact_secret(contact) for contact in ContactMethod.objects.filter(pk__in=contact_ids)}
        if contact_ids
        else {}
    )

    def complete(recipient: Recipient) -> Recipient:
        if recipient.contact_id:
            secret, obstacle = contacts.get(
                recipient.contact_id, ("", f"{recipient.channel_name} took this contact away.")
            )
        elif read := channels.get(recipient.channel_id):
            secret, obstacle = read(recipient)
        else:
            gone = recipient.kind in BY_APPRISE
            secret, obstacle = "", f"The channel “{recipient.channel_name}” is gone." if gone else ""
        return replace(recipient, secret=secret, obstacle=obstacle or recipient.obstacle)

    return complete


def _read_channels(channel_ids: Iterable[int]) -> dict[int, ChannelSecrets]:
    return {channel.pk: ChannelSecrets(channel) for channel in Channel.objects.filter(pk__in=channel_ids)}


def _reach_on_call(schedule_id: int, severity: str, now: datetime) -> list[Recipient]:
    """Return who is on call at this moment; if nobody is, one that can't be reached, so that the ledger says why."""
    people = find_on_call(schedule_id, now)
    if people:
        found = list_people_recipients([person.pk for person in people], severity)
        return [replace(each, roster_id=schedule_id) for each in found]
    schedule = OnCallSchedule.objects.filter(pk=schedule_id).first()
    name = schedule.name if schedule else f"schedule {schedule_id}"
    why = f"Nobody is on call in “{name}” now." if schedule else "This on-call schedule was deleted."
    return [Recipient(0, name, ChannelKind.EMAIL, f"on call: {name}", obstacle=why)]


def _reach_people(user_ids: Iterable[int], group: AlertGroup, severity: Severity, now: datetime) -> list[Recipient]:
    """Return how people are reached; if none of them is there any more, one that can't be, so that the ledger says why."""
    found = list_people_recipients(user_ids, severity)
    if found:
        return found
    name = f"{group.policy_name}, {now:%H:%M:%S}"
    return [Recipient(0, name, ChannelKind.EMAIL, f"nobody: {name}", obstacle="Nobody of this step is there any more.")]


def _take_turn(people: Sequence[int], group: AlertGroup) -> int:
    """Return whose turn it is, and count it."""
    policy = Policy.objects.select_for_update().filter(pk=int(group.destination.partition(":")[2])).first()
    if policy is None:
        return people[0]
    chosen, among = find_turn(people, policy.turns), name_round(people)
    Policy.objects.filter(pk=policy.pk).update(turns={**policy.turns, among: policy.turns.get(among, 0) + 1})
    return chosen
