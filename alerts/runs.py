"""How the last evaluation went, and since when turns are taken: in the cache, because it need not last."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.core.cache import cache
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from alerts.services.evaluating import Run

logger = logging.getLogger(__name__)

CACHE_KEY = "alerts:last-run"
KEPT_SECONDS = 3600
LISTENING_KEY = "alerts:listening"
#: A pause between turns that is no coincidence: the product was away.
PAUSE = timedelta(minutes=1)
#: Those who repeat their alerts about once a minute have done so by then.
HEARD_AFTER = timedelta(seconds=90)


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


def has_listened(*, now: datetime) -> bool:
    """Note that a turn is taken; return whether that went on long enough for every sender to have been heard.

    After the product was away, alerts from outside look silent only because nobody listened.
    """
    try:
        since, newest = cache.get(LISTENING_KEY) or (now, now)
        if now - newest > PAUSE:
            since = now
        cache.set(LISTENING_KEY, (since, now), timeout=KEPT_SECONDS)
    except RedisError:
        logger.warning("whether alerts from outside were heard is not known: the cache does not answer")
        return True
    return bool(now - since >= HEARD_AFTER)
