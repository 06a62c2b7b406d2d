"""An envelope while it is looked through: what stands around an item, and what was made of all of them so far. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitoring.ingestion.batches import Batch
from monitoring.ingestion.sentry.envelopes import Item, Refused


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

    def refuse(self, refused: Refused) -> None:
        """Count and remember something that is not taken."""
        self.refused.append(refused)
        self.batch.account.add(refused.signal, "refused", refused.count)


class ItemInvalid(Exception):
    """An item that can't be read; the text says why, for the client's log."""


#: Takes one kind of item: adds records and counts to `received.batch`. Raises ItemInvalid, which refuses the item.
Taker = Callable[[Received, Item, Context], None]
