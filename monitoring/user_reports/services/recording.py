"""Keeping what people said and telling rooms above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from config.outbox.services import publish
from monitoring.errors.selectors import find_group_ids
from monitoring.user_reports.records import UserReportRecord

_COLUMNS = {
    "application_id": "int", "report_id": "uuid", "event_id": "uuid", "group_id": "bigint", "received_at": "timestamptz",
    "name": "text", "email": "text", "message": "text", "url": "text", "release": "text", "environment": "text",
    "trace_id": "text", "user_key": "bytea",
}  # fmt: skip
_INSERT_SQL = f"""
INSERT INTO monitoring_userreport ({", ".join(_COLUMNS)})
SELECT * FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())})
ON CONFLICT (application_id, report_id) DO NOTHING RETURNING id, application_id, event_id, received_at
"""  # noqa: S608  (column names of this module)


def write_user_reports(records: Sequence[UserReportRecord]) -> None:
    """Keep reports, in the caller's transaction, and publish an event for each that is new."""
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    once = {(record.application_id, record.report_id): record for record in records}
    ordered = [once[key] for key in sorted(once)]
    named = [(record.application_id, record.event_id) for record in ordered if record.event_id is not None]
    groups: dict[Any, int] = dict(find_group_ids(named))
    columns: list[list[Any]] = [
        [
            groups.get((record.application_id, record.event_id)) if name == "group_id" else getattr(record, name)
            for record in ordered
        ]
        for name in _COLUMNS
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_SQL, columns)
        made = cursor.fetchall()
    for pk, application_id, event_id, received_at in made:
        payload = {
            "report_id": pk,
            "event_id": event_id.hex if event_id is not None else "",
            "at": received_at.isoformat(),
        }
        publish(type="user_report.received", payload=payload, application_id=application_id)
