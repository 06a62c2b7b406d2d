"""From a parsed envelope to what is stored, and to the account of everything in it. Pure but for the words of accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec

from monitoring.errors.events import EventInvalid, decode_document, read_event_id
from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion.sentry.envelopes import MAX_ITEM_BYTES, Envelope, Item, Refused
from monitoring.ingestion.sentry.reports import ReportInvalid, read_client_report
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake

COLUMNS = ("stored", "refused", "limited", "dropped", "sampled", "lost")
#: What the `type` of an event says, where it is no error.
_KINDS = {"transaction": "transactions", "feedback": "feedback"}


class _Head(msgspec.Struct):
    """The members of an event that the door looks at; the rest is checked to be JSON and left alone."""

    event_id: Any = None
    type: Any = None


@dataclass(slots=True)
class Account:
    """What becomes of the items of one request, by signal and column."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, signal: str, column: str, count: int = 1) -> None:
        """Count something."""
        self.counts[signal, column] = self.counts.get((signal, column), 0) + count

    def total(self, column: str) -> int:
        """Return how many things of all kinds a column has."""
        return sum(count for (_, name), count in self.counts.items() if name == column)

    def as_intakes(self, application_id: int) -> list[Intake]:
        """Return the account as the store takes it."""
        signals = sorted({signal for signal, _ in self.counts})
        return [
            Intake(application_id, Signal(signal), **{name: self.counts.get((signal, name), 0) for name in COLUMNS})
            for signal in signals
        ]


@dataclass(slots=True)
class Received:
    """What a request holds once it is looked through."""

    events: list[Incoming] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    refused: list[Refused] = field(default_factory=list)
    event_id: str = ""

    def refuse(self, refused: Refused) -> None:
        """Count and remember something that is not taken."""
        self.refused.append(refused)
        self.account.add(refused.signal, "refused", refused.count)


def sort_out(
    envelope: Envelope, *, application_id: int, received_at: datetime, client_ip: str = "", is_limited: bool = False
) -> Received:
    """Return the events to store and what becomes of everything else.

    With `is_limited` nothing is stored but reports of losses are still counted.
    """
    received = Received(event_id=envelope.event_id)
    for refused in envelope.refused:
        received.refuse(refused)
    for signal, count in envelope.limited.items():
        received.account.add(signal, "limited", count)
    for item in envelope.items:
        if item.type == "client_report":
            _count_report(received, item)
        elif is_limited:
            received.account.add(item.signal, "limited", item.count)
        elif item.type == "event":
            _take_event(
                received, item, envelope, Incoming(application_id, uuid4(), received_at, item.payload, client_ip)
            )
        else:
            received.account.add(item.signal, "dropped", item.count)
    return received


def sort_out_store(
    body: bytes, *, application_id: int, received_at: datetime, client_ip: str = "", is_limited: bool = False
) -> Received:
    """Return the same for the body of an older client, which is one event."""
    envelope = Envelope({})
    limit = MAX_ITEM_BYTES["event"]
    if len(body) > limit:
        reason = f"the event has {len(body)} bytes; at most {limit} are taken"
        envelope.refused.append(Refused("errors", reason, is_size=True))
    else:
        envelope.items.append(Item("event", {}, body))
    return sort_out(
        envelope, application_id=application_id, received_at=received_at, client_ip=client_ip, is_limited=is_limited
    )


def _take_event(received: Received, item: Item, envelope: Envelope, incoming: Incoming) -> None:
    try:
        head = _read_head(item.payload)
    except EventInvalid as error:
        received.refuse(Refused("errors", str(error)))
        return
    kind = _KINDS.get(head.type) if isinstance(head.type, str) else None
    if kind is not None:
        received.account.add(kind, "dropped")
        return
    # The header's id wins.
    event_id: UUID = read_event_id(envelope.header.get("event_id")) or read_event_id(head.event_id) or incoming.event_id
    received.event_id = event_id.hex
    received.events.append(
        Incoming(incoming.application_id, event_id, incoming.received_at, incoming.payload, incoming.client_ip)
    )
    received.account.add("errors", "stored")


def _read_head(payload: bytes) -> _Head:
    try:
        return msgspec.json.decode(payload, type=_Head)
    except RecursionError as error:
        raise EventInvalid("the event is nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        document = decode_document(payload)
        return _Head(document.get("event_id"), document.get("type"))


def _count_report(received: Received, item: Item) -> None:
    try:
        missing = read_client_report(item.payload)
    except ReportInvalid as error:
        received.refuse(Refused("client_reports", str(error)))
        return
    received.account.add("client_reports", "stored")
    for each in missing:
        received.account.add(each.signal, "sampled" if each.on_purpose else "lost", each.quantity)


def describe_refusals(refused: Iterable[Refused]) -> str:
    """Return the reasons in one text."""
    return "; ".join(dict.fromkeys(each.reason for each in refused))
