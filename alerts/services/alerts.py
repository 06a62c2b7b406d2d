"""What people do with alerts: acknowledge, snooze, assign, comment, close.

Whoever locks several alerts in one transaction, here or elsewhere, does so in the order of their ids: then nobody waits for
somebody who waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from alerts.enums import OPEN_STATES, AlertState, NoteKind
from alerts.models import Alert, AlertComment
from alerts.recipients import Recipient
from alerts.selectors import read_ack_limits
from alerts.services.grouping import wake_groups
from alerts.services.telling import publish_transition
from alerts.services.transitions import change_state
from config.actors import SYSTEM, Actor
from config.nudges import Nudge

_turn = Nudge("alerts.tasks.notify", "evaluate")

MAX_COMMENT_LENGTH = 10_000
_UNACKNOWLEDGED: dict[str, Any] = {
    "acknowledged_at": None,
    "acknowledged_by_id": None,
    "acknowledged_name": "",
    "acknowledged_via": {},
    "acknowledged_until": None,
    "remind_at": None,
}


class AlertOver(Exception):
    """The alert ended meanwhile, so there is nothing left to do about it."""


class CommentInvalid(Exception):
    """A comment that can't be kept; the message says why."""


@transaction.atomic
def acknowledge_alert(*, alert_id: int, by: Actor, via: Recipient | None = None) -> bool:
    """Note that someone looks after an alert; return False if someone already does. Raise AlertOver if it ended.

    `via` is where the message went whose link was pressed: there it is reminded of, if `by` is no user.
    """
    now = timezone.now()
    reminder, expiry = read_ack_limits(alert_id=alert_id)
    changes = {
        "acknowledged_at": now,
        "acknowledged_by_id": by.user_id,
        "acknowledged_name": by.name[:150],
        "acknowledged_via": via.as_told() if via else {},
        "remind_at": now + reminder if reminder else None,
        "acknowledged_until": now + expiry if expiry else None,
    }
    if not _open(alert_id).filter(acknowledged_at=None).update(**changes):
        _check_open(alert_id)
        return False
    _note(alert_id, NoteKind.ACKNOWLEDGED, by)
    return True


def acknowledge_all(*, alert_ids: Iterable[int], by: Actor) -> int:
    """Note that someone looks after several alerts; return how many nobody did. Those that are over are left out."""
    return _do_with_all(alert_ids, partial(acknowledge_alert, by=by))


@transaction.atomic
def unacknowledge_alert(*, alert_id: int, by: Actor) -> bool:
    """Take an acknowledgement back; return False if there is none. Raise AlertOver if it ended."""
    if not _open(alert_id).exclude(acknowledged_at=None).update(**_UNACKNOWLEDGED):
        _check_open(alert_id)
        return False
    wake_groups(alert_ids=[alert_id], now=timezone.now())
    _note(alert_id, NoteKind.UNACKNOWLEDGED, by)
    return True


@transaction.atomic
def snooze_alert(*, alert_id: int, until: datetime, by: Actor) -> bool:
    """Hold an alert's messages back until a time; return False if it is snoozed so long already. Raise AlertOver if it ended.

    Then it is told of like a new one, unless somebody acknowledged it meanwhile.
    """
    later = Q(snoozed_until=None) | Q(snoozed_until__lt=until)
    if not _open(alert_id).filter(later).update(snoozed_until=until, snoozed_name=by.name[:150]):
        _check_open(alert_id)
        return False
    _note(alert_id, NoteKind.SNOOZED, by, text=until.isoformat(timespec="minutes"))
    return True


def snooze_all(*, alert_ids: Iterable[int], until: datetime, by: Actor) -> int:
    """Snooze several alerts; return how many that changed. Those that are over are left out."""
    return _do_with_all(alert_ids, partial(snooze_alert, until=until, by=by))


@transaction.atomic
def unsnooze_alert(*, alert_id: int, by: Actor) -> bool:
    """End a snooze before its time; return False if there is none. Raise AlertOver if the alert ended.

    If nothing else holds it, it is told of like a new one, unless somebody acknowledged it meanwhile.
    """
    snoozed = _open(alert_id).filter(snoozed_until__gt=timezone.now())
    if not snoozed.update(snoozed_until=None, snoozed_name=""):
        _check_open(alert_id)
        return False
    _note(alert_id, NoteKind.UNSNOOZED, by)
    # The turn finds that nothing holds it any more, and makes its groups look at it.
    _turn.on_commit()
    return True


def unsnooze_all(*, alert_ids: Iterable[int], by: Actor) -> int:
    """End the snooze of several alerts; return how many had one. Those that are over are left out."""
    return _do_with_all(alert_ids, partial(unsnooze_alert, by=by))


@transaction.atomic
def expire_acknowledgements(*, now: datetime) -> int:
    """Take back acknowledgements whose time is over, so that somebody is found anew; return how many."""
    over = list(
        Alert.objects.firing()
        .filter(acknowledged_until__lte=now)
        .select_for_update(skip_locked=True, of=("self",), no_key=True)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    if not over:
        return 0
    Alert.objects.filter(pk__in=over).update(**_UNACKNOWLEDGED)
    for alert_id in over:
        _note(alert_id, NoteKind.EXPIRED, SYSTEM)
    wake_groups(alert_ids=over, now=now)
    return len(over)


@transaction.atomic
def assign_alert(*, alert_id: int, assignee: Any | None, by: Actor) -> bool:
    """Give an alert to a user (None: to nobody); return False if it is theirs already. Raise AlertOver if it ended."""
    alert = _open(alert_id).select_for_update(no_key=True).first()
    if alert is None:
        _check_open(alert_id)
        return False
    if alert.assignee_id == (assignee.pk if assignee else None):
        return False
    Alert.objects.filter(pk=alert_id).update(assignee=assignee)
    _note(alert_id, NoteKind.ASSIGNED, by, text=str(assignee.get_username()) if assignee else "nobody")
    return True


@transaction.atomic
def add_comment(*, alert_id: int, text: str, by: Actor) -> AlertComment:
    """Add a comment to an alert, open or not; raise CommentInvalid if it is empty or too long."""
    cleaned = text.replace("\x00", "").strip()
    if not cleaned:
        raise CommentInvalid("Write something first.")
    if len(cleaned) > MAX_COMMENT_LENGTH:
        raise CommentInvalid(f"A comment can have {MAX_COMMENT_LENGTH} characters at most.")
    return _note(alert_id, NoteKind.COMMENT, by, text=cleaned)


@transaction.atomic
def close_alert(*, alert_id: int, by: Actor, reason: str = "") -> bool:
    """End an alert by hand, for one whose series is gone for good; return False if it had ended already.

    Whoever was told of its firing is told of its end. If its condition still holds, the next evaluation opens a new one.
    """
    cleaned = reason.replace("\x00", "").strip()
    if not _end(alert_id, reason=f"{by.name} closed it. {cleaned}".strip()):
        return False
    _note(alert_id, NoteKind.CLOSED, by, text=cleaned)
    return True


@transaction.atomic
def end_alerts(*, rule_id: int, reason: str, except_application_id: int | None = None) -> int:
    """End a rule's open alerts because it does not judge them any more; return how many."""
    alerts = Alert.objects.open().filter(rule_id=rule_id)
    if except_application_id is not None:
        alerts = alerts.exclude(application_id=except_application_id)
    ids = list(alerts.order_by("pk").values_list("pk", flat=True))
    return sum(_end(alert_id, reason=reason) for alert_id in ids)


def _do_with_all(alert_ids: Iterable[int], do: Callable[..., bool]) -> int:
    """Do something with each of several alerts; return with how many that changed something."""
    changed = 0
    for alert_id in sorted(alert_ids):
        with suppress(AlertOver):
            changed += do(alert_id=alert_id)
    return changed


def _end(alert_id: int, *, reason: str) -> bool:
    mine = _open(alert_id).select_for_update(of=("self",), no_key=True)
    alert = mine.select_related("rule", "application").first()
    if alert is None:
        return False
    was_firing = alert.state == AlertState.FIRING
    to = AlertState.RESOLVED if was_firing else AlertState.INACTIVE
    transition = change_state(alert=alert, to=to, at=timezone.now(), reason=reason)
    if transition is not None and was_firing:
        publish_transition(alert=alert, transition=transition)
    return transition is not None


def _open(alert_id: int) -> Any:
    return Alert.objects.filter(pk=alert_id, state__in=OPEN_STATES)


def _check_open(alert_id: int) -> None:
    if not _open(alert_id).exists():
        raise AlertOver("This alert is over.")


def _note(alert_id: int, kind: NoteKind, by: Actor, *, text: str = "") -> AlertComment:
    return AlertComment.objects.create(
        alert_id=alert_id, kind=kind, author_id=by.user_id, author_name=by.name[:150], text=text
    )
