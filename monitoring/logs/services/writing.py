"""Keeping log lines, and counting them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import msgspec
from django.db import connection
from django.utils import timezone

from monitoring.logs.records import LogRecord, name_severity
from monitoring.partitions import LOG_RECORDS
from monitoring.repetitions import claim_bodies

WRITERS = 64
"""How many rows a count may be spread over; processes that share one wait for each other's commit."""

_COPY_SQL = """
COPY monitoring_logrecord (application_id, at, severity, logger, body, template, release, environment, trace_id, span_id,
    attributes) FROM STDIN
"""
_COUNT_SQL = """
INSERT INTO monitoring_logcounter AS known (application_id, severity, writer, total, last_seen)
SELECT application_id, severity, %s, total, %s FROM unnest(%s::int[], %s::text[], %s::bigint[])
    AS news (application_id, severity, total)
ON CONFLICT (application_id, severity, writer) DO UPDATE
SET total = known.total + excluded.total, last_seen = greatest(known.last_seen, excluded.last_seen)
"""


def write_logs(records: Sequence[LogRecord]) -> None:
    """Store lines in the caller's transaction, those of a body that was here before left out."""
    now = timezone.now()
    keys = {(record.application_id, record.body_key) for record in records if record.body_key is not None}
    fresh = claim_bodies(keys=keys, now=now)
    wanted = [
        record for record in records if record.body_key is None or (record.application_id, record.body_key) in fresh
    ]
    if not wanted:
        return
    LOG_RECORDS.ensure(days={record.at.astimezone(UTC).date() for record in wanted})
    _copy(wanted)
    counts = sorted(Counter((record.application_id, name_severity(record.severity)) for record in wanted).items())
    columns: list[list[Any]] = [
        [key[0] for key, _ in counts],
        [key[1] for key, _ in counts],
        [count for _, count in counts],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_SQL, [os.getpid() % WRITERS, now, *columns])


def _copy(records: Sequence[LogRecord]) -> None:
    encode = msgspec.json.encode
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_COPY_SQL) as copy:
        for record in records:
            copy.write_row(
                (
                    record.application_id,
                    record.at,
                    record.severity,
                    record.logger,
                    record.body,
                    record.template,
                    record.release,
                    record.environment,
                    record.trace_id,
                    record.span_id,
                    encode(record.attributes).decode(),
                )
            )
