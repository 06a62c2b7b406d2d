"""How much a key may send: in fixed ten-second windows, counted in the cache for all processes together.

A process does not ask for every request: it takes a lease, a sixteenth of what is left of the window and never more than
MAX_LEASE, and gives its requests out of that. So no more is ever let in than the limit says. A process that takes a lease and
then hears nothing more keeps so much from the others until the window ends; leases get small as the limit comes near.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from config.api.authentication import KeyGrant
from config.api.errors import RateLimited

if TYPE_CHECKING:
    # For types only: DRF imports this module while it is still importing its views.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 10
LEASED_PART = 16
MAX_LEASE = 250
MAX_REMEMBERED = 10_000


@dataclass(slots=True)
class _Lease:
    """What this process may still let in of a window. `left`: of the window's limit, as far as it knows, for everybody."""

    window: int
    granted: int = 0
    left: int = 0
    is_used_up: bool = False

    def give(self, cost: int) -> bool:
        """Take from what is granted, if there is enough."""
        if self.granted < cost:
            return False
        self.granted -= cost
        return True


_leases: dict[str, _Lease] = {}
_lock = threading.Lock()


def check_rate(grant: KeyGrant, *, cost: int = 1) -> None:
    """Count a request against the key's limit; raise RateLimited beyond it."""
    wait = find_wait(str(grant.key_id), per_minute=grant.requests_per_minute, cost=cost)
    if wait is not None:
        text = f"This key may send {grant.requests_per_minute} requests a minute."
        raise RateLimited(text, retry_after_seconds=wait)


def find_wait(name: str, *, per_minute: int, cost: int = 1) -> int | None:
    """Count `cost` things against the limit of that name; return after how many seconds to come back, None if they are let in.

    What costs more than a whole window has is let in by a window nothing was taken of. While the cache is away nothing is
    limited: telemetry must not be lost because a counter is.
    """
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    limit = max(1, per_minute * WINDOW_SECONDS // 60)
    cost = min(cost, limit)
    with _lock:
        lease = _find_lease(name, window)
        if lease.give(cost):
            return None
        wanted = max(cost, min(lease.left // LEASED_PART, MAX_LEASE))
    if not lease.is_used_up:
        # Others of this process may ask meanwhile too; each adds what it was given.
        try:
            used = _take(name, window, wanted)
        except (RedisError, ValueError):
            logger.warning("rate limits are off: the cache does not answer")
            return None
        with _lock:
            lease.left = max(0, limit - used)
            lease.is_used_up = used >= limit
            # Of what was taken beyond the limit nothing is ours; the first part of it may be.
            lease.granted += wanted - max(0, min(wanted, used - limit))
            if lease.give(cost):
                return None
    # Rounded up: who comes back earlier is turned away again.
    return max(1, math.ceil((window + 1) * WINDOW_SECONDS - now))


def forget_leases() -> None:
    """Forget what this process was given."""
    with _lock:
        _leases.clear()


def _find_lease(name: str, window: int) -> _Lease:
    if len(_leases) >= MAX_REMEMBERED:
        _leases.clear()
    lease = _leases.get(name)
    if lease is None or lease.window != window:
        lease = _leases[name] = _Lease(window)
    return lease


def _take(name: str, window: int, count: int) -> int:
    """Return how much of a window is given away once `count` more are."""
    name = f"rate:{name}:{window}"
    if cache.add(name, count, timeout=WINDOW_SECONDS * 2):
        return count
    return int(cache.incr(name, count))


class KeyThrottle(BaseThrottle):
    """DRF's view of the same limit."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return True, or raise RateLimited."""
        if isinstance(request.auth, KeyGrant):
            check_rate(request.auth)
        return True
