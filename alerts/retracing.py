"""When the steps of an escalation were taken, and when the next ones come: not stored, so the policy is walked through again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.escalation import Cursor, Step, advance

#: A step that waits for more alerts looks every 30 s; beyond this many looks nothing more is said.
MAX_LOOKS = 500


@dataclass(frozen=True, slots=True)
class Taken:
    """A step, by its place in the policy (from 0), and when it was or will be taken."""

    place: int
    at: datetime


def retrace(steps: Sequence[Step], *, began: datetime, until: datetime, joined: Sequence[datetime] = ()) -> list[Taken]:
    """Return the steps that a policy took from its beginning to `until`, that moment included.

    `joined` is when alerts came to the group. As exact as the looks at the group were punctual: seconds late for each wait.
    """
    return _walk(steps, Cursor(), began, until, joined)


def foresee(steps: Sequence[Step], cursor: Cursor, *, due_at: datetime) -> dict[int, datetime]:
    """Return when each step that is still to come is taken next, by place, if nobody acknowledges.

    Steps behind one that waits for more alerts are left out: nobody knows when those begin.
    """
    found: dict[int, datetime] = {}
    for taken in _walk(steps, cursor, due_at, datetime.max.replace(tzinfo=due_at.tzinfo), ()):
        found.setdefault(taken.place, taken.at)
    return found


def _walk(
    steps: Sequence[Step], cursor: Cursor, at: datetime, until: datetime, joined: Sequence[datetime]
) -> list[Taken]:
    places = {id(step): place for place, step in enumerate(steps)}
    found: list[Taken] = []
    for _ in range(MAX_LOOKS):
        if at > until:
            break
        turn = advance(steps, cursor, now=at, count_since=lambda span, now=at: _count(joined, now - span, now))  # type: ignore[misc]
        found += [Taken(places[id(step)], at) for step in turn.take]
        if turn.due_at is None:
            break
        cursor, at = turn.cursor, turn.due_at
    return found


def _count(joined: Sequence[datetime], since: datetime, now: datetime) -> int:
    return sum(since < moment <= now for moment in joined)
