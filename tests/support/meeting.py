"""Two transactions that meet at the same rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connection

_WAITS_FOR_US = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"


def begin_beside(act: Callable[[], object]) -> Future[object]:
    """Begin something on a connection of its own; return once it waits for a row that this one has locked, or is done."""

    def run() -> object:
        try:
            return act()
        finally:
            connection.close()

    with connection.cursor() as cursor:
        executor = ThreadPoolExecutor(1)
        future = executor.submit(run)
        executor.shutdown(wait=False)
        while not future.done():
            if cursor.execute(_WAITS_FOR_US).fetchone():
                break
    return future
