"""Reading log lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from monitoring.logs.models import LogRecord


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are looked for; empty: any. `least` is a severity number from 1 to 24."""

    text: str = ""
    least: int = 0
    logger: str = ""
    release: str = ""
    environment: str = ""
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of lines ends: the last line that was shown."""

    at: datetime
    line_id: int


def list_lines(
    *, application_id: int, since: datetime, wanted: Wanted, before: Place | None = None, until: datetime | None = None
) -> QuerySet[LogRecord]:
    """Return lines, the newest first, those after `before` in that order. Every word of `text` must stand in the line."""
    found = LogRecord.objects.filter(application_id=application_id, at__gte=since)
    if until is not None:
        found = found.filter(at__lt=until)
    if before is not None:
        found = found.filter(Q(at__lt=before.at) | Q(at=before.at, id__lt=before.line_id))
    for word in wanted.text.replace("\x00", "").split()[:8]:
        found = found.filter(body__icontains=word)
    if wanted.least > 1:
        found = found.filter(severity__gte=wanted.least)
    exact = {name: getattr(wanted, name) for name in ("logger", "release", "environment", "trace_id")}
    found = found.filter(**{name: value.replace("\x00", "") for name, value in exact.items() if value})
    return found.order_by("-at", "-id")


def is_logging(*, application_id: int) -> bool:
    """Whether any line of an application is kept."""
    return LogRecord.objects.filter(application_id=application_id).exists()
