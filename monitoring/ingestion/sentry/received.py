"""An envelope while it is looked through: what stands around an item, and what was made of all of them so far. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitoring.ingestion.batches import Batch
from monitoring.ingestion.sentry.envelopes import Item, Refused
from monitoring.lenient import BROKEN, MAX_PARTS, decode_json, is_crowded


@dataclass(frozen=True, slots=True)
class Context:
    """What an item's taker knows beside the item: who sent it, when, from where, and the envelope's header.

    `client_ip` is empty unless it may be kept.
    """

    application_id: int
    received_at: datetime
    client_ip: str = ""
    user_agent: str = ""
    header: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Received:
    """What a request holds once it is looked through."""

    batch: Batch
    refused: list[Refused] = field(default_factory=list)
    event_id: str = ""
    has_waited: bool = False

    def refuse(self, refused: Refused) -> None:
        """Count and remember something that is not taken."""
        self.refused.append(refused)
        self.batch.account.add(refused.signal, "refused", refused.count)


class ItemInvalid(Exception):
    """An item that can't be read; the text says why, for the client's log."""


def read_object(payload: bytes) -> dict[str, Any]:
    """Return what an item's payload says. Raises ItemInvalid."""
    if is_crowded(payload):
        raise ItemInvalid(f"it has more than {MAX_PARTS} objects, lists and members")
    try:
        found = decode_json(payload)
    except BROKEN as error:
        raise ItemInvalid(f"it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ItemInvalid("it is not a JSON object")
    return found


#: Takes one kind of item: adds records and counts to `received.batch`. Raises ItemInvalid, which refuses the item.
Taker = Callable[[Received, Item, Context], None]
