"""What is forgotten, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.enums import AlertState
from alerts.models import Alert

#: Alerts that were pending and never fired are of use while a rule is being tuned.
NEVER_FIRED_FOR = timedelta(days=14)
RESOLVED_FOR = timedelta(days=730)
PRUNE_SIZE = 1_000


def prune_alerts(*, now: datetime) -> int:
    """Delete alerts that ended long ago, with their transitions and comments; return how many. In small pieces."""
    never_fired = Alert.objects.filter(state=AlertState.INACTIVE, last_seen_at__lt=now - NEVER_FIRED_FOR)
    resolved = Alert.objects.filter(state=AlertState.RESOLVED, last_seen_at__lt=now - RESOLVED_FOR)
    total = 0
    for old in (never_fired, resolved):
        while ids := list(old.order_by("pk").values_list("pk", flat=True)[:PRUNE_SIZE]):
            total += Alert.objects.filter(pk__in=ids).delete()[1].get("alerts.Alert", 0)
    return total
