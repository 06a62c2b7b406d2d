"""Keeping usage events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any
from uuid import uuid4

from django.db import connection

from monitoring.partitions import USAGE_EVENTS
from monitoring.usage.records import UsageEvent

_COLUMNS = {
    "application_id": "int", "record_id": "uuid", "at": "timestamptz", "kind": "text", "name": "text", "page": "text",
    "target": "text", "properties": "jsonb", "release": "text", "environment": "text", "device": "text",
    "browser": "text", "os": "text", "ip": "text", "session_key": "text", "user_key": "bytea",
}  # fmt: skip
_INSERT_SQL = f"""
INSERT INTO monitoring_usageevent ({", ".join(_COLUMNS)})
SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())})
ON CONFLICT (application_id, record_id, at) DO NOTHING
"""  # noqa: S608  (column names of this module)


def write_usage_events(events: Sequence[UsageEvent]) -> None:
    """Keep events, in the caller's transaction. One that is there already is not kept twice."""
    rows = {(row[0], row[1], row[2]): row for row in map(_row_of, events)}
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    columns = [list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)]
    USAGE_EVENTS.ensure(days={moment.astimezone(UTC).date() for moment in columns[2]})
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_SQL, columns)


def _row_of(event: UsageEvent) -> tuple[Any, ...]:
    found = {name: getattr(event, name) for name in _COLUMNS}
    found["record_id"] = event.record_id or uuid4()
    found["properties"] = json.dumps(dict(event.properties))
    return tuple(found.values())
