"""From names and labels to series ids: a cache in the process over the database's unique fingerprints."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import msgspec
from django.db import connection, transaction

from monitoring.applications.models import Application
from monitoring.metrics.labels import fingerprint
from monitoring.metrics.points import SeriesIdentity

CACHE_ENTRIES = 400_000
CACHE_BYTES = 128 * 1024 * 1024

_SERIES_LOCK = 0x73657269  # with the application's id: one creator of series per application at a time

_FIND_SQL = (
    "SELECT fingerprint, id FROM monitoring_metricseries WHERE application_id = %s AND fingerprint = ANY(%s::bytea[])"
)
_COUNT_SQL = "SELECT count(*) FROM monitoring_metricseries WHERE application_id = %s"
_CREATE_SQL = """
INSERT INTO monitoring_metricseries (application_id, name, labels, fingerprint, created_at)
SELECT %s, name, labels, fingerprint, clock_timestamp()
FROM unnest(%s::text[], %s::jsonb[], %s::bytea[]) AS fresh (name, labels, fingerprint)
ON CONFLICT (application_id, fingerprint) DO NOTHING
"""


class SeriesCache:
    """Series ids by the bytes that spell them, per application; the older half goes when it is full.

    Reading needs no lock: a dictionary's lookup is atomic, and an entry never changes.
    """

    def __init__(self, *, max_entries: int = CACHE_ENTRIES, max_bytes: int = CACHE_BYTES) -> None:
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._ids: dict[int, dict[bytes, int]] = {}
        self._entries = self._bytes = 0
        self._lock = threading.Lock()

    def of(self, application_id: int) -> Mapping[bytes, int]:
        """Return what is known of an application; a live view."""
        known = self._ids.get(application_id)
        if known is None:
            with self._lock:
                known = self._ids.setdefault(application_id, {})
        return known

    def remember(self, application_id: int, ids: Mapping[bytes, int]) -> None:
        """Add spellings of series."""
        with self._lock:
            known = self._ids.setdefault(application_id, {})
            fresh = [key for key in ids if key not in known]
            self._entries += len(fresh)
            self._bytes += sum(map(len, fresh))
            known.update(ids)
            if self._entries > self._max_entries or self._bytes > self._max_bytes:
                self._halve()

    def forget(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._ids, self._entries, self._bytes = {}, 0, 0

    def _halve(self) -> None:
        for application_id, known in self._ids.items():
            self._ids[application_id] = dict(list(known.items())[len(known) // 2 :])
        self._entries = sum(map(len, self._ids.values()))
        self._bytes = sum(len(key) for known in self._ids.values() for key in known)


spellings = SeriesCache()
"""Label bytes as senders wrote them."""

_fingerprints = SeriesCache()
"""Fingerprints of labels: one series may be spelled in several ways."""


def forget_series() -> None:
    """Empty this process's caches of series."""
    spellings.forget()
    _fingerprints.forget()


def resolve_series(*, application_id: int, identities: Sequence[SeriesIdentity]) -> list[int | None]:
    """Return the id of every series, creating those that are new; None beyond the application's limit.

    New series are committed at once, in a transaction of their own, so that concurrent writers meet for a moment only.
    """
    prints = [fingerprint(identity) for identity in identities]
    known = _fingerprints.of(application_id)
    missing = {key: identity for key, identity in zip(prints, identities, strict=True) if key not in known}
    found = {key: known[key] for key in prints if key in known}
    if missing:
        fresh = _find(application_id, list(missing))
        absent = {key: identity for key, identity in missing.items() if key not in fresh}
        if absent:
            fresh |= _create(application_id, absent)
        found |= fresh
    spelled = {
        identity.cache_key: found[key]
        for key, identity in zip(prints, identities, strict=True)
        if identity.cache_key is not None and key in found
    }
    # What an outer transaction may still roll back is not remembered: later points would go to series that don't exist.
    if not connection.in_atomic_block:
        _fingerprints.remember(application_id, found)
        spellings.remember(application_id, spelled)
    return [found.get(key) for key in prints]


def _find(application_id: int, prints: list[bytes]) -> dict[bytes, int]:
    with connection.cursor() as cursor:
        cursor.execute(_FIND_SQL, [application_id, prints])
        return {bytes(key): series for key, series in cursor.fetchall()}


def _create(application_id: int, absent: dict[bytes, SeriesIdentity]) -> dict[bytes, int]:
    """Insert series up to the application's limit; return the ids of those that exist now."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_SERIES_LOCK, application_id])
        cursor.execute(_COUNT_SQL, [application_id])
        present = cursor.fetchone()[0]
        limit = Application.objects.values_list("max_series", flat=True).get(pk=application_id)
        # Another writer may have created some of them meanwhile; those need no room.
        existing = _find(application_id, list(absent))
        rows = [item for item in absent.items() if item[0] not in existing][: max(0, limit - present)]
        if rows:
            names = [identity.name for _, identity in rows]
            labels = [msgspec.json.encode(dict(identity.labels)).decode() for _, identity in rows]
            cursor.execute(_CREATE_SQL, [application_id, names, labels, [key for key, _ in rows]])
        return _find(application_id, list(absent))
