"""Sessions: one at a time as SDKs of browsers and programs send them, or counted as those of servers do."""

from __future__ import annotations

from monitoring.ingestion.sentry.envelopes import Item, Refused
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, read_object
from monitoring.releases.records import SessionInvalid, SessionItem, read_counts, read_session
from monitoring.repetitions import make_body_key


def take_session(received: Received, item: Item, context: Context) -> None:
    """Take what is said of one session."""
    try:
        record = read_session(
            read_object(item.payload), application_id=context.application_id, received_at=context.received_at
        )
    except SessionInvalid as error:
        raise ItemInvalid(str(error)) from error
    received.batch.add(SessionItem(reports=(record,)), signal="sessions")


def take_session_counts(received: Received, item: Item, context: Context) -> None:
    """Take sessions that the client counted; each counts in the account.

    They carry no id. When an envelope says to the microsecond when it was sent, the same bytes sent at the same moment
    are one sending that came twice; from envelopes that don't say, nothing can be told.
    """
    sent_at = context.header.get("sent_at")
    body_key = (
        make_body_key(b"sessions", sent_at.encode(errors="replace"), item.payload) if isinstance(sent_at, str) else None
    )
    try:
        records, reasons = read_counts(
            read_object(item.payload),
            application_id=context.application_id,
            received_at=context.received_at,
            body_key=body_key,
        )
    except SessionInvalid as error:
        raise ItemInvalid(str(error)) from error
    for reason in reasons:
        received.refuse(Refused("sessions", reason))
    if records:
        received.batch.add(
            SessionItem(counts=tuple(records)), signal="sessions", count=sum(record.total for record in records)
        )
