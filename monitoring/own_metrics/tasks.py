"""Background work of own metrics."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from config.own_metrics.registry import collect_samples
from monitoring.own_metrics.services import record_samples


@shared_task(ignore_result=True)
def record_own_metrics() -> int:
    """Record what every source says now; return how many points were stored."""
    return record_samples(samples=collect_samples(), now=timezone.now())
