"""Changing a check's state: compared with the table, with the change's row and its event in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from config.outbox.registry import describe_event
from config.outbox.services import publish
from monitoring.uptime.enums import TRANSITIONS, CheckState
from monitoring.uptime.models import Check, CheckChange

_PAYLOAD = {
    "check_id": "Id of the check.",
    "name": "Its name.",
    "reason": "Why it is down, or what was seen when it was up again.",
    "at": "Since when (RFC 3339): of an outage, its first failure.",
}
describe_event("check.down", "Something that is watched is down: its retries failed too.", payload=_PAYLOAD)
describe_event("check.up", "Something that was down is up again.", payload=_PAYLOAD)

#: What others may want to hear of.
_TOLD = frozenset({CheckState.UP, CheckState.DOWN})


def change_state(check: Check, state: CheckState, *, at: datetime, now: datetime, reason: str) -> bool:
    """Put a locked check into a state since `at`; return whether that is another one. The caller saves the row.

    Raises ValueError for a way that the table does not know.
    """
    before = CheckState(check.state)
    if before is state:
        return False
    if state not in TRANSITIONS[before]:
        raise ValueError(f"a check cannot go from {before} to {state}")
    if state is CheckState.DOWN:
        check.outage_labels = {**check.labels(), "reason": reason}
    check.state, check.changed_at = state.value, at
    CheckChange.objects.create(
        check_row=check, from_state=before.value, to_state=state.value, at=at, noted_at=now, reason=reason
    )
    if state in _TOLD and CheckState.DOWN in {before, state}:
        _publish(check, state, at=at, reason=reason)
    return True


def _publish(check: Check, state: CheckState, *, at: datetime, reason: str) -> None:
    publish(
        type=f"check.{state.value}",
        payload={"check_id": check.pk, "name": check.name, "reason": reason, "at": at.isoformat()},
        application_id=check.application_id,
    )
