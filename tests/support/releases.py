"""Sessions as SDKs send them, and releases with a history, in tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.releases.models import Release
from monitoring.releases.records import SessionCounts, SessionItem, SessionRecord, read_session


def make_session(**fields: Any) -> dict[str, Any]:
    """Return the document of a session that began now."""
    now = timezone.now()
    return {
        "sid": str(uuid4()),
        "init": True,
        "started": now.isoformat(),
        "timestamp": now.isoformat(),
        "status": "ok",
        "errors": 0,
        "attrs": {"release": "erp@1", "environment": "production"},
        **fields,
    }


def read(application: Application, document: dict[str, Any], *, at: datetime | None = None) -> SessionRecord:
    """Return the record of a document."""
    return read_session(document, application_id=application.pk, received_at=at or timezone.now())


def store_sessions(application: Application, *documents: dict[str, Any]) -> None:
    """Store reports of sessions as one request brings them."""
    batch = Batch(application.pk)
    for document in documents:
        batch.add(SessionItem(reports=(read(application, document),)), signal="sessions")
    store_batch(batch)


def count_sessions(application: Application, release: str, *, at: datetime | None = None, **counts: Any) -> Release:
    """Have sessions of a release counted at a time; return the release, first seen then if it is new."""
    moment = (at or timezone.now()).astimezone(UTC)
    record = SessionCounts(application.pk, moment, release, moment, counts.pop("environment", "production"), **counts)
    batch = Batch(application.pk)
    batch.add(SessionItem(counts=(record,)), signal="sessions", count=record.total)
    store_batch(batch)
    return Release.objects.get(application=application, version=release)


def hours_ago(hours: float) -> datetime:
    """Return a moment in the past."""
    return timezone.now() - timedelta(hours=hours)
