"""How channels and people are reached: their addresses, what stands in the way, and their secrets."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from alerts import channel_parts
from alerts.enums import ChannelKind, Severity
from alerts.models import (
    Channel,
    ContactMethod,
    NotificationPreference,
    OnCallParticipant,
    PolicyStep,
)
from alerts.recipients import Recipient, merge_ways, split_addresses
from config.crypto import SecretUnreadable
from config.settings import OPTION


def list_channel_recipients(channels: Iterable[Channel]) -> list[Recipient]:
    """Return the addresses that channels lead to, each once for each channel."""
    return merge_ways(recipient for channel in channels for recipient in _recipients_of(channel))


class ChannelSecrets:
    """What messages of a channel need beside their recipient: what signs a webhook, or the Apprise address.

    Called with a recipient, returns it, and what stands in the way of using it (empty: nothing).
    """

    def __init__(self, channel: Channel) -> None:
        """Read the channel's secrets, once for all of its recipients."""
        self._channel = channel
        self._signing_secret, self._parts, self._obstacle = "", {}, ""
        try:
            if channel.kind == ChannelKind.WEBHOOK:
                self._signing_secret = channel.signing_secret
            elif channel.kind in channel_parts.BY_APPRISE:
                self._parts = read_parts(channel)
        except SecretUnreadable as error:
            what = "signing secret" if channel.kind == ChannelKind.WEBHOOK else "address"
            self._obstacle = f"The {what} of “{channel.name}” was {error}. Enter it again."

    def __call__(self, recipient: Recipient) -> tuple[str, str]:
        """Return secret and obstacle for one recipient, which may be from a time when the channel was of another kind."""
        kind = self._channel.kind
        if recipient.kind != kind:
            gone = (
                f"“{self._channel.name}” does not lead there any more."
                if recipient.kind in channel_parts.BY_APPRISE
                else ""
            )
            return "", gone
        return self.read(recipient.address)

    def read(self, address: str) -> tuple[str, str]:
        """Return secret and obstacle for an address of the channel's kind."""
        kind = self._channel.kind
        if self._obstacle or kind not in channel_parts.BY_APPRISE:
            return self._signing_secret, self._obstacle
        if channel_parts.find_part_errors(kind, self._parts):
            return "", f"“{self._channel.name}” is not set up completely."
        return channel_parts.build_address(kind, self._parts, number=address), ""


def read_parts(channel: Channel) -> dict[str, str]:
    """Return the secret parts of a channel; raise SecretUnreadable."""
    parts: dict[str, str] = json.loads(channel.credentials or "{}")
    return parts


def list_fallback_addresses() -> list[str]:
    """Return where mail goes while a channel names no address: ALERT_EMAILS, or else every administrator's."""
    if OPTION["ALERT_EMAILS"]:
        return split_addresses(",".join(OPTION["ALERT_EMAILS"]))
    people = get_user_model().objects.filter(is_superuser=True, is_active=True).exclude(email="")
    return split_addresses(",".join(people.order_by("pk").values_list("email", flat=True)))


def _recipients_of(channel: Channel) -> list[Recipient]:
    secrets = ChannelSecrets(channel)
    return [
        Recipient(channel.pk, channel.name, channel.kind, address, *secrets.read(address))
        for address in _addresses_of(channel)
    ]


def _addresses_of(channel: Channel) -> list[str]:
    if channel.kind == ChannelKind.WEBHOOK:
        return [channel.address]
    if channel.kind in channel_parts.NUMBERED:
        return channel_parts.split_numbers(channel.address)
    if channel.kind in channel_parts.BY_APPRISE:
        return [channel_parts.describe_room(channel.kind, label=channel.address, name=channel.name)]
    return split_addresses(channel.address) or list_fallback_addresses()


def list_people_recipients(user_ids: Iterable[int], severity: str = Severity.CRITICAL) -> list[Recipient]:
    """Return how people want to hear of something of a severity; one without any way carries the reason.

    Each person's ways are those of their preference that are verified, all of them, in its order; without any, the
    account's mail.
    """
    people = list(get_user_model().objects.filter(pk__in=list(user_ids), is_active=True).order_by("pk"))
    wanted = {
        preference.user_id: preference.kinds
        for preference in NotificationPreference.objects.filter(user__in=people, severity=severity)
    }
    contacts: dict[int, list[ContactMethod]] = defaultdict(list)
    for contact in ContactMethod.objects.filter(user__in=wanted, verified_at__isnull=False):
        contacts[contact.user_id].append(contact)
    return [
        recipient
        for person in people
        for recipient in _recipients_of_person(person, wanted.get(person.pk, []), contacts[person.pk])
    ]


def list_resting_channels() -> list[str]:
    """Return the names of channels that are switched off and named by policies, so that these reach fewer than they say."""
    resting = Channel.objects.filter(enabled=False, policy_steps__isnull=False).distinct().order_by("name")
    return list(resting.values_list("name", flat=True))


def is_anybody_told() -> bool:
    """Whether any way from a rule that is on leads to somebody: by its channels or policy, a route, or the default channels."""
    used = PolicyStep.objects.filter(Q(policy__rules__enabled=True) | Q(policy__routes__isnull=False))
    ways = Q(is_default=True) | Q(rules__enabled=True) | Q(policy_steps__in=used)
    channels = Channel.objects.filter(ways, enabled=True).distinct()
    if any(not each.obstacle for each in list_channel_recipients(channels)):
        return True
    people = get_user_model().objects.filter(
        Q(pk__in=used.values("people"))
        | Q(groups__in=used.values("teams"))
        | Q(pk__in=OnCallParticipant.objects.filter(layer__schedule__in=used.values("schedules")).values("person"))
    )
    ids = people.filter(is_active=True).values_list("pk", flat=True).distinct()
    return any(not each.obstacle for each in list_people_recipients(ids))


def find_sender(kind: str) -> Channel | None:
    """Return the channel by whose account people get SMS or calls: the oldest of its kind that is on and open to all."""
    return Channel.objects.filter(kind=kind, enabled=True, application=None).order_by("pk").first()


def read_contact_secret(contact: ContactMethod) -> tuple[str, str]:
    """Return the Apprise address of a person's contact, and what stands in the way of using it (empty: nothing)."""
    try:
        address = contact.address
    except SecretUnreadable as error:
        return "", f"The address of “{contact.label}” was {error}. Its owner has to enter it again."
    if contact.kind not in channel_parts.NUMBERED:
        return (address, "") if contact.kind in channel_parts.BY_APPRISE else ("", "")
    sender = find_sender(contact.kind)
    if sender is None:
        return "", f"There is no {ChannelKind(contact.kind).label} channel by whose account it could be sent."
    return ChannelSecrets(sender).read(address)


def _recipients_of_person(person: Any, kinds: Iterable[str], contacts: list[ContactMethod]) -> list[Recipient]:
    name = str(person.get_full_name() or person.get_username())
    mail = Recipient(0, name, ChannelKind.EMAIL, person.email or person.get_username(), person_id=person.pk)
    chosen = [contact for kind in kinds for contact in contacts if contact.kind == kind]
    found = [_recipient_of_contact(contact, name) for contact in chosen]
    if ChannelKind.EMAIL in kinds and not any(contact.kind == ChannelKind.EMAIL for contact in chosen) and person.email:
        found.append(mail)
    return found or [replace(mail, obstacle="" if person.email else f"{name} has no e-mail address.")]


def _recipient_of_contact(contact: ContactMethod, name: str) -> Recipient:
    secret, obstacle = read_contact_secret(contact)
    return Recipient(0, name, contact.kind, contact.label, secret, obstacle, contact.pk, contact.user_id)
