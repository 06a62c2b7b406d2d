"""Signed links in messages: whoever got the message can act on its alerts without logging in.

A link carries the message and its recipient, signed with SECRET_KEY. Opening it changes nothing, so that mail scanners and
previews do no harm; only the buttons of the page behind it do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

SALT = "alerts.links"
VALID_FOR = timedelta(days=7)


class LinkInvalid(Exception):
    """A link that can't be followed; the message says why and what to do instead."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link stands for: a message and whom it was sent to."""

    notice_id: int
    recipient: str


def write_link(*, notice_id: int, recipient: str) -> str:
    """Return the whole address of the page on which a recipient can act on a message's alerts."""
    token = signing.dumps([notice_id, recipient], salt=SALT, compress=True)
    return settings.PUBLIC_URL + reverse("alerts_act", args=[token])


def read_link(token: str) -> Link:
    """Return what a link stands for; raise LinkInvalid if it is forged, cut off or too old."""
    try:
        notice_id, recipient = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.SignatureExpired as error:
        raise LinkInvalid("This link is older than a week. Open the alert in Postlaunch instead.") from error
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise LinkInvalid("This link is not complete, or was not made here. Open it again from the message.") from error
    return Link(int(notice_id), str(recipient))
