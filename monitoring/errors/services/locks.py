"""One writer per application: whoever makes groups, moves them or adds up counts waits for the others' commit."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

_LOCK_CLASS = 0x6973  # keeps these apart from other advisory locks


def lock_applications(application_ids: Iterable[int]) -> None:
    """Wait until nobody else changes groups of these applications; held until the transaction ends."""
    with connection.cursor() as cursor:
        # In one order for everybody, so that two transactions never wait for each other in a circle.
        for application_id in sorted(set(application_ids)):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, application_id])
