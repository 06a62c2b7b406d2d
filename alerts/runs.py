"""How the last evaluation went, for whoever watches the watcher: in the cache, because it need not last."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from alerts.services.evaluating import Run

logger = logging.getLogger(__name__)

CACHE_KEY = "alerts:last-run"
KEPT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest evaluation of all rules: how long it took (seconds), how many rules, how many of them failed."""

    seconds: float
    rules: int
    failed: int


def remember_run(run: Run) -> None:
    """Keep how a run went; without a cache it is forgotten, which harms nothing."""
    try:
        cache.set(CACHE_KEY, asdict(LastRun(run.seconds, run.rules, run.failed)), timeout=KEPT_SECONDS)
    except RedisError:
        logger.warning("how long rules took is not recorded: the cache does not answer")


def find_last_run() -> LastRun | None:
    """Return how the newest run of the last hour went, None if there was none."""
    found = cache.get(CACHE_KEY)
    return LastRun(**found) if found else None
