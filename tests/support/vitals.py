"""Measurements of pages, in tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction

from monitoring.applications.models import Application
from monitoring.browser.records import VitalRecord
from monitoring.browser.services.recording import write_vitals


def measure(application: Application, at: datetime, name: str, *values: float, **fields: Any) -> None:
    """Keep a measurement of `name` for each value; `fields` are those of a VitalRecord."""
    records = [VitalRecord(application.pk, at, name, value, **fields) for value in values]
    with transaction.atomic():
        write_vitals(records)


def view_pages(
    application: Application, at: datetime, page: str, *, slow: float = 1.0, views: int = 4, **fields: Any
) -> None:
    """Keep what `views` views of a page measure, at least: all at its targets' half for slow=1, beyond them from 2 on."""
    fields = {"device": "desktop", "browser": "Chrome", "connection": "4g", "release": "1.0", **fields}
    for name, value in (("ttfb", 0.4), ("fcp", 0.75), ("lcp", 1.25), ("inp", 0.1), ("cls", 0.05), ("load", 1.0)):
        measure(application, at, name, *[value * slow] * views, page=page, **fields)
