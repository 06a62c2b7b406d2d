"""Waking a worker as soon as a transaction commits, so that nobody waits for the next poll.

A nudge is a convenience: what has to be done is a row, and a schedule looks for such rows every few seconds. So a nudge
that gets lost (broker away) costs seconds and never work.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import lru_cache
from typing import Any

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

#: How long a committed request may be held up by a broker that does not answer.
BROKER_TIMEOUT_SECONDS = 1.0


class Nudge:
    """Sends one task, named by its path; equal nudges in one transaction become one message."""

    def __init__(self, task: str, queue: str) -> None:
        self.task = task
        self.queue = queue

    def on_commit(self) -> None:
        """Send the task after the current transaction commits (at once outside of one)."""
        # Whatever was registered before stays registered unless a savepoint around both is rolled back, so looking for
        # itself in the list is safe; a thousand alerts in one transaction must not be a thousand messages.
        if not any(function == self._send for _, function, *_ in connection.run_on_commit):
            transaction.on_commit(self._send, robust=True)

    def _send(self) -> None:
        try:
            with _broker().acquire(block=True, timeout=BROKER_TIMEOUT_SECONDS) as broker:
                current_app.send_task(self.task, queue=self.queue, connection=broker, retry=False, ignore_result=True)
        except (KombuError, RedisError, OSError) as error:
            logger.warning("%s runs at its next turn: the broker does not answer (%s)", self.task, error)


class PacedNudge(Nudge):
    """A nudge for what happens hundreds of times a second: a process sends it once in `every_seconds` at most.

    What is held back is sent when the time is over, so that whatever is committed is followed by a message within that time.
    """

    def __init__(self, task: str, queue: str, *, every_seconds: float) -> None:
        super().__init__(task, queue)
        self.every_seconds = every_seconds
        self._lock = threading.Lock()
        self._sent_at = -every_seconds
        self._held_back: threading.Timer | None = None

    def _send(self) -> None:
        with self._lock:
            if self._held_back is not None:
                return
            wait = self._sent_at + self.every_seconds - time.monotonic()
            if wait > 0:
                self._held_back = threading.Timer(wait, self._send_held_back)
                self._held_back.daemon = True
                self._held_back.start()
                return
            self._sent_at = time.monotonic()
        super()._send()

    def _send_held_back(self) -> None:
        with self._lock:
            self._held_back = None
            self._sent_at = time.monotonic()
        super()._send()


@lru_cache(maxsize=1)
def _broker() -> Any:
    """A pool of its own, because Celery's waits for a broker that is away for ever."""
    options = {
        **current_app.conf.broker_transport_options,
        "max_retries": 0,
        "socket_timeout": BROKER_TIMEOUT_SECONDS,
        "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
    }
    return current_app.connection_for_write(transport_options=options).Pool(limit=8)
