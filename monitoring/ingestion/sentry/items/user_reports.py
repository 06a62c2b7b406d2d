"""What people said: as feedback, an event of its own kind, or as the older report that names an event."""

from __future__ import annotations

from typing import Any

from monitoring.errors.events import EventInvalid, decode_document, read_event_id
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received
from monitoring.user_reports.records import UserReportInvalid, read_feedback, read_user_report


def take_feedback(received: Received, item: Item, context: Context) -> None:
    """Take feedback, whether it came as an item of its own or as an event."""
    document = _read_object(item.payload)
    try:
        record = read_feedback(
            document,
            application_id=context.application_id,
            received_at=context.received_at,
            rules=read_rules(),
            report_id=read_event_id(context.header.get("event_id")),
            client_ip=context.client_ip,
        )
    except UserReportInvalid as error:
        raise ItemInvalid(str(error)) from error
    received.event_id = received.event_id or record.report_id.hex
    received.batch.add(record, signal="feedback")


def take_user_report(received: Received, item: Item, context: Context) -> None:
    """Take what somebody wrote into a crash dialog."""
    try:
        record = read_user_report(
            _read_object(item.payload),
            application_id=context.application_id,
            received_at=context.received_at,
            rules=read_rules(),
        )
    except UserReportInvalid as error:
        raise ItemInvalid(str(error)) from error
    received.batch.add(record, signal="feedback")


def _read_object(payload: bytes) -> dict[str, Any]:
    try:
        return decode_document(payload)
    except EventInvalid as error:
        raise ItemInvalid(str(error)) from error
