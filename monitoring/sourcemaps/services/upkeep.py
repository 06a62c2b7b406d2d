"""What became of uploads: used, missed, no longer needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from config.settings import OPTION
from monitoring.sourcemaps.models import MissingMap, SourceBundle, SourceChunk
from monitoring.sourcemaps.services.uploading import lock_uploads

USE_NOTED_EVERY = timedelta(hours=1)
CHUNKS_WAIT = timedelta(days=1)
MISSING_KEPT = timedelta(days=30)

_USED_SQL = """
UPDATE monitoring_sourcebundle SET used_at = %s WHERE id IN (
    SELECT id FROM monitoring_sourcebundle
    WHERE id = ANY(%s) AND (used_at IS NULL OR used_at < %s) ORDER BY id FOR UPDATE SKIP LOCKED
)
"""
_MISSING_SQL = """
INSERT INTO monitoring_missingmap AS known (application_id, release, event_count, reason, file, last_seen)
SELECT * FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::timestamptz[])
ON CONFLICT (application_id, release) DO UPDATE SET event_count = known.event_count + excluded.event_count,
    reason = excluded.reason, file = excluded.file, last_seen = greatest(known.last_seen, excluded.last_seen)
"""
#: Not by the framework, which would read the contents first.
_ORPHANS_SQL = """
DELETE FROM monitoring_sourceblob AS blob WHERE blob.application_id = %s
AND NOT EXISTS (SELECT FROM monitoring_sourcefile WHERE blob_id = blob.id)
"""


@dataclass(frozen=True, slots=True)
class Missed:
    """An event that a source map would have helped: which script, and why there was none."""

    application_id: int
    release: str
    file: str
    reason: str
    at: datetime


def note_missed(missed: Iterable[Missed]) -> None:
    """Count events without a map by release, in the caller's transaction."""
    newest: dict[tuple[int, str], tuple[int, Missed]] = {}
    for each in missed:
        key = each.application_id, each.release
        newest[key] = (newest.get(key, (0, each))[0] + 1, each)
    if not newest:
        return
    rows = [
        (application_id, release, count, one.reason, one.file[:500], one.at)
        for (application_id, release), (count, one) in sorted(newest.items())
    ]
    with connection.cursor() as cursor:
        cursor.execute(_MISSING_SQL, [list(column) for column in zip(*rows, strict=True)])


def note_used(bundle_ids: Sequence[int], *, now: datetime) -> None:
    """Remember that uploads explained something, hourly at most; a row that others have locked is left out."""
    if bundle_ids:
        with connection.cursor() as cursor:
            cursor.execute(_USED_SQL, [now, list(bundle_ids), now - USE_NOTED_EVERY])


@transaction.atomic
def delete_bundle(*, bundle: SourceBundle) -> None:
    """Remove an upload and the contents that no other has."""
    lock_uploads(bundle.application_id)
    SourceBundle.objects.filter(pk=bundle.pk).delete()
    _delete_orphans(bundle.application_id)


def prune(*, now: datetime) -> int:
    """Remove uploads that explained nothing for the retention, pieces that nobody came back for, and old notes of misses.

    Returns how many uploads went.
    """
    horizon = now - timedelta(days=int(OPTION["SOURCEMAP_RETENTION_DAYS"]))
    SourceChunk.objects.filter(uploaded_at__lt=now - CHUNKS_WAIT).delete()
    MissingMap.objects.filter(last_seen__lt=now - MISSING_KEPT).delete()
    old = SourceBundle.objects.filter(Q(used_at=None) | Q(used_at__lt=horizon), uploaded_at__lt=horizon)
    gone = 0
    for application_id in sorted(set(old.values_list("application_id", flat=True))):
        with transaction.atomic():
            lock_uploads(application_id)
            _, counts = old.filter(application_id=application_id).delete()
            gone += counts.get("monitoring.SourceBundle", 0)
            _delete_orphans(application_id)
    return gone


def _delete_orphans(application_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS_SQL, [application_id])
