"""The one place where an alert's state changes: compare-and-set, with its transition row, in the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from alerts.enums import TRANSITIONS, AlertState
from alerts.models import Alert, AlertTransition


class IllegalTransition(Exception):
    """A change of state that the table does not know: a bug in the caller."""


def change_state(
    *, alert: Alert, to: AlertState, at: datetime, reason: str, value: float | None = None
) -> AlertTransition | None:
    """Move an alert to a state and write the transition; return None, and change nothing, if it moved meanwhile.

    `alert` is updated in place. Raises IllegalTransition.
    """
    before = AlertState(alert.state)
    check_transition(before, to)
    moved = Alert.objects.filter(pk=alert.pk, state=before, version=alert.version)
    changes = _changes(alert, to=to, at=at, value=value)
    if not moved.update(**changes):
        return None
    for name, content in changes.items():
        setattr(alert, name, content)
    return AlertTransition.objects.create(
        alert=alert, from_state=before, to_state=to, at=at, value=alert.value, reason=reason
    )


def check_transition(before: AlertState, to: AlertState) -> None:
    """Raise IllegalTransition unless an alert may go this way."""
    if to not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} → {to}")


def _changes(alert: Alert, *, to: AlertState, at: datetime, value: float | None) -> dict[str, Any]:
    changes: dict[str, Any] = {"state": to, "version": alert.version + 1, "keep_until": None, "last_seen_at": at}
    if value is not None:
        changes["value"] = value
    if to == AlertState.FIRING:
        changes["fired_at"] = at
    elif to == AlertState.RESOLVED:
        # Machines' clocks differ by a little; an alert never ends before it began.
        changes["resolved_at"] = max(at, alert.fired_at or at)
    return changes
