"""How much a key may send: requests in fixed ten-second windows, counted in the cache for all processes together."""

from __future__ import annotations

import logging
import time
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


def check_rate(grant: KeyGrant, *, cost: int = 1) -> None:
    """Count a request against the key's limit; raise RateLimited beyond it.

    While the cache is away nothing is limited: telemetry must not be lost because a counter is.
    """
    now = time.time()
    window = int(now // WINDOW_SECONDS)
    name = f"rate:{grant.key_id}:{window}"
    try:
        cache.add(name, 0, timeout=WINDOW_SECONDS * 2)
        used = cache.incr(name, cost)
    except (RedisError, ValueError):
        logger.warning("rate limits are off: the cache does not answer")
        return
    if used > max(1, grant.requests_per_minute * WINDOW_SECONDS // 60):
        wait = max(1, round((window + 1) * WINDOW_SECONDS - now))
        raise RateLimited(f"This key may send {grant.requests_per_minute} requests a minute.", retry_after_seconds=wait)


class KeyThrottle(BaseThrottle):
    """DRF's view of the same limit."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Return True, or raise RateLimited."""
        if isinstance(request.auth, KeyGrant):
            check_rate(request.auth)
        return True
