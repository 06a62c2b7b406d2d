"""Who is told: addresses of channels, each person once. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address, of a channel or (`channel_id` 0) of a person. `secret` signs webhooks; it is never stored with an alert.

    `obstacle` is why nothing can be sent to it, empty if nothing stands in the way.
    """

    channel_id: int
    channel_name: str
    kind: str
    address: str
    secret: str = ""
    obstacle: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells recipients apart: by which way, to which address."""
        return self.kind, self.address.lower()

    def as_told(self) -> dict[str, Any]:
        """Return what an alert remembers of someone it told."""
        return {"channel": self.channel_id, "name": self.channel_name, "kind": self.kind, "to": self.address}


def split_addresses(text: str) -> list[str]:
    """Return the mail addresses in a text, separated by commas, semicolons or blanks; each once."""
    return list(dict.fromkeys(part for part in _SEPARATORS.split(text) if part))


def merge_recipients(recipients: Iterable[Recipient]) -> list[Recipient]:
    """Return each address once, although several channels lead to it."""
    return list({each.key: each for each in recipients}.values())


def recipient_of_told(told: dict[str, Any], *, secret: str = "", obstacle: str = "") -> Recipient:
    """Return someone an alert remembers."""
    return Recipient(int(told["channel"]), str(told["name"]), str(told["kind"]), str(told["to"]), secret, obstacle)


def write_delivery_key(*, notice_id: int, recipient: Recipient) -> str:
    """Return what identifies this message to this recipient for good; a long address stands as its hash."""
    address = recipient.address
    if len(address) > 150:
        address = hashlib.sha256(address.encode()).hexdigest()
    return f"notice:{notice_id}:{recipient.kind}:{address}"
