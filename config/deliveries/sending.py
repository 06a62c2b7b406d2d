"""One worker's turn: claim, send, note, until nothing is due."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db import InterfaceError, OperationalError, connection

from config.deliveries.apprise_transport import send_apprise
from config.deliveries.email import MailTransport
from config.deliveries.enums import Channel, Outcome
from config.deliveries.results import ClaimLost, Result
from config.deliveries.services import Claim, claim_delivery, finish_delivery, mark_handed_over
from config.deliveries.webhook import send_webhook

logger = logging.getLogger(__name__)

#: How long the outcome of an attempt is held while the database is away. Without the database nobody else can take the
#: delivery over either; afterwards the claim's token decides.
NOTE_SECONDS = 20.0
NOTE_RETRY_SECONDS = 0.25


def send_due_deliveries(*, turn_seconds: float) -> int:
    """Send what is due, at most for about `turn_seconds`; return how many attempts were made.

    After the mail server could not be used, the rest of the turn is for webhooks and messages: the other mails wait for the next turn
    untouched, instead of holding up everything with one timeout after the other.
    """
    deadline, total = time.monotonic() + turn_seconds, 0
    with MailTransport() as mail:
        while time.monotonic() < deadline and (claim := claim_delivery(with_mail=mail.is_usable)) is not None:
            send_claimed(claim, mail=mail)
            total += 1
    return total


def send_claimed(claim: Claim, *, mail: MailTransport) -> None:
    """Make one attempt and note how it ended."""

    def mark(lease: timedelta) -> bool:
        return mark_handed_over(claim=claim, lease=lease)

    try:
        if claim.delivery.channel == Channel.EMAIL:
            result = mail.send(claim.delivery, mark)
        elif claim.delivery.channel == Channel.APPRISE:
            result = send_apprise(claim.delivery, mark)
        else:
            result = send_webhook(claim.delivery, mark)
    except ClaimLost:
        logger.warning("delivery %s was taken over by another worker before it was sent", claim.delivery.pk)
        return
    except Exception as error:
        # The outermost edge: a bug in a transport is that delivery's bad attempt and nobody else's.
        logger.exception("delivery %s broke its transport", claim.delivery.pk)
        result = Result(Outcome.TEMPORARY, f"{error.__class__.__name__}: {error}")
    note_outcome(claim, result)


def note_outcome(claim: Claim, result: Result) -> None:
    """Store how an attempt ended. Raises OperationalError or InterfaceError if the database stays away.

    What the receiver took must not be forgotten because the database was restarted in that moment: it would be sent twice.
    """
    deadline = time.monotonic() + NOTE_SECONDS
    while True:
        try:
            finish_delivery(
                claim=claim,
                outcome=result.outcome,
                detail=result.detail,
                retry_after=result.retry_after,
                is_away=result.is_away,
            )
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or time.monotonic() >= deadline:
                raise
            logger.warning("the outcome of delivery %s waits for the database (%s)", claim.delivery.pk, error)
            connection.close()
            time.sleep(NOTE_RETRY_SECONDS)
        else:
            return
