"""Channels: saving them, trying them out."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from alerts import alertmanager
from alerts.drafts import check_webhook_url
from alerts.enums import ChannelKind
from alerts.models import Channel
from alerts.recipients import Recipient, split_addresses
from alerts.selectors import list_channel_recipients
from config.actors import Actor
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import render_mail
from config.deliveries.services import queue_delivery


class ChannelInvalid(Exception):
    """A channel that can't be saved; the message is about its address."""


def check_channel(*, kind: str, address: str) -> str:
    """Return the address as it is stored; raise ChannelInvalid if it can't be one of this kind."""
    text = address.strip()
    if kind == ChannelKind.WEBHOOK:
        if wrong := check_webhook_url(text):
            raise ChannelInvalid(wrong)
        return text
    addresses = split_addresses(text)
    for each in addresses:
        try:
            validate_email(each)
        except ValidationError as error:
            raise ChannelInvalid(f"“{each}” is not a mail address.") from error
    return ", ".join(addresses)


@transaction.atomic
def save_channel(*, channel: Channel) -> Channel:
    """Create or change a channel; raise ChannelInvalid."""
    channel.address = check_channel(kind=channel.kind, address=channel.address)
    channel.full_clean(exclude={"signing_secret"})
    channel.save()
    return channel


@transaction.atomic
def send_test(*, channel: Channel, by: Actor) -> int:
    """Queue a test message to everyone the channel reaches; return to how many, 0 if it reaches nobody."""
    batch = secrets.token_hex(8)
    recipients = list_channel_recipients([channel])
    for number, recipient in enumerate(recipients):
        _queue_test(recipient, key=f"channel-test:{channel.pk}:{batch}:{number}", by=by)
    return len(recipients)


def _queue_test(recipient: Recipient, *, key: str, by: Actor) -> None:
    if recipient.kind == ChannelKind.WEBHOOK:
        queue_delivery(
            channel=Way.WEBHOOK,
            recipient=recipient.address,
            idempotency_key=key,
            subject=f"Test of {recipient.channel_name}",
            payload=alertmanager.build_test_payload(
                channel=recipient.channel_name, public_url=settings.PUBLIC_URL, now=timezone.now()
            ),
            signing_secret=recipient.secret,
            suppressed_because=recipient.obstacle,
            source="channel",
            source_id=str(recipient.channel_id),
        )
        return
    mail = render_mail("alerts/test", {"channel": recipient.channel_name, "by": by.name})
    queue_delivery(
        channel=Way.EMAIL,
        recipient=recipient.address,
        idempotency_key=key,
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        source="channel",
        source_id=str(recipient.channel_id),
    )
