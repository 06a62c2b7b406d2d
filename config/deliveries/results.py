"""What a transport reports of one attempt. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from config.deliveries.enums import Outcome

#: Commits that the message leaves the house now; False: the claim was lost, do not send.
HandOver = Callable[[timedelta], bool]


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended, in the receiver's words; `retry_after` is the wait it asked for.

    `is_away`: it failed before anybody saw the message, so any other to this receiver would have failed as well.
    """

    outcome: Outcome
    detail: str
    retry_after: timedelta | None = None
    is_away: bool = False


class ClaimLost(Exception):
    """Another worker has taken the delivery over; this one sends nothing."""


def hand_over(mark: HandOver, lease: timedelta) -> None:
    """Commit the mark; raise ClaimLost if the claim is gone."""
    if not mark(lease):
        raise ClaimLost
