"""What happened to an issue, in order: its own steps and what people did. Pure but for the rows it is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from monitoring.errors.enums import IssueState, NoteKind
from monitoring.errors.models import IssueNote, IssueTransition

_SAYS = {
    IssueState.NEW: "New",
    IssueState.ONGOING: "Waits for somebody",
    IssueState.REGRESSED: "Back again",
    IssueState.RESOLVED: "Resolved",
    IssueState.MUTED: "Muted",
    IssueState.MERGED: "Merged",
}
_DID = {
    NoteKind.COMMENT: "wrote",
    NoteKind.ASSIGNED: "assigned it to",
    NoteKind.MERGED: "merged into it:",
    NoteKind.UNMERGED: "took out of it:",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. `state` colours it; `is_comment` tells a person's words from what happened."""

    at: datetime
    state: str
    title: str
    text: str
    is_comment: bool = False


def tell_story(transitions: Iterable[IssueTransition], notes: Iterable[IssueNote]) -> list[Entry]:
    """Return the story, newest first."""
    entries = [_tell_transition(each) for each in transitions] + [_tell_note(each) for each in notes]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _tell_transition(transition: IssueTransition) -> Entry:
    state = IssueState(transition.to_state)
    title = f"{_SAYS[state]} (by {transition.by_name})" if transition.by_name else _SAYS[state]
    return Entry(transition.at, state.tone, title, transition.reason)


def _tell_note(note: IssueNote) -> Entry:
    kind = NoteKind(note.kind)
    title = f"{note.author_name} {_DID[kind]}"
    if kind is NoteKind.COMMENT:
        return Entry(note.created_at, "info", title, note.text, is_comment=True)
    return Entry(note.created_at, "info", f"{title} {note.text}", "")
