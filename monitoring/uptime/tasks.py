"""Background work of uptime."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.uptime.probing import wake_probers
from monitoring.uptime.services.maintenance import follow_windows
from monitoring.uptime.services.recording import record_states
from monitoring.uptime.services.upkeep import prune_stories


@shared_task(ignore_result=True)
def probe_checks() -> int:
    """Follow maintenance windows and wake threads for the checks that are due; return how many were started."""
    follow_windows(now=timezone.now())
    return wake_probers()


@shared_task(ignore_result=True)
def record_check_states() -> int:
    """Record where all checks stand; return how many points were recorded."""
    return record_states(now=timezone.now())


@shared_task(ignore_result=True)
def prune_check_stories() -> int:
    """Delete what is older than two years; return how many rows."""
    return prune_stories(now=timezone.now())
