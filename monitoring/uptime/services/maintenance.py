"""Maintenance windows: planning them, and following their beginning and end."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.models import Check, MaintenanceWindow
from monitoring.uptime.selectors import list_open_windows
from monitoring.uptime.services.states import change_state

#: What is down stays down until it answers: people were told already, and it is not the maintenance's doing.
_ENTER_FROM = (CheckState.NEW, CheckState.UP, CheckState.PENDING)


class WindowInvalid(Exception):
    """The window can't be planned; the text says why."""


def plan_maintenance(
    *, application_id: int, check: Check | None, starts_at: datetime, ends_at: datetime, reason: str, now: datetime
) -> MaintenanceWindow:
    """Plan a window for one check or (None) all of an application; raise WindowInvalid."""
    if ends_at <= starts_at:
        raise WindowInvalid("It has to end after it begins.")
    if ends_at <= now:
        raise WindowInvalid("It would be over already.")
    window = MaintenanceWindow.objects.create(
        application_id=application_id,
        check_row=check,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:200],
    )
    follow_windows(now=now)
    return window


def follow_windows(*, now: datetime) -> int:
    """Put checks into maintenance whose window opened, and take out those whose window is over; return how many changed."""
    open_ones = list_open_windows(now=now).filter(application=OuterRef("application"))
    covered = Exists(open_ones.filter(Q(check_row=None) | Q(check_row=OuterRef("pk"))))
    changed = 0
    for check_id in _ids(Check.objects.filter(covered, state__in=_ENTER_FROM)):
        changed += _enter(check_id, now=now)
    for check_id in _ids(Check.objects.filter(~covered, state=CheckState.MAINTENANCE)):
        changed += _leave(check_id, now=now)
    return changed


def _ids(checks: QuerySet[Check]) -> list[int]:
    return list(checks.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def _enter(check_id: int, *, now: datetime) -> bool:
    check = Check.objects.select_for_update().filter(pk=check_id, state__in=_ENTER_FROM).first()
    if check is None:
        return False
    change_state(check, CheckState.MAINTENANCE, at=now, now=now, reason="Maintenance begins.")
    check.failures, check.failing_since = 0, None
    check.save()
    return True


@transaction.atomic
def _leave(check_id: int, *, now: datetime) -> bool:
    """Begin to count again: look at once; give a heartbeat its full time once more, if it ever came."""
    check = Check.objects.select_for_update().filter(pk=check_id, state=CheckState.MAINTENANCE).first()
    if check is None:
        return False
    change_state(check, CheckState.NEW, at=now, now=now, reason="The maintenance is over.")
    if CheckKind(check.kind).is_probed:
        check.due_at = now
    elif check.last_result_at is not None:
        check.due_at = check.expected_by(after=now)
    check.save()
    return True
