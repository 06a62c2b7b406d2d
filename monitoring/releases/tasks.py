"""Work on releases that nobody waits for."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.releases.services.recording import record_releases
from monitoring.repetitions import forget_bodies


@shared_task(ignore_result=True)
def record_release_health() -> None:
    """Record what rules and charts read."""
    record_releases(now=timezone.now())


@shared_task(ignore_result=True)
def forget_seen_bodies() -> None:
    """Forget bodies that can't come again."""
    forget_bodies(now=timezone.now())
