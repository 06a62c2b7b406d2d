"""Whom a step of a policy reaches at a moment, and with which secrets their messages are signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import F

from alerts.enums import ChannelKind
from alerts.escalation import Step, StepKind
from alerts.models import AlertGroup, Channel, OnCallSchedule, Policy
from alerts.recipients import Recipient, merge_recipients
from alerts.rosters import find_on_call
from alerts.selectors import list_channel_recipients, list_people_recipients, read_signing_secret


def reach(step: Step, *, group: AlertGroup, now: datetime) -> list[Recipient]:
    """Return whom a step reaches now. Channels that are switched off rest; a round-robin step passes its turn on."""
    match step.kind:
        case StepKind.CHANNEL:
            return list_channel_recipients(Channel.objects.filter(pk__in=step.targets, enabled=True))
        case StepKind.PERSON:
            return list_people_recipients(step.targets)
        case StepKind.TEAM:
            people = get_user_model().objects.filter(groups__in=step.targets, is_active=True).distinct()
            return list_people_recipients(people.values_list("pk", flat=True))
        case StepKind.ROUND_ROBIN:
            return list_people_recipients([_take_turn(step, group)])
        case StepKind.SCHEDULE:
            return merge_recipients(found for each in step.targets for found in _reach_on_call(each, now))
    return []


def read_secrets(recipients: Iterable[Recipient]) -> Callable[[Recipient], Recipient]:
    """Return what gives a recipient what signs its channel's messages, read for all of them at once."""
    ids = {each.channel_id for each in recipients if each.kind == ChannelKind.WEBHOOK}
    secrets = (
        {channel.pk: read_signing_secret(channel) for channel in Channel.objects.filter(pk__in=ids)} if ids else {}
    )

    def complete(recipient: Recipient) -> Recipient:
        secret, obstacle = secrets.get(recipient.channel_id, ("", ""))
        return replace(recipient, secret=secret, obstacle=obstacle or recipient.obstacle)

    return complete


def _reach_on_call(schedule_id: int, now: datetime) -> list[Recipient]:
    """Return who is on call at this moment; if nobody is, one that can't be reached, so that the ledger says why."""
    people = find_on_call(schedule_id, now)
    if people:
        return list_people_recipients(person.pk for person in people)
    schedule = OnCallSchedule.objects.filter(pk=schedule_id).first()
    name = schedule.name if schedule else f"schedule {schedule_id}"
    why = f"Nobody is on call in “{name}” now." if schedule else "This on-call schedule was deleted."
    return [Recipient(0, name, ChannelKind.EMAIL, f"on call: {name}", obstacle=why)]


def _take_turn(step: Step, group: AlertGroup) -> int:
    policy_id = int(group.destination.partition(":")[2])
    Policy.objects.filter(pk=policy_id).update(turn=F("turn") + 1)
    turn = Policy.objects.filter(pk=policy_id).values_list("turn", flat=True).first() or 1
    return step.targets[(turn - 1) % len(step.targets)]
