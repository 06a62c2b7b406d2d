"""Letting go of old stories."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max

from monitoring.uptime.models import CheckChange, MaintenanceWindow

KEPT_FOR = timedelta(days=730)
PRUNE_SIZE = 5_000


def prune_stories(*, now: datetime) -> int:
    """Delete changes and windows older than two years, but never a check's newest change; return how many. In small pieces."""
    limit = now - KEPT_FOR
    removed = MaintenanceWindow.objects.filter(ends_at__lt=limit).delete()[0]
    newest = CheckChange.objects.order_by().values("check_row").annotate(newest=Max("pk")).values("newest")
    old = CheckChange.objects.filter(noted_at__lt=limit).exclude(pk__in=newest).order_by("pk")
    while ids := list(old.values_list("pk", flat=True)[:PRUNE_SIZE]):
        removed += CheckChange.objects.filter(pk__in=ids).delete()[0]
    return removed
