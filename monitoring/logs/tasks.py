"""Work on logs that nobody waits for."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.logs.services.counting import record_log_counts


@shared_task(ignore_result=True)
def record_log_counters() -> None:
    """Record log_records_total."""
    record_log_counts(now=timezone.now())
