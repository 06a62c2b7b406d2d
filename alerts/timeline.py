"""What happened to an alert, in order: its own steps and what people did. Pure but for the rows it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import date as format_date
from django.utils import timezone

from alerts.enums import AlertState, HoldKind, NoteKind
from alerts.models import AlertComment, AlertTransition, Hold

_SAYS = {
    AlertState.PENDING: "Condition met",
    AlertState.FIRING: "Firing",
    AlertState.RESOLVED: "Resolved",
    AlertState.INACTIVE: "Gone before it fired",
}
_MISSING = {**_SAYS, AlertState.PENDING: "No data", AlertState.INACTIVE: "Back before anyone was told"}
_DID = {
    NoteKind.COMMENT: "wrote",
    NoteKind.ACKNOWLEDGED: "looks after it",
    NoteKind.UNACKNOWLEDGED: "does not look after it any more",
    NoteKind.ASSIGNED: "assigned it to",
    NoteKind.CLOSED: "closed it",
    NoteKind.SNOOZED: "snoozed it until",
    NoteKind.UNSNOOZED: "ended the snooze",
    NoteKind.EXPIRED: "took the acknowledgement back: its time is over",
}
_FREED = {
    HoldKind.SILENCE: "Not silenced any more",
    HoldKind.MAINTENANCE: "Maintenance does not hold it any more",
    HoldKind.INHIBITION: "Not inhibited any more",
    HoldKind.COMPONENT: "Nothing that it depends on holds it any more",
    HoldKind.FLAPPING: "Does not flap any more",
    HoldKind.SNOOZE: "The snooze is over",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. `state` colours it; `is_comment` tells a person's words from what happened."""

    at: datetime
    state: str
    title: str
    text: str
    is_comment: bool = False


def tell_story(
    transitions: Iterable[AlertTransition],
    comments: Iterable[AlertComment],
    holds: Iterable[Hold] = (),
    *,
    is_no_data: bool = False,
) -> list[Entry]:
    """Return the story, oldest first. What held it ends with the alert; only an earlier end is news.

    `is_no_data`: it is an alert of missing data.
    """
    moves = list(transitions)
    over_at = max((each.at for each in moves if each.to_state == AlertState.RESOLVED), default=None)
    entries = [_tell_transition(each, _MISSING if is_no_data else _SAYS) for each in moves] + [
        _tell_comment(each) for each in comments
    ]
    for hold in holds:
        entries.append(Entry(hold.began_at, hold_tone(hold), str(HoldKind(hold.kind).label), hold.text))
        if hold.ended_at is not None and (over_at is None or hold.ended_at < over_at):
            entries.append(Entry(hold.ended_at, "info", _FREED[HoldKind(hold.kind)], ""))
    return sorted(entries, key=lambda entry: entry.at)


def hold_tone(hold: Hold) -> str:
    """Return the colour of a reason why an alert is held."""
    return "maintenance" if hold.kind == HoldKind.MAINTENANCE else "quiet"


def _tell_transition(transition: AlertTransition, says: Mapping[AlertState, str]) -> Entry:
    state = AlertState(transition.to_state)
    return Entry(transition.at, state.tone, says[state], transition.reason)


def _tell_comment(comment: AlertComment) -> Entry:
    kind = NoteKind(comment.kind)
    title = f"{comment.author_name} {_DID[kind]}"
    if kind is NoteKind.SNOOZED:
        return Entry(comment.created_at, "info", f"{title} {_write_moment(comment.text)}", "")
    if kind is NoteKind.ASSIGNED:
        return Entry(comment.created_at, "info", f"{title} {comment.text}", "")
    return Entry(comment.created_at, "info", title, comment.text, is_comment=kind is NoteKind.COMMENT)


def _write_moment(text: str) -> str:
    """Return a stored time as people read it, in the product's zone."""
    try:
        return format_date(timezone.localtime(datetime.fromisoformat(text)), "j M, H:i T")
    except ValueError:
        return text
