"""Background work of the room."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from incidents.services.timekeeping import keep_clocks as keep


@shared_task(ignore_result=True)
def keep_clocks() -> int:
    """Mark the clocks that are nearly over, or over; return how many incidents were looked at."""
    return keep(now=timezone.now())
