"""Check-ins: what scheduled jobs say of their runs."""

from __future__ import annotations

from django.db import InterfaceError, OperationalError

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
    try:
        obstacle = find_obstacle(check_in, may_wait=not received.has_waited)
    except (OperationalError, InterfaceError):
        # It waits for the database like everything else; one of a monitor that nobody knows is passed over then.
        obstacle = ""
    if obstacle:
        # Once is enough for a request: others want to be heard too.
        received.has_waited = True
        raise ItemInvalid(obstacle)
    received.batch.add(check_in, signal="check_ins")
