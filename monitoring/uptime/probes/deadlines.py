"""A limit on a whole look: network libraries bound each wait, and a server that sends a byte now and then never ends one."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType


class Deadline:
    """Ends connections that are watched once the time is over. Use as a context manager."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []
        self.is_over = False

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for each in self._watched:
                each.close()
            self._watched.clear()

    @property
    def left_seconds(self) -> float:
        """Time left, at least a moment, because 0 would mean no limit to a socket."""
        return max(0.001, self._ends - time.monotonic())

    def watch(self, connection: socket.socket) -> None:
        """Have a connection ended when the time is over. Its handle is doubled, so that no other socket can be hit."""
        with self._lock:
            self._watched.append(connection.dup())
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        with self._lock:
            for each in self._watched:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
