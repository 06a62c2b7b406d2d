"""Keeps what this process noticed about itself for a moment, and stores it by a thread of its own.

Whoever is watched must not wait for the watcher. What finds the buffer full, and what can't be stored because the database
is away, is counted as lost once it answers again.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from typing import Any

from django.db import Error, close_old_connections

from monitoring.applications.selectors import find_own_application_id
from monitoring.ingestion.batches import Account, Batch
from monitoring.ingestion.storing import store_batch
from monitoring.own_telemetry.surroundings import paused

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
MAX_WAITING = 5_000

#: Puts one thing into a batch for an application, the id of which is only known when it is stored.
Fill = Callable[[Batch], None]


class Recorder:
    """A bounded buffer and the thread that empties it; the thread starts with the first thing, so after a fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Fill]] = []
        self._missing = Account()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def keep(self, signal: str, fill: Fill) -> None:
        """Take something that counts as one thing of a signal."""
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._missing.add(signal, "lost")
                return
            self._waiting.append((signal, fill))
            self._start()

    def leave_out(self, signal: str, column: str = "sampled") -> None:
        """Count something that is not recorded on purpose."""
        with self._lock:
            self._missing.add(signal, column)
            self._start()

    def flush(self) -> None:
        """Store what waits; what can't be stored is counted as lost."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            missing, self._missing = self._missing, Account()
        if not waiting and not missing.counts:
            return
        with paused():
            application_id = find_own_application_id()
            if application_id is None:
                return
            batch = Batch(application_id, account=missing)
            for _, fill in waiting:
                fill(batch)
            store_batch(batch)

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="own telemetry", daemon=True)
            self._thread.start()
            atexit.register(self._wake.set)

    def _run(self) -> None:
        while not self._wake.wait(FLUSH_SECONDS):
            self._flush_safely()
        self._flush_safely()

    def _flush_safely(self) -> None:
        with self._lock:
            waiting = [signal for signal, _ in self._waiting]
            counts = dict(self._missing.counts)
        try:
            close_old_connections()
            self.flush()
        except Exception as error:
            # The outermost edge of this thread: the product goes on without a record of itself.
            level = logging.WARNING if isinstance(error, Error) else logging.ERROR
            with paused():
                logger.log(level, "what the product noticed about itself is not stored: %s", error)
            with self._lock:
                for (signal, column), count in counts.items():
                    self._missing.add(signal, column, count)
                for signal in waiting:
                    self._missing.add(signal, "lost")


recorder = Recorder()


def add_record(record: Callable[[int], Any], *, signal: str) -> None:
    """Keep a record; `record` makes it for the id of the application."""
    recorder.keep(signal, lambda batch: batch.add(record(batch.application_id), signal=signal))
