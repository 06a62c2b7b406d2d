"""When a failed event is tried again. Pure."""

from __future__ import annotations

from datetime import timedelta

#: Waiting time after the first, second, ... failed attempt. After one more the event is set aside.
DELAYS_SECONDS = (5, 15, 60, 300, 900, 1800, 3600, 7200, 14400)
MAX_ATTEMPTS = len(DELAYS_SECONDS) + 1


def delay_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failed attempts (at least 1), None when it is time to give up."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return timedelta(seconds=DELAYS_SECONDS[attempts - 1])
