"""Publishing events and handing them to their subscribers."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from config.nudges import Nudge
from config.outbox.backoff import delay_after
from config.outbox.enums import EventState
from config.outbox.models import Event, Receipt
from config.outbox.registry import Subscriber, subscribers_of

logger = logging.getLogger(__name__)

#: How long a dispatcher has for the events it claimed, before another one takes over. Too short costs nothing but work
#: done twice and rolled back: the receipt decides.
LEASE = timedelta(seconds=30)
CLAIM_SIZE = 20
PRUNE_SIZE = 5_000

_dispatcher = Nudge("config.outbox.tasks.dispatch_events", "default")

#: Takes what is due and hides it from other dispatchers for the time of the lease.
_CLAIM_SQL = """
UPDATE config_event SET due_at = %(lease_until)s
WHERE id IN (
    SELECT id FROM config_event WHERE state = 'pending' AND due_at <= %(now)s
    ORDER BY due_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def publish(*, type: str, payload: dict[str, Any], application_id: int | None = None) -> Event:  # noqa: A002
    """Write an event in the caller's transaction; its subscribers hear of it once that commits.

    Events are independent of each other: subscribers must not count on their order.
    """
    event = Event.objects.create(type=type, payload=payload, application_id=application_id)
    _dispatcher.on_commit()
    return event


def dispatch_due_events(*, limit: int = CLAIM_SIZE) -> int:
    """Claim up to `limit` due events and run their subscribers; return how many were claimed."""
    claimed = _claim_events(limit=limit)
    for event_id in claimed:
        dispatch_event(event_id=event_id)
    return len(claimed)


def dispatch_event(*, event_id: int) -> None:
    """Run the subscribers that have no receipt yet, each in its own transaction, and note what came of it."""
    event = Event.objects.filter(pk=event_id, state=EventState.PENDING).first()
    if event is None:
        return
    failures = [
        failure for subscriber in subscribers_of(event.type) if (failure := _run(subscriber, event_id=event_id))
    ]
    _conclude(event_id=event_id, failures=failures)


def retry_event(*, event: Event) -> bool:
    """Give an event that was set aside its full number of attempts again, now; return False if it isn't set aside."""
    changed = Event.objects.filter(pk=event.pk, state=EventState.SET_ASIDE).update(
        state=EventState.PENDING, attempts=0, due_at=timezone.now()
    )
    if changed:
        _dispatcher.on_commit()
    return bool(changed)


def prune_events(*, older_than: timedelta) -> int:
    """Delete events that have been done for so long; return how many. In small pieces, so that no lock is held for long."""
    limit, total = timezone.now() - older_than, 0
    while True:
        ids = list(
            Event.objects.filter(state=EventState.DONE, finished_at__lt=limit)
            .order_by("finished_at")
            .values_list("pk", flat=True)[:PRUNE_SIZE]
        )
        if not ids:
            return total
        total += Event.objects.filter(pk__in=ids).delete()[1].get("config.Event", 0)


def _claim_events(*, limit: int) -> list[int]:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_SQL, {"now": now, "lease_until": now + LEASE, "limit": limit})
        return sorted(row[0] for row in cursor.fetchall())


def _run(subscriber: Subscriber, *, event_id: int) -> str:
    """Run one subscriber with its receipt in one transaction; return the failure in words, or nothing."""
    try:
        with transaction.atomic():
            # The row lock makes two dispatchers of one event take turns; the second finds the receipt.
            event = Event.objects.select_for_update().filter(pk=event_id, state=EventState.PENDING).first()
            if event is None or Receipt.objects.filter(event=event, subscriber=subscriber.name).exists():
                return ""
            subscriber.handler(event)
            Receipt.objects.create(event=event, subscriber=subscriber.name)
    except Exception as error:
        # The outermost edge: whatever a handler raises is its own failure, kept with the event, and holds up nobody else.
        logger.exception("subscriber %s failed for event %s", subscriber.name, event_id)
        return f"{subscriber.name}: {error.__class__.__name__}: {error}"
    return ""


@transaction.atomic
def _conclude(*, event_id: int, failures: list[str]) -> None:
    event = Event.objects.select_for_update().filter(pk=event_id, state=EventState.PENDING).first()
    if event is None:
        return
    now = timezone.now()
    if not failures:
        event.state, event.finished_at, event.last_error = EventState.DONE, now, ""
    else:
        event.attempts += 1
        event.last_error = "\n".join(failures).replace("\x00", "")[:5_000]
        delay = delay_after(event.attempts)
        if delay is None:
            event.state = EventState.SET_ASIDE
            logger.error("event %s (%s) was set aside: %s", event.pk, event.type, event.last_error)
        else:
            event.due_at = now + delay
    event.save(update_fields=["state", "finished_at", "attempts", "last_error", "due_at"])
