"""Work on user reports that nobody waits for."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from monitoring.user_reports.services.upkeep import match_reports, prune_reports


@shared_task(ignore_result=True)
def match_user_reports() -> None:
    """Find the errors of reports that came before them."""
    match_reports(now=timezone.now())


@shared_task(ignore_result=True)
def prune_user_reports() -> None:
    """Remove reports of long ago."""
    prune_reports(now=timezone.now())
