"""Taking events in: as they were received, durable before the client is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from config.nudges import Nudge
from monitoring.errors.compression import compress
from monitoring.losses.services import Intake, count_intake
from monitoring.metrics.commits import GroupCommit

NUDGE_EVERY_SECONDS = 0.25
"""A worker is woken this often at most: one run takes all that waits."""

_INSERT_SQL = """
INSERT INTO monitoring_error_inbox (application_id, event_id, received_at, client_ip, payload)
SELECT * FROM unnest(%s::int[], %s::uuid[], %s::timestamptz[], %s::text[], %s::bytea[])
ON CONFLICT (application_id, event_id) DO NOTHING
"""

_nudge = Nudge("monitoring.errors.tasks.digest_errors", "digest")
_nudged_at = 0.0
_nudge_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as it came. `client_ip` is where from, if that may be known."""

    application_id: int
    event_id: UUID
    received_at: datetime
    payload: bytes
    client_ip: str = ""


@dataclass(frozen=True, slots=True)
class _Write:
    """One request's part of a commit; payloads compressed."""

    events: tuple[Incoming, ...]
    intakes: tuple[Intake, ...]


def take_events(*, events: Sequence[Incoming], intakes: Sequence[Intake]) -> None:
    """Put events into the inbox and what became of everything beside them into the loss account; return once both are durable.

    An event that waits already is not taken twice. Raises django.db.OperationalError while the database is away.
    """
    packed = tuple(
        Incoming(each.application_id, each.event_id, each.received_at, compress(each.payload), each.client_ip)
        for each in events
    )
    write = _Write(packed, tuple(intakes))
    if connection.in_atomic_block:
        # What others sent must not hang on the caller's transaction.
        _commit([write])
    else:
        _commits.run(write)
    if packed:
        _wake_digest()


def _commit(writes: list[_Write]) -> None:
    events = [event for write in writes for event in write.events]
    with transaction.atomic():
        if events:
            # In one order for everybody, so that two transactions never wait for each other in a circle.
            events.sort(key=lambda event: (event.application_id, event.event_id))
            with connection.cursor() as cursor:
                cursor.execute(_INSERT_SQL, _columns(events))
        count_intake(intakes=[intake for write in writes for intake in write.intakes], now=timezone.now())


def _columns(events: list[Incoming]) -> list[list[object]]:
    return [
        [event.application_id for event in events],
        [event.event_id for event in events],
        [event.received_at for event in events],
        [event.client_ip for event in events],
        [event.payload for event in events],
    ]


_commits = GroupCommit(
    _commit,
    size=lambda write: 1 + sum(len(event.payload) for event in write.events),
    max_size=4 * 1024 * 1024,
    # An application that was removed a moment ago has neither inbox nor account any more.
    alone_after=(IntegrityError,),
)


def _wake_digest() -> None:
    global _nudged_at
    with _nudge_lock:
        if time.monotonic() - _nudged_at < NUDGE_EVERY_SECONDS:
            return
        _nudged_at = time.monotonic()
    _nudge.on_commit()
