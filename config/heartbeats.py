"""Signs of life of the workers: each queue's last finished task, kept in the cache.

Schedules put tasks into every important queue every few seconds, so a fresh sign says that the scheduler, the broker and a
worker of that queue all work. Noted at most every NOTE_EVERY_SECONDS per process and queue.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.signals import task_postrun
from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

NOTE_EVERY_SECONDS = 3.0
KEPT_SECONDS = 24 * 3600

_noted: dict[str, float] = {}


def note_heartbeat(queue: str, *, now: float) -> None:
    """Note that a task of the queue ended at `now` (epoch seconds); without a cache nothing is noted."""
    if now - _noted.get(queue, 0.0) < NOTE_EVERY_SECONDS:
        return
    _noted[queue] = now
    try:
        cache.set(f"heartbeat:{queue}", now, timeout=KEPT_SECONDS)
    except RedisError as error:
        logger.warning("no sign of life is noted: the cache does not answer (%s)", error)


def read_heartbeats(queues: tuple[str, ...]) -> dict[str, float]:
    """Return when each queue's last task ended (epoch seconds); queues without a sign are left out. Raises RedisError."""
    found = cache.get_many([f"heartbeat:{queue}" for queue in queues])
    return {name.removeprefix("heartbeat:"): float(value) for name, value in found.items()}


@task_postrun.connect(dispatch_uid="postlaunch-heartbeat", weak=False)
def _note_finished_task(task: Any = None, **_: Any) -> None:
    info = getattr(getattr(task, "request", None), "delivery_info", None) or {}
    queue = info.get("routing_key")
    if queue:
        note_heartbeat(str(queue), now=time.time())
