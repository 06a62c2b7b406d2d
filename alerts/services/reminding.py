"""Reminding people of alerts that they look after and that still fire."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from alerts.dispatch import Reason
from alerts.enums import AlertState, GroupState
from alerts.models import Alert, AlertGroup, Hold, Notice
from alerts.selectors import list_people_recipients, read_ack_limits
from alerts.services.guarding import count_done
from alerts.services.telling import Bulletin, Press

#: A reminder comes again after as long as the first took, and never more often than this.
LEAST_PAUSE = timedelta(minutes=1)


def remind_of_acknowledgements(*, now: datetime) -> int:
    """Queue the reminders that are due, each to whoever acknowledged the alert; return how many.

    While something holds an alert, its reminder waits.
    """
    due = Alert.objects.filter(state=AlertState.FIRING, acknowledged_at__isnull=False, remind_at__lte=now)
    free = due.exclude(pk__in=Hold.objects.filter(ended_at=None).values("alert_id"))
    ids = list(free.order_by("remind_at").values_list("pk", flat=True))
    return count_done("reminding of an alert", ids, partial(_remind, now=now))


@transaction.atomic
def _remind(alert_id: int, *, now: datetime) -> bool:
    alert = (
        Alert.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("rule", "application")
        .filter(pk=alert_id, state=AlertState.FIRING, acknowledged_at__isnull=False, remind_at__lte=now)
        .first()
    )
    if alert is None or alert.acknowledged_at is None or alert.remind_at is None:
        return False
    group = AlertGroup.objects.select_for_update().filter(
        members__alert=alert, members__is_done=False, state=GroupState.OPEN
    )
    found = group.order_by("pk").first()
    # The same of its groups' policies as decided when it was acknowledged, not the first one's.
    reminder, _ = read_ack_limits(alert_id=alert.pk)
    pause = max(LEAST_PAUSE, reminder or LEAST_PAUSE)
    Alert.objects.filter(pk=alert.pk).update(remind_at=now + pause)
    if found is None or alert.acknowledged_by_id is None:
        return False
    found.notice_count += 1
    found.save(update_fields=["notice_count"])
    notice = Notice.objects.create(
        group=found, number=found.notice_count, at=now, reason=Reason.REMINDER, firing=[alert.pk]
    )
    press = Press()
    for recipient in list_people_recipients([alert.acknowledged_by_id]):
        press.queue(Bulletin(notice.pk, found, Reason.REMINDER, [alert], [], now), recipient=recipient)
    return True
