"""Keeping files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from django.db import connection

from monitoring.attachments.records import AttachmentRecord
from monitoring.partitions import ATTACHMENTS

_LOCK_CLASS = 0x66696C65  # keeps these apart from other advisory locks
_KNOWN_SQL = """
SELECT application_id, event_id, digest FROM monitoring_attachment
WHERE (application_id, event_id) IN (SELECT * FROM unnest(%s::int[], %s::uuid[]))
"""
_INSERT_SQL = """
INSERT INTO monitoring_attachment (application_id, event_id, received_at, name, content_type, kind, size, digest, data)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
"""


def write_attachments(records: Sequence[AttachmentRecord]) -> None:
    """Keep files, in the caller's transaction; those that an event has already, under the same name, are left out."""
    events = sorted({(record.application_id, record.event_id) for record in records})
    ATTACHMENTS.ensure(days={record.received_at.astimezone(UTC).date() for record in records})
    with connection.cursor() as cursor:
        # In one order for everybody; the same file sent twice at once is then seen by the second sender.
        for application_id, event_id in events:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_CLASS, f"{application_id}:{event_id}"]
            )
        cursor.execute(_KNOWN_SQL, [[one for one, _ in events], [event_id for _, event_id in events]])
        known = {(application_id, event_id, bytes(digest)) for application_id, event_id, digest in cursor.fetchall()}
        for record in records:
            key = record.application_id, record.event_id, record.digest
            if key in known:
                continue
            known.add(key)
            cursor.execute(
                _INSERT_SQL,
                [
                    *key[:2],
                    record.received_at,
                    record.name,
                    record.content_type,
                    record.kind,
                    record.bytes_,
                    key[2],
                    record.data,
                ],
            )
