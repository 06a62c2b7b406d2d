"""Signed links in messages: whoever got the message can act on its alerts without logging in.

A link carries the message and its recipient, signed with SECRET_KEY. Opening it changes nothing, so that mail scanners and
previews do no harm; only the buttons of the page behind it do. It has to fit into an SMS: the recipient is a number (a person)
or a digest, never the address itself, and its letters mean nothing in the markup of any chat.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from alerts.recipients import Recipient

SALT = "alerts.links"
VALID_FOR = timedelta(days=7)
#: Bytes of a token: message, time of making (epoch seconds), person, digest of the recipient, signature. 48 letters in all.
_NOTICE, _TIME, _PERSON, _DIGEST, _SIGNATURE = 5, 4, 4, 5, 12
_SIGNED = _NOTICE + _TIME + _PERSON + _DIGEST
_TOO_OLD = "This link is older than a week. Open the alert in Postlaunch instead."
_BROKEN = "This link is not complete, or was not made here. Open it again from the message."


class LinkInvalid(Exception):
    """A link that can't be followed; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link stands for: a message and whom it was sent to.

    `person_id` is 0 if it was nobody in particular. `address` is that of links of an earlier form, which were in mails only.
    """

    notice_id: int
    digest: str
    person_id: int = 0
    address: str = ""

    @property
    def name(self) -> str:
        """What its uses are counted under; no address."""
        whose = hashlib.sha256(self.address.encode()).hexdigest()[:40] if self.address else self.digest
        return f"link:{self.notice_id}:{whose}"


def write_link(*, notice_id: int, recipient: Recipient) -> str:
    """Return the whole address of the page on which a recipient can act on a message's alerts."""
    content = (
        notice_id.to_bytes(_NOTICE)
        + int(time.time()).to_bytes(_TIME)
        + recipient.person_id.to_bytes(_PERSON)
        + bytes.fromhex(digest_recipient(recipient))
    )
    token = base64.b32encode(content + _sign(content, settings.SECRET_KEY)).decode().lower()
    return settings.PUBLIC_URL + reverse("alerts_act", args=[token])


def write_sample() -> str:
    """Return something as long as a link, for previews; it leads nowhere."""
    return settings.PUBLIC_URL + "/a/" + "•" * ((_SIGNED + _SIGNATURE) * 8 // 5) + "/"


def read_link(token: str) -> Link:
    """Return what a link stands for; raise LinkInvalid if it is forged, cut off or too old."""
    if ":" in token:
        return _read_earlier(token)
    try:
        content = base64.b32decode(token.upper())
    except (binascii.Error, ValueError) as error:
        raise LinkInvalid(_BROKEN) from error
    signed, signature = content[:_SIGNED], content[_SIGNED:]
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(constant_time_compare(signature, _sign(signed, key)) for key in keys):
        raise LinkInvalid(_BROKEN)
    notice, made, person, digest = _split(signed)
    if int.from_bytes(made) + VALID_FOR.total_seconds() < time.time():
        raise LinkInvalid(_TOO_OLD)
    return Link(int.from_bytes(notice), digest.hex(), int.from_bytes(person))


def digest_recipient(recipient: Recipient) -> str:
    """Return what tells a recipient from the others of its message, and nothing of its address."""
    kind, address = recipient.key
    return hashlib.sha256(f"{kind}:{address}".encode()).digest()[:_DIGEST].hex()


def _read_earlier(token: str) -> Link:
    """Return what a link stands for that spells its recipient out; they were made until shorter ones were needed."""
    try:
        notice_id, address = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.SignatureExpired as error:
        raise LinkInvalid(_TOO_OLD) from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid(_BROKEN) from error
    digest = digest_recipient(Recipient(0, "", "email", str(address)))
    return Link(int(notice_id), digest, address=str(address))


def _split(signed: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    rest = signed[_NOTICE:]
    return signed[:_NOTICE], rest[:_TIME], rest[_TIME : _TIME + _PERSON], rest[_TIME + _PERSON :]


def _sign(content: bytes, key: str | bytes) -> bytes:
    return salted_hmac(SALT, content, secret=key, algorithm="sha256").digest()[:_SIGNATURE]
