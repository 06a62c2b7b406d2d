"""Check-ins: what scheduled jobs say of their runs."""

from __future__ import annotations

from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, read_object
from monitoring.uptime.check_ins import CheckIn, CheckInInvalid, read_check_in
from monitoring.uptime.services.check_ins import find_obstacle


def take_check_in(received: Received, item: Item, context: Context) -> None:
    """Take a check-in of a heartbeat that is known, or that says when it should come. Raises ItemInvalid."""
    document = read_object(item.payload)
    try:
        check_in = read_check_in(document, application_id=context.application_id, received_at=context.received_at)
    except CheckInInvalid as error:
        raise ItemInvalid(str(error)) from error
    add_check_in(received, check_in)


def add_check_in(received: Received, check_in: CheckIn) -> None:
    """Add a check-in to the batch. Raises ItemInvalid for a monitor that nobody knows and that can't be made."""
    obstacle = find_obstacle(check_in)
    if obstacle:
        raise ItemInvalid(obstacle)
    received.batch.add(check_in, signal="check_ins")
