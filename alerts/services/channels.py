"""Channels: saving them, deleting them, trying them out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from alerts import alertmanager, channel_limits
from alerts.addressing import list_channel_recipients, read_parts
from alerts.belonging import describe_strangers
from alerts.channel_parts import (
    BY_APPRISE,
    MAX_ADDRESSES,
    NUMBERED,
    PHONE,
    TEAMS,
    build_address,
    find_part_errors,
    judge_label,
    judge_numbers,
    merge_parts,
    split_numbers,
)
from alerts.drafts import check_webhook_url, describe_place
from alerts.enums import ChannelKind
from alerts.messages import NAMES, TITLE_NAMES, Message, disarm, find_template_error
from alerts.models import Channel, Policy
from alerts.recipients import Recipient, split_addresses
from alerts.services.rationing import Ration, take_use
from config.actors import Actor
from config.crypto import SecretUnreadable
from config.deliveries.apprise_transport import ServiceInvalid, name_service
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import render_mail
from config.deliveries.services import queue_delivery
from config.lengths import describe_seconds

#: How often a channel is tried; those of one application all together, because a new channel costs nothing.
TESTS_WINDOW = timedelta(hours=1)
TESTS_OF_CHANNEL = 5
TESTS_OF_APPLICATION = 20


class TooManyTests(Exception):
    """A channel was tried too often lately; the text says when it can be tried again, `wait` after how long."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(
            "There were too many tests in the last hour. Deliveries shows what became of them; "
            f"the next one can be sent in {describe_seconds(wait.total_seconds())}."
        )
        self.wait = wait


class ChannelInvalid(Exception):
    """A channel that can't be saved. `errors` says why, in words without secrets, by field or part."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def check_channel(*, kind: str, address: str) -> str:
    """Return the readable address as it is stored; raise ChannelInvalid if it can't be one of this kind."""
    text = address.strip()
    if kind in NUMBERED:
        numbers = split_numbers(text)
        if wrong := judge_numbers(numbers):
            raise ChannelInvalid({"address": wrong})
        return ", ".join(numbers)
    if kind in BY_APPRISE:
        if wrong := judge_label(text):
            raise ChannelInvalid({"address": wrong})
        return text
    if kind == ChannelKind.WEBHOOK:
        if wrong := check_webhook_url(text):
            raise ChannelInvalid({"address": wrong})
        return text
    addresses = split_addresses(text)
    if len(addresses) > MAX_ADDRESSES:
        words = f"A channel can have {MAX_ADDRESSES} addresses at most, and these are {len(addresses)}. "
        raise ChannelInvalid({"address": f"{words}Enter a mailing list’s address, or make a second channel."})
    for each in addresses:
        try:
            validate_email(each)
        except ValidationError as error:
            raise ChannelInvalid({"address": f"“{each}” is not a mail address."}) from error
    return ", ".join(addresses)


def check_parts(channel: Channel, typed: Mapping[str, str]) -> dict[str, str]:
    """Return the secret parts a channel is to have, what was left empty as it is; raise ChannelInvalid."""
    if channel.kind not in BY_APPRISE:
        return {}
    parts = merge_parts(channel.kind, _read_stored(channel), typed)
    if errors := find_part_errors(channel.kind, parts):
        raise ChannelInvalid(errors)
    try:
        # What the library refuses would fail at night; the number is one that nobody has.
        name_service(build_address(channel.kind, parts, number="+15005550009"))
    except ServiceInvalid as error:
        raise ChannelInvalid({"auth_token" if channel.kind in NUMBERED else "url": str(error)}) from error
    return parts


def find_channel_errors(channel: Channel) -> dict[str, str]:
    """Return what is wrong with a channel's templates, limits, quiet hours and whose it is to be, by field."""
    errors = channel_limits.find_errors(
        limit=(channel.limit_count, channel.limit_minutes),
        hours=(channel.quiet_from, channel.quiet_until),
        zone=channel.quiet_zone,
        weekdays=channel.quiet_weekdays,
        below=channel.quiet_below,
    )
    for field, names in (("title_template", TITLE_NAMES), ("body_template", NAMES)):
        text = getattr(channel, field)
        if text and channel.kind == ChannelKind.WEBHOOK:
            errors[field] = "A webhook has one form, which programs rely on. Leave this empty."
        elif text and (wrong := find_template_error(text, names)):
            errors[field] = f"{wrong[0]} ({describe_place(text, wrong[1])})"
    if channel.is_default and channel.application_id is not None:
        errors["is_default"] = "A channel of one application can't be a default: rules of all would use it."
    if strangers := _find_strangers(channel):
        errors["application"] = strangers
    return errors


@transaction.atomic
def save_channel(*, channel: Channel, parts: Mapping[str, str] | None = None) -> Channel:
    """Create or change a channel; raise ChannelInvalid. `parts`: secret ones that were typed, the others stay."""
    errors = find_channel_errors(channel)
    try:
        channel.address = check_channel(kind=channel.kind, address=channel.address)
    except ChannelInvalid as error:
        errors |= error.errors
    merged: dict[str, str] = {}
    try:
        merged = check_parts(channel, parts or {})
    except ChannelInvalid as error:
        errors |= error.errors
    if errors:
        raise ChannelInvalid(errors)
    if channel.kind == ChannelKind.APPRISE and not channel.address:
        channel.address = name_service(merged["url"])[:100]
    channel.credentials = json.dumps(merged) if merged else ""
    try:
        channel.full_clean(exclude={"signing_secret", "credentials"})
    except ValidationError as error:
        raise ChannelInvalid({name: " ".join(words) for name, words in error.message_dict.items()}) from error
    channel.save()
    return channel


@transaction.atomic
def delete_channel(*, channel: Channel) -> None:
    """Delete a channel. Rules and policies that named it go on without it; what was sent stays in the ledger."""
    channel.delete()


@transaction.atomic
def send_test(*, channel: Channel, by: Actor) -> int:
    """Queue a test message to everyone the channel reaches; return to how many, 0 if it reaches nobody. Raise TooManyTests."""
    batch = secrets.token_hex(8)
    recipients = list_channel_recipients([channel])
    if recipients:
        _count_test(channel)
    for number, recipient in enumerate(recipients):
        _queue_test(
            recipient,
            key=f"channel-test:{channel.pk}:{batch}:{number}",
            by=by,
            application_id=channel.application_id,
        )
    return len(recipients)


def _count_test(channel: Channel) -> None:
    rations = [Ration(f"channel-test:{channel.pk}", TESTS_OF_CHANNEL, TESTS_WINDOW)]
    if channel.application_id is not None:
        rations.append(Ration(f"application-test:{channel.application_id}", TESTS_OF_APPLICATION, TESTS_WINDOW))
    if (wait := take_use(*rations, now=timezone.now())) is not None:
        raise TooManyTests(wait)


def write_test(kind: str, *, name: str, by: Actor) -> Message:
    """Return what a test says in a chat, an SMS or a call."""
    said = f"This is a test of “{name}”, asked for by {by.name}. Nothing is wrong."
    if kind == PHONE:
        return Message(
            "", f"This is a test of Postlaunch. Nothing is wrong. I repeat. This is a test. {by.name} asked for it."
        )
    if kind in NUMBERED:
        return Message("", f"Test: {said}"[:300])
    separator = "\n\n" if kind == TEAMS else "\n"
    return Message(f"Test of {disarm(name)}", f"{disarm(said)}{separator}{settings.PUBLIC_URL}")


def _find_strangers(channel: Channel) -> str:
    """Return in words what of others names a channel of one application: its keys would decide where that is told."""
    if channel.application_id is None or not channel.pk:
        return ""
    if Channel.objects.filter(pk=channel.pk, application=channel.application_id).exists():
        # It is so already; whoever mends it must be able to.
        return ""
    policies = Policy.objects.filter(steps__channels=channel.pk).distinct()
    return describe_strangers("channel", channel.rules.all(), policies, application_id=channel.application_id)


def _read_stored(channel: Channel) -> dict[str, str]:
    try:
        # The row's own: the instance at hand may be of another kind by now, and its parts with it.
        stored = Channel.objects.filter(pk=channel.pk, kind=channel.kind).first()
        return read_parts(stored) if stored else {}
    except SecretUnreadable:
        return {}


def _queue_test(recipient: Recipient, *, key: str, by: Actor, application_id: int | None) -> None:
    common: dict[str, Any] = {
        "recipient": recipient.address,
        "idempotency_key": key,
        "suppressed_because": recipient.obstacle,
        "source": "channel",
        "source_id": str(recipient.channel_id),
        "application_id": application_id,
    }
    if recipient.kind == ChannelKind.WEBHOOK:
        queue_delivery(
            channel=Way.WEBHOOK,
            subject=f"Test of {recipient.channel_name}",
            payload=alertmanager.build_test_payload(
                channel=recipient.channel_name, public_url=settings.PUBLIC_URL, now=timezone.now()
            ),
            signing_secret=recipient.secret,
            **common,
        )
    elif recipient.kind in BY_APPRISE:
        message = write_test(recipient.kind, name=recipient.channel_name, by=by)
        queue_delivery(
            channel=Way.APPRISE,
            subject=message.title,
            text=message.body,
            secret_address=recipient.secret,
            **common,
        )
    else:
        mail = render_mail("alerts/test", {"channel": recipient.channel_name, "by": by.name})
        queue_delivery(
            channel=Way.EMAIL,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            **common,
        )
