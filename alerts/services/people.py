"""How people are reached: contacts they enter and verify, and by which of them they hear of what is how bad."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.crypto import salted_hmac

from alerts.addressing import read_contact_secret
from alerts.channel_parts import BY_APPRISE, NUMBERED, SLACK, judge_numbers, judge_part, tidy_number
from alerts.enums import ChannelKind, ContactKind, Severity
from alerts.models import ContactMethod, NotificationPreference
from alerts.services.rationing import Ration, take_use
from config.deliveries.apprise_transport import ServiceInvalid, name_service
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import render_mail
from config.deliveries.services import queue_delivery
from config.lengths import describe_seconds

MAX_CONTACTS = 10
CODE_LASTS = timedelta(minutes=15)
#: A code is sent this often at most, so that nobody's telephone can be rung again and again.
CODE_EVERY = timedelta(minutes=1)
MAX_TRIES = 5
#: What one person may ask for, and what one address gets whoever asks; a contact that is taken away counts on.
CODES_WINDOW = timedelta(hours=1)
CODES_OF_PERSON = 5
CODES_TO_ADDRESS = 3


class ContactInvalid(Exception):
    """A contact that can't be kept, or a code that is not the one; the text says why."""


@transaction.atomic
def add_contact(*, user: Any, kind: str, address: str, now: datetime) -> ContactMethod:
    """Keep a contact of a person and send a code there; raise ContactInvalid. It is used once the code was typed in."""
    if kind not in ContactKind.values:
        raise ContactInvalid("Choose how you want to be reached.")
    text = address.strip()
    stored, label = _read_address(kind, text)
    if ContactMethod.objects.filter(user=user).count() >= MAX_CONTACTS:
        raise ContactInvalid(f"You can have {MAX_CONTACTS} contacts at most. Take one away first.")
    if (
        kind in NUMBERED | {ContactKind.EMAIL}
        and ContactMethod.objects.filter(user=user, kind=kind, label=label).exists()
    ):
        raise ContactInvalid("You have this contact already.")
    contact = ContactMethod(user=user, kind=kind, address=stored, label=_make_unique(user, kind, label))
    contact.save()
    send_code(contact=contact, now=now)
    return contact


@transaction.atomic
def send_code(*, contact: ContactMethod, now: datetime) -> None:
    """Send a new code to a contact; raise ContactInvalid, for example if one was sent a moment ago, or many in the last hour."""
    locked = ContactMethod.objects.select_for_update().get(pk=contact.pk)
    if locked.code_sent_at is not None and now - locked.code_sent_at < CODE_EVERY:
        raise ContactInvalid("A code was sent a moment ago. Wait a minute before you ask for another one.")
    secret, obstacle = read_contact_secret(locked)
    if obstacle:
        raise ContactInvalid(obstacle)
    _count_code(locked, now)
    code = f"{secrets.randbelow(10**6):06d}"
    locked.code_hash, locked.code_sent_at, locked.code_tries = _hash(locked, code), now, 0
    locked.save(update_fields=["code_hash", "code_sent_at", "code_tries"])
    _queue_code(locked, code, secret=secret, now=now)


def verify_contact(*, contact: ContactMethod, code: str, now: datetime) -> None:
    """Note that a contact reaches its person; raise ContactInvalid for a wrong or old code. A wrong one is counted."""
    if wrong := _try_code(contact.pk, code, now):
        raise ContactInvalid(wrong)


def remove_contact(*, contact: ContactMethod) -> None:
    """Take a contact away; messages under way to it are not called back."""
    contact.delete()


@transaction.atomic
def save_preference(*, user: Any, severity: str, kinds: Sequence[str]) -> NotificationPreference:
    """Keep by which ways a person hears of a severity; raise ContactInvalid for unknown ones. None: the account's mail."""
    chosen = list(dict.fromkeys(kinds))
    if severity not in Severity.values or any(kind not in ContactKind.values for kind in chosen):
        raise ContactInvalid("This way of being reached is not known.")
    preference, _ = NotificationPreference.objects.update_or_create(
        user=user, severity=severity, defaults={"kinds": chosen}
    )
    return preference


def _read_address(kind: str, text: str) -> tuple[str, str]:
    """Return a contact's address and what people may read of it; raise ContactInvalid."""
    if kind == ContactKind.EMAIL:
        try:
            validate_email(text)
        except ValidationError as error:
            raise ContactInvalid("This is not a mail address.") from error
        return text, text
    if kind in NUMBERED:
        number = tidy_number(text)
        if wrong := judge_numbers([number]):
            raise ContactInvalid(wrong)
        return number, number
    if wrong := judge_part(kind, "url", text):
        raise ContactInvalid(wrong)
    try:
        service = name_service(text)
    except ServiceInvalid as error:
        raise ContactInvalid(str(error)) from error
    return text, "Slack" if kind == SLACK else service[:100]


def _make_unique(user: Any, kind: str, label: str) -> str:
    """Return a label that tells a person's contacts apart, also from those of others, which messages show beside."""
    if kind not in BY_APPRISE - NUMBERED:
        return label
    taken = set(ContactMethod.objects.filter(user=user, kind=kind).values_list("label", flat=True))
    own = f"{label} of {user.get_username()}"[:140]
    return next(
        name
        for number in range(1, MAX_CONTACTS + 2)
        if (name := own if number == 1 else f"{own} {number}") not in taken
    )


def _hash(contact: ContactMethod, code: str) -> str:
    return salted_hmac("alerts.contact", f"{contact.pk}:{code}", algorithm="sha256").hexdigest()


@transaction.atomic
def _try_code(contact_id: int, code: str, now: datetime) -> str:
    """Verify, or count the try and return what is wrong with the code."""
    contact = ContactMethod.objects.select_for_update().get(pk=contact_id)
    wrong = _judge_code(contact, code, now)
    if wrong:
        contact.code_tries += 1
    else:
        contact.verified_at, contact.code_hash = now, ""
    contact.save(update_fields=["verified_at", "code_hash", "code_tries"])
    return wrong


def _judge_code(contact: ContactMethod, code: str, now: datetime) -> str:
    if not contact.code_hash or contact.code_sent_at is None or now - contact.code_sent_at > CODE_LASTS:
        return "This code is too old. Ask for a new one."
    if contact.code_tries >= MAX_TRIES:
        return "Too many wrong codes. Ask for a new one."
    return (
        ""
        if hmac.compare_digest(contact.code_hash, _hash(contact, code.strip()))
        else "This is not the code that was sent."
    )


def _count_code(contact: ContactMethod, now: datetime) -> None:
    """Count a code that is about to be sent; raise ContactInvalid if there were too many lately."""
    address = salted_hmac("alerts.contact.address", contact.address.strip().lower(), algorithm="sha256").hexdigest()[
        :40
    ]
    wait = take_use(
        Ration(f"code-of:{contact.user_id}", CODES_OF_PERSON, CODES_WINDOW),
        Ration(f"code-to:{address}", CODES_TO_ADDRESS, CODES_WINDOW),
        now=now,
    )
    if wait is not None:
        raise ContactInvalid(
            "Too many codes were sent in the last hour, by you or to this address. "
            f"Look whether one of them arrived, or ask for another one in {describe_seconds(wait.total_seconds())}."
        )


def _queue_code(contact: ContactMethod, code: str, *, secret: str, now: datetime) -> None:
    common: dict[str, Any] = {
        "recipient": contact.label,
        "idempotency_key": f"contact-code:{contact.pk}:{now.timestamp()}",
        "source": "contact",
        "source_id": str(contact.pk),
        "is_private": True,
    }
    if contact.kind == ContactKind.EMAIL:
        mail = render_mail("alerts/code", {"code": code, "minutes": int(CODE_LASTS.total_seconds() // 60)})
        queue_delivery(channel=Way.EMAIL, subject=mail.subject, text=mail.text, html=mail.html, **common)
        return
    spelled = ", ".join(code)
    if contact.kind == ChannelKind.PHONE:
        text = f"Your code for Postlaunch is {spelled}. I repeat. {spelled}."
    else:
        text = f"Your code for Postlaunch is {code}. It lasts {int(CODE_LASTS.total_seconds() // 60)} minutes."
    subject = "" if contact.kind in NUMBERED else "Your code"
    queue_delivery(channel=Way.APPRISE, subject=subject, text=text, secret_address=secret, **common)
