"""Log lines in tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.logs.records import LogRecord, make_record


def make_line(
    application: Application, body: str = "invoice posted", *, at: datetime | None = None, **fields: Any
) -> LogRecord:
    """Return a line as an adapter makes it."""
    now = timezone.now()
    return make_record(
        application_id=application.pk, received_at=now, rules=read_rules(), body=body, at=at or now, **fields
    )


def write_lines(application: Application, *lines: LogRecord) -> None:
    """Store lines as one request brings them."""
    batch = Batch(application.pk)
    for line in lines:
        batch.add(line, signal="logs")
    store_batch(batch)
