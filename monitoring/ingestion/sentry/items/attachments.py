"""Files: each belongs to the event that the envelope's header names. A file of any kind is taken, minidumps too."""

from __future__ import annotations

from config.settings import OPTION
from monitoring.attachments.records import MAX_OF_EVENT, AttachmentRecord, make_attachment
from monitoring.attachments.selectors import measure_attachments
from monitoring.errors.events import read_event_id
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received


def take_attachment(received: Received, item: Item, context: Context) -> None:
    """Take a file unless it is too large or its event has as much as is kept; then it is counted as over a limit."""
    event_id = read_event_id(context.header.get("event_id")) or read_event_id(received.event_id)
    if event_id is None:
        raise ItemInvalid("the attachment belongs to no event: the envelope's header names none")
    size = len(item.payload)
    siblings = [one for one in received.batch.records if isinstance(one, AttachmentRecord)]
    # Several envelopes can bring files of one event.
    number, total = measure_attachments(application_id=context.application_id, event_id=event_id)
    number, total = number + len(siblings), total + sum(one.bytes_ for one in siblings)
    if (
        size > int(OPTION["ATTACHMENT_MAX_BYTES"])
        or total + size > int(OPTION["ATTACHMENT_MAX_EVENT_BYTES"])
        or number >= MAX_OF_EVENT
    ):
        received.batch.account.add(item.signal, "limited")
        return
    record = make_attachment(
        item.payload,
        item.header,
        application_id=context.application_id,
        event_id=event_id,
        received_at=context.received_at,
        rules=read_rules(),
    )
    received.batch.add(record, signal=item.signal)
