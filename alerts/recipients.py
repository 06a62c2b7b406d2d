"""Who is told: addresses of channels, each person once. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

#: See Recipient.way.
Way = tuple[str, str, int, int, int]

_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address, of a channel or (`channel_id` 0) of a person, who may have named it as a contact of theirs.

    `person_id` is that person's, `roster_id` the on-call schedule because of which it is told. `secret` signs webhooks, and is the Apprise address of what goes out so; it is never stored with an alert. `obstacle` is why nothing can be sent to it, empty if nothing stands in the way.
    """

    channel_id: int
    channel_name: str
    kind: str
    address: str
    secret: str = ""
    obstacle: str = ""
    contact_id: int = 0
    person_id: int = 0
    roster_id: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What tells recipients apart: by which way, to which address."""
        return self.kind, self.address.lower()

    @property
    def way(self) -> Way:
        """What tells apart why an address is told: by which channel, or as which person, by name or for being on call."""
        return *self.key, self.channel_id, self.person_id, self.roster_id

    def as_told(self) -> dict[str, Any]:
        """Return what an alert remembers of someone it told."""
        told = {"channel": self.channel_id, "name": self.channel_name, "kind": self.kind, "to": self.address}
        more = {"contact": self.contact_id, "person": self.person_id, "roster": self.roster_id}
        return {**told, **{name: value for name, value in more.items() if value}}


def split_addresses(text: str) -> list[str]:
    """Return the mail addresses in a text, separated by commas, semicolons or blanks; each once."""
    return list(dict.fromkeys(part for part in _SEPARATORS.split(text) if part))


def merge_ways(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Return each way to each address once."""
    return list({each.way: each for each in recipients}.values())


def rank_way(recipient: Recipient) -> tuple[int, ...]:
    """Of several ways to one address the highest wins: a person's own over a channel's, by name over being on call.

    Among the rest it is the oldest.
    """
    is_own, is_named = recipient.channel_id == 0, recipient.roster_id == 0
    return is_own, is_named, -recipient.channel_id, -recipient.person_id, -recipient.roster_id


def recipient_of_told(told: dict[str, Any], *, secret: str = "", obstacle: str = "") -> Recipient:
    """Return someone an alert remembers."""
    return Recipient(
        channel_id=int(told["channel"]),
        channel_name=str(told["name"]),
        kind=str(told["kind"]),
        address=str(told["to"]),
        secret=secret,
        obstacle=obstacle,
        contact_id=int(told.get("contact", 0)),
        person_id=int(told.get("person", 0)),
        roster_id=int(told.get("roster", 0)),
    )


def write_delivery_key(*, notice_id: int, recipient: Recipient) -> str:
    """Return what identifies this message to this recipient for good; a long address stands as its hash."""
    address = recipient.address
    if len(address) > 150:
        address = hashlib.sha256(address.encode()).hexdigest()
    return f"notice:{notice_id}:{recipient.kind}:{address}"


def write_thread_key(*, group_key: str, recipient: Recipient) -> str:
    """Return what messages of one group to one recipient have in common, also over several groups after each other."""
    return f"{group_key}:{recipient.kind}:{recipient.address.lower()}"
