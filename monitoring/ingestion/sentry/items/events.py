"""Events: errors and messages go to the inbox of errors as they came."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec

from monitoring.errors.events import EventInvalid, decode_document, read_event_id
from monitoring.errors.services.inbox import Incoming
from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received

#: What the `type` of an event says, where it is no error: the kind of item that it would be by itself.
KINDS = {"transaction": "transaction", "feedback": "feedback"}


class _Head(msgspec.Struct):
    """The members of an event that the door looks at; the rest is checked to be JSON and left alone."""

    event_id: Any = None
    type: Any = None


def find_kind(item: Item) -> Item:
    """Return an event's item as the kind that its `type` says it is. Raises ItemInvalid."""
    kind = read_head(item.payload).type
    return replace(item, type=KINDS[kind]) if isinstance(kind, str) and kind in KINDS else item


def take_event(received: Received, item: Item, context: Context) -> None:
    """Put an error into the inbox."""
    head = read_head(item.payload)
    # The header's id wins.
    event_id = read_event_id(context.header.get("event_id")) or read_event_id(head.event_id) or uuid4()
    received.event_id = event_id.hex
    incoming = Incoming.pack(
        context.application_id, event_id, context.received_at, item.payload, client_ip=context.client_ip
    )
    received.batch.add(incoming, signal="errors")


def read_head(payload: bytes) -> _Head:
    """Return what an event says of itself. Raises ItemInvalid for something that is no JSON object."""
    try:
        return msgspec.json.decode(payload, type=_Head)
    except RecursionError as error:
        raise ItemInvalid("the event is nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        try:
            document = decode_document(payload)
        except EventInvalid as error:
            raise ItemInvalid(str(error)) from error
        return _Head(document.get("event_id"), document.get("type"))
