"""Whom a step of a policy reaches at a moment, and with which secrets their messages are signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import F

from alerts.enums import ChannelKind
from alerts.escalation import Step, StepKind
from alerts.models import AlertGroup, Channel, Policy
from alerts.recipients import Recipient
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


def _take_turn(step: Step, group: AlertGroup) -> int:
    policy_id = int(group.destination.partition(":")[2])
    Policy.objects.filter(pk=policy_id).update(turn=F("turn") + 1)
    turn = Policy.objects.filter(pk=policy_id).values_list("turn", flat=True).first() or 1
    return step.targets[(turn - 1) % len(step.targets)]
