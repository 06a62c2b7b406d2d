"""The one place where an issue's state changes: compare-and-set, with its transition row, in the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from monitoring.errors.enums import TRANSITIONS, IssueState
from monitoring.errors.models import ErrorIssue, IssueTransition

#: What belongs to one state only and ends with it.
_CLEARED: dict[str, Any] = {
    "resolved_at": None,
    "resolved_in": "",
    "muted_until": None,
    "muted_until_count": None,
    "muted_until_users": None,
    "resolved_release_id": None,
    "merged_into_id": None,
}


class IllegalTransition(Exception):
    """A change of state that the table does not know."""


def change_state(
    *, issue: ErrorIssue, to: IssueState, at: datetime, reason: str = "", by_name: str = "", **details: Any
) -> IssueTransition | None:
    """Move an issue to a state and write the transition; return None, and change nothing, if it moved meanwhile.

    `details` are the fields that belong to the new state; those of the old one are cleared. `issue` is updated in place.
    Raises IllegalTransition.
    """
    before = IssueState(issue.state)
    check_transition(before, to)
    changes = {**_CLEARED, **details, "state": to, "version": issue.version + 1}
    moved = ErrorIssue.objects.filter(pk=issue.pk, state=before, version=issue.version)
    if not moved.update(**changes):
        return None
    for name, content in changes.items():
        setattr(issue, name, content)
    return IssueTransition.objects.create(
        issue=issue, from_state=before, to_state=to, at=at, by_name=by_name[:150], reason=reason
    )


def check_transition(before: IssueState, to: IssueState) -> None:
    """Raise IllegalTransition unless an issue may go this way."""
    if to not in TRANSITIONS[before]:
        raise IllegalTransition(f"{before} → {to}")
