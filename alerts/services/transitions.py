"""The one place where an alert's state changes: compare-and-set, with its transition row, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from alerts.enums import OPEN_STATES, TRANSITIONS, AlertState
from alerts.models import Alert, AlertTransition

#: Ends firing alerts; one that moved meanwhile is left alone.
_RESOLVE_SQL = """
UPDATE alerts_alert AS alert SET
    state = 'resolved', version = alert.version + 1, keep_until = NULL, last_seen_at = %(at)s,
    resolved_at = greatest(%(at)s, alert.fired_at), source_ended_at = new.ended_at
FROM unnest(%(ids)s::bigint[], %(versions)s::int[], %(ended)s::timestamptz[]) AS new(id, version, ended_at)
WHERE alert.id = new.id AND alert.version = new.version AND alert.state = 'firing'
RETURNING alert.id, alert.resolved_at
"""


class IllegalTransition(Exception):
    """A change of state that the table does not know: a bug in the caller."""


def change_state(
    *, alert: Alert, to: AlertState, at: datetime, reason: str, value: float | None = None, is_gone: bool = False
) -> AlertTransition | None:
    """Move an alert to a state and write the transition; return None, and change nothing, if it moved meanwhile.

    `is_gone`: it ends because its series is taken as gone for good. `alert` is updated in place. Raises IllegalTransition.
    """
    before = AlertState(alert.state)
    check_transition(before, to)
    moved = Alert.objects.filter(pk=alert.pk, state=before, version=alert.version)
    changes = _changes(alert, to=to, at=at, value=value)
    if to not in OPEN_STATES and not is_gone:
        changes["no_data_since"] = None
    if not moved.update(**changes):
        return None
    for name, content in changes.items():
        setattr(alert, name, content)
    return AlertTransition.objects.create(
        alert=alert, from_state=before, to_state=to, at=at, value=alert.value, reason=reason
    )


def resolve_alerts(
    *, alerts: Sequence[Alert], at: datetime, reason: str, source_ended_at: Mapping[int, datetime] | None = None
) -> list[tuple[Alert, AlertTransition]]:
    """End firing alerts in two statements, with their transitions; return those that had not moved meanwhile.

    `source_ended_at` says of outside alerts, by id, when they ended. Alerts are updated in place. Raises IllegalTransition.
    """
    for alert in alerts:
        check_transition(AlertState(alert.state), AlertState.RESOLVED)
    if not alerts:
        return []
    told = source_ended_at or {}
    values: dict[str, Any] = {
        "at": at,
        "ids": [alert.pk for alert in alerts],
        "versions": [alert.version for alert in alerts],
        "ended": [told.get(alert.pk) for alert in alerts],
    }
    with connection.cursor() as cursor:
        cursor.execute(_RESOLVE_SQL, values)
        resolved_at = dict(cursor.fetchall())
    moved = [alert for alert in alerts if alert.pk in resolved_at]
    for alert in moved:
        alert.state, alert.version, alert.keep_until = AlertState.RESOLVED, alert.version + 1, None
        alert.last_seen_at, alert.resolved_at = at, resolved_at[alert.pk]
        alert.source_ended_at = told.get(alert.pk)
    transitions = [
        AlertTransition(
            alert=alert,
            from_state=AlertState.FIRING,
            to_state=AlertState.RESOLVED,
            at=at,
            value=alert.value,
            reason=reason,
        )
        for alert in moved
    ]
    return list(zip(moved, AlertTransition.objects.bulk_create(transitions), strict=True))


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
