"""Flapping: an alert that begins and ends over and over is not told of each time. Pure.

It flaps while its series began to fire MAX_STARTS times within WINDOW. Its messages are held then, unless it fires for REST
without a break: then it is there to stay and worth a message.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(hours=2)
MAX_STARTS = 3
REST = timedelta(minutes=10)


def is_flapping(starts: Sequence[datetime], *, fired_at: datetime, now: datetime) -> bool:
    """Say whether an alert flaps that fires since `fired_at`.

    `starts`: when the same series began to fire, this time included, in any order.
    """
    recent = sum(1 for start in starts if now - WINDOW < start <= now)
    return recent >= MAX_STARTS and now - fired_at < REST
