"""Check-ins: what scheduled jobs say of their runs."""

from __future__ import annotations

import msgspec

from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received
from monitoring.uptime.check_ins import CheckIn, CheckInInvalid, read_check_in
from monitoring.uptime.services.check_ins import is_known


def take_check_in(received: Received, item: Item, context: Context) -> None:
    """Take a check-in of a heartbeat that is known, or that says when it should come. Raises ItemInvalid."""
    try:
        document = msgspec.json.decode(item.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ItemInvalid(f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ItemInvalid("it is not a JSON object")
    try:
        check_in = read_check_in(document, application_id=context.application_id, received_at=context.received_at)
    except CheckInInvalid as error:
        raise ItemInvalid(str(error)) from error
    add_check_in(received, check_in)


def add_check_in(received: Received, check_in: CheckIn) -> None:
    """Add a check-in to the batch. Raises ItemInvalid for a monitor that nobody knows and that does not say when it should come."""
    if check_in.wish is None and not is_known(application_id=check_in.application_id, slug=check_in.slug):
        raise ItemInvalid(
            f"there is no heartbeat {check_in.slug!r}: send monitor_config with the check-in, which makes one"
        )
    received.batch.add(check_in, signal="check_ins")
