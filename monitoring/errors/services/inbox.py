"""The inbox: events as they were received, until they are digested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
from django.db import connection

from config.nudges import PacedNudge
from monitoring.errors.compression import compress

NUDGE_EVERY_SECONDS = 0.25
"""A process wakes a worker this often at most: one run takes all that waits."""

_INSERT_SQL = """
INSERT INTO monitoring_error_inbox (application_id, event_id, received_at, client_ip, payload)
SELECT * FROM unnest(%b::int[], %b::uuid[], %b::timestamptz[], %b::text[], %b::bytea[])
ON CONFLICT (application_id, event_id) DO NOTHING
"""

_digester = PacedNudge("monitoring.errors.tasks.digest_errors", "digest", every_seconds=NUDGE_EVERY_SECONDS)


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event as it came, compressed. `client_ip` is where from, if that may be known."""

    application_id: int
    event_id: UUID
    received_at: datetime
    payload: bytes
    client_ip: str = ""

    @classmethod
    def pack(
        cls, application_id: int, event_id: UUID, received_at: datetime, payload: bytes, *, client_ip: str = ""
    ) -> Incoming:
        """Return the record of an event whose payload is not compressed yet."""
        return cls(application_id, event_id, received_at, compress(payload), client_ip)

    @property
    def size(self) -> int:
        """Return how many bytes it holds."""
        return len(self.payload)


def write_events(events: Sequence[Incoming]) -> None:
    """Put events into the inbox, in the caller's transaction, and wake the digest. One that waits already is not taken twice."""
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    ordered = sorted(events, key=lambda event: (event.application_id, event.event_id))
    connection.ensure_connection()
    # A cursor that sends parameters beside the statement, in binary: as part of its text, payloads would be twice as long.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_INSERT_SQL, _columns(ordered))
    _digester.on_commit()


def _columns(events: list[Incoming]) -> list[list[object]]:
    return [
        [event.application_id for event in events],
        [event.event_id for event in events],
        [event.received_at for event in events],
        [event.client_ip for event in events],
        [event.payload for event in events],
    ]
