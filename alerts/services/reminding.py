"""Reminding people of alerts that they look after and that still fire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction

from alerts.addressing import list_people_recipients
from alerts.dispatch import Reason
from alerts.enums import AlertState, GroupState, Severity
from alerts.models import Alert, AlertGroup, Hold, Notice
from alerts.recipients import Recipient, merge_ways, recipient_of_told
from alerts.selectors import read_ack_limits
from alerts.services.guarding import count_done
from alerts.services.limiting import Gate
from alerts.services.reaching import hand_over, read_secrets
from alerts.services.telling import Bulletin, Press

#: A reminder comes again after as long as the first took, and never more often than this.
LEAST_PAUSE = timedelta(minutes=1)


def remind_of_acknowledgements(*, now: datetime) -> int:
    """Queue the reminders that are due, each to whoever looks after the alert; return how many.

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
    if found is None:
        return False
    found.notice_count += 1
    found.save(update_fields=["notice_count"])
    notice = Notice.objects.create(
        group=found, number=found.notice_count, at=now, reason=Reason.REMINDER, firing=[alert.pk]
    )
    _queue(Bulletin(notice.pk, found, Reason.REMINDER, [alert], [], now), notice, alert)
    return True


def _queue(bulletin: Bulletin, notice: Notice, alert: Alert) -> None:
    """Queue a reminder to whoever looks after an alert; what a channel's limits hold is recorded with the reason."""
    press, everyone = Press(), _find_keepers(alert, bulletin)
    complete = read_secrets(everyone)
    ready = [complete(each) for each in everyone]
    gate = Gate(ready, now=bulletin.at)
    told = []
    for each in gate.choose_ways(ready, [alert]):
        held = gate.judge(each, [alert])
        press.queue(bulletin, recipient=each, held_because=held.reason if held else "")
        if held is None:
            gate.count(each, notice)
            told.append(each)
    _remember_told(alert, bulletin.group, [each for each in told if not each.obstacle])


def _find_keepers(alert: Alert, bulletin: Bulletin) -> list[Recipient]:
    """Return how whoever acknowledged an alert is reached: the person, or where the link was that somebody pressed.

    A program with a key is nobody who could be reminded: then it is those whom the group told, after a handover who is on call now.
    """
    if alert.acknowledged_by_id is not None:
        return list_people_recipients([alert.acknowledged_by_id], alert.severity)
    if alert.acknowledged_via:
        return [recipient_of_told(alert.acknowledged_via)]
    engaged = [recipient_of_told(told) for told in bulletin.group.engaged]
    change = hand_over(engaged, severity=Severity(alert.severity), now=bulletin.at)
    if change.fresh:
        bulletin.group.engaged = [*bulletin.group.engaged, *(each.as_told() for each in change.fresh)]
        bulletin.group.save(update_fields=["engaged"])
    return merge_ways([*(each for each in engaged if each.way not in change.relieved), *change.fresh])


def _remember_told(alert: Alert, group: AlertGroup, told: Sequence[Recipient]) -> None:
    """Have those who hear of an alert by its reminder hear of its end, too."""
    for row in group.members.filter(alert=alert):
        known = {recipient_of_told(each).key for each in row.told}
        if added := [each.as_told() for each in told if each.key not in known]:
            row.told = [*row.told, *added]
            row.save(update_fields=["told"])
