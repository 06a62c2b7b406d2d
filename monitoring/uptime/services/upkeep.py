"""Letting go of old stories."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from monitoring.uptime.models import CheckChange, MaintenanceWindow
from monitoring.uptime.recurrence import Repeat

KEPT_FOR = timedelta(days=730)
PRUNE_SIZE = 5_000


def prune_stories(*, now: datetime) -> int:
    """Delete changes and windows older than two years; return how many. In small pieces.

    A check's newest change stays, and so do windows that came again and again: what they dropped may still fire.
    """
    limit = now - KEPT_FOR
    removed = MaintenanceWindow.objects.filter(repeat=Repeat.NONE, ends_at__lt=limit).delete()[0]
    newest = CheckChange.objects.order_by().values("check_row").annotate(newest=Max("pk")).values("newest")
    old = CheckChange.objects.filter(noted_at__lt=limit).exclude(pk__in=newest).order_by("pk")
    while ids := list(old.values_list("pk", flat=True)[:PRUNE_SIZE]):
        removed += CheckChange.objects.filter(pk__in=ids).delete()[0]
    return removed
