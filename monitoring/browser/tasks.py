"""Work on measurements that nobody waits for."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.browser.services.measuring import record_vitals
from monitoring.browser.services.rolling_up import prune_vital_hours, roll_up_vitals


@shared_task(ignore_result=True)
def roll_up_web_vitals() -> None:
    """Make the hours anew that something arrived for."""
    roll_up_vitals(now=timezone.now())


@shared_task(ignore_result=True)
def prune_web_vital_hours() -> None:
    """Remove hours whose time is over."""
    prune_vital_hours(now=timezone.now())


@shared_task(ignore_result=True)
def record_web_vitals() -> None:
    """Record what rules and charts read."""
    record_vitals(now=timezone.now())
