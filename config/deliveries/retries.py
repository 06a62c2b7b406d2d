"""When a delivery is tried again. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Waiting time after the first, second, ... failed attempt; the last one repeats. It is short because what waits may be
#: somebody's alarm: once the receiver is back, it is no later than this.
DELAYS_SECONDS = (10, 30, 120, 300)
LONGEST_DELAY = timedelta(seconds=DELAYS_SECONDS[-1])
#: A receiver may ask for more time than that, up to this.
LONGEST_WAIT = timedelta(hours=6)
#: After a crash the first attempts follow at once: the message is late already and nobody refused it.
IMMEDIATE_ATTEMPTS = 3


def find_next_attempt(
    *, now: datetime, attempts: int, give_up_at: datetime, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after so many attempts (at least 1), None when the time for it is over.

    `retry_after` is what the receiver asked for; it can make the wait longer, never shorter.
    """
    wait = timedelta(seconds=DELAYS_SECONDS[min(attempts, len(DELAYS_SECONDS)) - 1])
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_WAIT))
    return now + wait if now + wait <= give_up_at else None


def find_next_attempt_after_crash(*, now: datetime, attempts: int, give_up_at: datetime) -> datetime | None:
    """Return when to try again after a sender ended in the middle: at once, unless that keeps happening.

    Then the waits begin with the shortest: nobody has refused the message so far.
    """
    if attempts <= IMMEDIATE_ATTEMPTS:
        return now
    return find_next_attempt(now=now, attempts=attempts - IMMEDIATE_ATTEMPTS, give_up_at=give_up_at)


def parse_retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return the wait that a Retry-After header asks for, None if there is none that can be read.

    Source: RFC 9110, 10.2.3 (seconds or an HTTP date).
    """
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return timedelta(seconds=min(int(value.strip()[:9]), int(LONGEST_WAIT.total_seconds())))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(timedelta(0), (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now)
