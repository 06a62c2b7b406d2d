"""Maintenance windows: planning, moving and cancelling them, and following their beginning and end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.models import Check, MaintenanceWindow
from monitoring.uptime.selectors import list_open_windows
from monitoring.uptime.services.states import change_state
from monitoring.uptime.window_drafts import WindowDraft, WindowInvalid, check_window, find_time

__all__ = [
    "WindowInvalid",
    "cancel_window",
    "create_window",
    "delete_window",
    "end_occurrence",
    "follow_windows",
    "plan_maintenance",
    "update_window",
]

#: What is down stays down until it answers: people were told already, and it is not the maintenance's doing.
_ENTER_FROM = (CheckState.NEW, CheckState.UP, CheckState.PENDING)


def plan_maintenance(
    *, application_id: int, check: Check | None, starts_at: datetime, ends_at: datetime, reason: str, now: datetime
) -> MaintenanceWindow:
    """Plan a window that is there once, for one check or (None) all of an application; raise WindowInvalid."""
    draft = WindowDraft(
        application_id=application_id,
        check_id=check.pk if check else None,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:200],
    )
    return create_window(draft=draft, now=now)


def create_window(*, draft: WindowDraft, now: datetime) -> MaintenanceWindow:
    """Plan a window; raise WindowInvalid. It is followed at once."""
    return _save(MaintenanceWindow(), draft, now)


def update_window(*, window: MaintenanceWindow, draft: WindowDraft, now: datetime) -> MaintenanceWindow:
    """Change or move a window, also one that is open or was cancelled; raise WindowInvalid. It is followed at once."""
    with transaction.atomic():
        return _save(MaintenanceWindow.objects.select_for_update().get(pk=window.pk), draft, now)


@transaction.atomic
def end_occurrence(*, window: MaintenanceWindow, now: datetime) -> bool:
    """Let a window that is open be over, as if its time had come; return False if it is not. It comes again as planned."""
    locked = MaintenanceWindow.objects.select_for_update().get(pk=window.pk)
    if not _is_open(locked, now):
        return False
    _move_on(locked, now)
    follow_windows(now=now)
    return True


@transaction.atomic
def cancel_window(*, window: MaintenanceWindow, now: datetime) -> bool:
    """Take a window back for good; return False if it is over. Whatever it held, also for good, is told now."""
    locked = MaintenanceWindow.objects.select_for_update().get(pk=window.pk)
    if locked.closes_at is None or locked.closes_at <= now:
        return False
    locked.cancelled_at = locked.released_at = now
    locked.opens_at = locked.closes_at = None
    locked.save()
    follow_windows(now=now)
    return True


def delete_window(*, window: MaintenanceWindow, now: datetime) -> None:
    """Forget a window. Whatever it held is told now."""
    window.delete()
    follow_windows(now=now)


def follow_windows(*, now: datetime) -> int:
    """Put checks into maintenance whose window opened, and take out those whose window is over; return how many changed.

    Windows whose time is over stand at their next time afterwards. One that somebody else is changing is theirs to move on:
    nobody waits for it, and its checks stay as they are until then.
    """
    over = MaintenanceWindow.objects.filter(closes_at__lte=now)
    for window_id in over.values_list("pk", flat=True):
        with transaction.atomic():
            window = over.select_for_update(skip_locked=True).filter(pk=window_id).first()
            if window is not None:
                _move_on(window, now)
    covered = _is_covered_by(list_open_windows(now=now))
    changed = 0
    for check_id in _ids(Check.objects.filter(covered, state__in=_ENTER_FROM)):
        changed += _enter(check_id, now=now)
    left = Check.objects.filter(~covered, ~_is_covered_by(over), state=CheckState.MAINTENANCE)
    for check_id in _ids(left):
        changed += _leave(check_id, now=now)
    return changed


def _is_covered_by(windows: QuerySet[MaintenanceWindow]) -> Exists:
    """Return whether one of some windows is for a check; those with matchers are for alerts alone."""
    mine = windows.filter(application=OuterRef("application"), matchers="")
    return Exists(mine.filter(Q(check_row=None) | Q(check_row=OuterRef("pk"))))


def _save(window: MaintenanceWindow, draft: WindowDraft, now: datetime) -> MaintenanceWindow:
    draft = replace(draft, matchers=draft.matchers.strip(), reason=draft.reason.strip())
    check_window(draft, now=now)
    _check_belongs(draft)
    was_open, before = _is_open(window, now), _list_scope(window)
    window.application_id, window.check_row_id = draft.application_id, draft.check_id
    for name in ("starts_at", "ends_at", "reason", "time_zone", "matchers", "end_action"):
        setattr(window, name, getattr(draft, name))
    recurrence = draft.recurrence
    window.repeat, window.weekdays = recurrence.repeat.value, sorted(set(recurrence.weekdays))
    window.month_day, window.nth, window.weekday = recurrence.month_day, recurrence.nth, recurrence.weekday
    window.until_date, window.count, window.cancelled_at = recurrence.until, recurrence.count, None
    _stand_at(window, now)
    if was_open and not (_is_open(window, now) and _list_scope(window) == before):
        window.released_at = now
    window.save()
    follow_windows(now=now)
    return window


def _check_belongs(draft: WindowDraft) -> None:
    if (
        draft.check_id is not None
        and not Check.objects.filter(pk=draft.check_id, application_id=draft.application_id).exists()
    ):
        raise WindowInvalid({"check_row": "This check belongs to another application."})


def _list_scope(window: MaintenanceWindow) -> tuple[object, ...]:
    return window.application_id, window.check_row_id, window.matchers, window.end_action


def _is_open(window: MaintenanceWindow, now: datetime) -> bool:
    return window.opens_at is not None and window.closes_at is not None and window.opens_at <= now < window.closes_at


def _stand_at(window: MaintenanceWindow, now: datetime, *, after: datetime | None = None) -> None:
    found = find_time(window.draft(), now=now, after=after)
    window.opens_at, window.closes_at = (found.opens_at, found.closes_at) if found else (None, None)


def _move_on(window: MaintenanceWindow, now: datetime) -> None:
    """Let a locked window stand at its next time."""
    _stand_at(window, now, after=window.opens_at)
    window.save(update_fields=["opens_at", "closes_at"])


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
