"""What happened to an alert, in order: its own steps and what people did. Pure but for the rows it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.enums import AlertState, NoteKind
from alerts.models import AlertComment, AlertTransition

_SAYS = {
    AlertState.PENDING: "Condition met",
    AlertState.FIRING: "Firing",
    AlertState.RESOLVED: "Resolved",
    AlertState.INACTIVE: "Gone before it fired",
}
_DID = {
    NoteKind.COMMENT: "wrote",
    NoteKind.ACKNOWLEDGED: "looks after it",
    NoteKind.UNACKNOWLEDGED: "does not look after it any more",
    NoteKind.ASSIGNED: "assigned it to",
    NoteKind.CLOSED: "closed it",
    NoteKind.SNOOZED: "snoozed it until",
    NoteKind.EXPIRED: "took the acknowledgement back: its time is over",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. `state` colours it; `is_comment` tells a person's words from what happened."""

    at: datetime
    state: str
    title: str
    text: str
    is_comment: bool = False


def tell_story(transitions: Iterable[AlertTransition], comments: Iterable[AlertComment]) -> list[Entry]:
    """Return the story, oldest first."""
    entries = [_tell_transition(each) for each in transitions] + [_tell_comment(each) for each in comments]
    return sorted(entries, key=lambda entry: entry.at)


def _tell_transition(transition: AlertTransition) -> Entry:
    state = AlertState(transition.to_state)
    return Entry(transition.at, state.tone, _SAYS[state], transition.reason)


def _tell_comment(comment: AlertComment) -> Entry:
    kind = NoteKind(comment.kind)
    title = f"{comment.author_name} {_DID[kind]}"
    if kind in {NoteKind.ASSIGNED, NoteKind.SNOOZED}:
        return Entry(comment.created_at, "info", f"{title} {comment.text}", "")
    return Entry(comment.created_at, "info", title, comment.text, is_comment=kind is NoteKind.COMMENT)
