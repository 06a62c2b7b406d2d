"""Keeping measurements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from monitoring.browser.records import VitalRecord, settle_time
from monitoring.partitions import BROWSER_VITALS

_COLUMNS = {
    "application_id": "int", "record_id": "uuid", "at": "timestamptz", "name": "text", "value": "float8", "page": "text",
    "url": "text", "detail": "text", "release": "text", "environment": "text", "device": "text", "browser": "text",
    "os": "text", "connection": "text", "navigation": "text", "session_key": "text", "user_key": "bytea",
    "trace_id": "text",
}  # fmt: skip
#: Vitals grow while a page is open, so of two reports of one measurement the larger value is the later one.
_INSERT_SQL = f"""
INSERT INTO monitoring_browservital AS vital ({", ".join(_COLUMNS)})
SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())})
ON CONFLICT (application_id, record_id, at) DO UPDATE SET value = excluded.value WHERE excluded.value > vital.value
"""  # noqa: S608  (column names of this module)
_MARK_SQL = """
INSERT INTO monitoring_vital_mark (application_id, hour)
SELECT application, date_trunc('hour', moment, 'UTC') FROM unnest(%s::int[], %s::timestamptz[]) AS found(application, moment)
GROUP BY 1, 2
"""


def write_vitals(records: Sequence[VitalRecord]) -> None:
    """Keep measurements, in the caller's transaction, and mark their hours to be rolled up."""
    now = timezone.now()
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for record in records:
        row = _row_of(record, settle_time(record.at, received_at=now).astimezone(UTC))
        known = rows.get(row[:3])
        if known is None or record.value > known[4]:
            rows[row[:3]] = row
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    ordered = [rows[key] for key in sorted(rows)]
    columns = [list(column) for column in zip(*ordered, strict=True)]
    BROWSER_VITALS.ensure(days={moment.date() for moment in columns[2]})
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_SQL, columns)
        cursor.execute(_MARK_SQL, [columns[0], columns[2]])


def _row_of(record: VitalRecord, at: datetime) -> tuple[Any, ...]:
    found = {name: getattr(record, name) for name in _COLUMNS}
    return tuple((found | {"at": at, "record_id": record.record_id or uuid4()}).values())
