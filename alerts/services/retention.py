"""What is forgotten, and when."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.enums import AlertState, GroupState
from alerts.models import Alert, AlertGroup, ChannelMessage, CountedUse

#: Alerts that were pending and never fired are of use while a rule is being tuned.
NEVER_FIRED_FOR = timedelta(days=14)
RESOLVED_FOR = timedelta(days=730)
#: Twice the longest time in which a channel's messages are counted.
COUNTED_FOR = timedelta(days=2)
#: A day more than links in messages are valid.
USED_FOR = timedelta(days=8)
PRUNE_SIZE = 1_000


def prune_alerts(*, now: datetime) -> int:
    """Delete alerts and groups that ended long ago, with all that hangs on them; return how many. In small pieces."""
    never_fired = Alert.objects.filter(state=AlertState.INACTIVE, last_seen_at__lt=now - NEVER_FIRED_FOR)
    resolved = Alert.objects.filter(state=AlertState.RESOLVED, last_seen_at__lt=now - RESOLVED_FOR)
    ChannelMessage.objects.filter(at__lt=now - COUNTED_FOR).delete()
    CountedUse.objects.filter(at__lt=now - USED_FOR).delete()
    total = 0
    for old in (never_fired, resolved):
        while ids := list(old.order_by("pk").values_list("pk", flat=True)[:PRUNE_SIZE]):
            total += Alert.objects.filter(pk__in=ids).delete()[1].get("alerts.Alert", 0)
    return total + _prune_groups(now)


def _prune_groups(now: datetime) -> int:
    """Delete closed groups, with their notices, as old as the alerts they told of."""
    closed = AlertGroup.objects.filter(state=GroupState.CLOSED, closed_at__lt=now - RESOLVED_FOR)
    total = 0
    while ids := list(closed.order_by("closed_at").values_list("pk", flat=True)[:PRUNE_SIZE]):
        total += AlertGroup.objects.filter(pk__in=ids).delete()[1].get("alerts.AlertGroup", 0)
    return total
