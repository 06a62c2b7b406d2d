"""Bodies that come a second time because their answer got lost.

Kinds of telemetry whose single things carry no id are told apart by their whole body: the same bytes from the same
application within REMEMBERED are one sending. The key is claimed in the transaction that stores what the body holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

REMEMBERED = timedelta(hours=1)
"""Exporters try for some minutes; nobody tries for longer."""

Key = tuple[int, bytes]

_CLAIM_SQL = """
INSERT INTO monitoring_seen_body (application_id, body_key, seen_at)
SELECT * FROM unnest(%s::int[], %s::bytea[], %s::timestamptz[])
ON CONFLICT (application_id, body_key) DO NOTHING RETURNING application_id, body_key
"""

_FIND_SQL = """
SELECT application_id, body_key FROM monitoring_seen_body
JOIN unnest(%s::int[], %s::bytea[]) AS wanted (application_id, body_key) USING (application_id, body_key)
"""


def make_body_key(*parts: bytes) -> bytes:
    """Return 16 bytes that stand for a body."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def claim_bodies(*, keys: Iterable[Key], now: datetime) -> set[Key]:
    """Return those (application id, body key) that were not stored before, in the caller's transaction.

    Who claims a key that another transaction has just claimed waits until that one is through.
    """
    ordered = sorted(set(keys))
    if not ordered:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_SQL, [[one for one, _ in ordered], [key for _, key in ordered], [now] * len(ordered)])
        return {(application_id, bytes(key)) for application_id, key in cursor.fetchall()}


def find_claimed(*, keys: Iterable[Key]) -> set[Key]:
    """Return those (application id, body key) that were claimed before, by this transaction or one that is through."""
    wanted = list(keys)
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_FIND_SQL, [[one for one, _ in wanted], [key for _, key in wanted]])
        return {(application_id, bytes(key)) for application_id, key in cursor.fetchall()}


def forget_bodies(*, now: datetime) -> int:
    """Forget bodies that can't come again; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_seen_body WHERE seen_at < %s", [now - REMEMBERED])
        return int(cursor.rowcount)
