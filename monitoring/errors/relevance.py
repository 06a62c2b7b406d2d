"""Which events of a frequent error are kept whole. All of them are counted. Pure.

The first ones of a group are kept, those that changed where its issue stands, and the first of every hour, so that there is
always a recent one. Of the others the share that is kept falls with how many there were: of the n-th, (limit/n) to the power
of 1.5. However many there are, these make up less than two times the limit (the sum over n > limit of that share). Whether an
event is among them depends on its id alone, so a repetition gets the same answer.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

STEEPNESS = 1.5
_RANGE = 1 << 64


def keeps_whole(event_id: UUID, *, number: int, limit: int, is_turn: bool = False, opens_hour: bool = False) -> bool:
    """Return whether an event is kept whole. `number` is which one of its group it is, from 1 on; limit 0: all are.

    `is_turn`: it changed the state of its issue; `opens_hour`: it is the first of its group in an hour.
    """
    if limit <= 0 or number <= limit or is_turn or opens_hour:
        return True
    return _draw(event_id) < share_kept(number=number, limit=limit)


def share_kept(*, number: int, limit: int) -> float:
    """Return the share of events with this number that is kept, from 0 to 1."""
    return 1.0 if limit <= 0 or number <= limit else float((limit / number) ** STEEPNESS)


def _draw(event_id: UUID) -> float:
    """Return a number from 0 to 1 that an id stands for; hashed, because not every client draws its ids well."""
    return int.from_bytes(hashlib.blake2b(event_id.bytes, digest_size=8).digest(), "big") / _RANGE
