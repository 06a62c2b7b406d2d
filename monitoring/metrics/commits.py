"""Sharing commits: requests that arrive while one commits are stored together by the next.

A commit waits for the disk, so its price hardly depends on how much it holds. The first writer leads: it stores
whatever waits, its own included; the others sleep until theirs is durable.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Work = TypeVar("Work")


@dataclass(slots=True)
class _Waiting(Generic[Work]):
    work: Work
    done: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    error: BaseException | None = None


class GroupCommit(Generic[Work]):
    """Hands work to ``commit`` in groups, one group at a time.

    ``size`` tells how large a piece of work is; a group takes no further piece once it has reached ``max_size``. After
    an error of ``alone_after`` each piece of the group is tried by itself, so that one can't spoil the others.

    ``gather_seconds``: how long a leader waits for more after a group that had several pieces; after one that had a single
    piece nobody waits. It makes groups larger, and commits fewer, where pieces are small and commits are most of the work.
    """

    def __init__(
        self,
        commit: Callable[[list[Work]], None],
        *,
        size: Callable[[Work], int],
        max_size: int = 50_000,
        alone_after: tuple[type[Exception], ...] = (),
        gather_seconds: float = 0.0,
    ) -> None:
        self._commit, self._size, self._max_size, self._alone_after = commit, size, max_size, alone_after
        self._gather_seconds = gather_seconds
        self._last_count = 0
        self._lock = threading.Lock()
        self._queue: list[_Waiting[Work]] = []
        self._led = False

    def run(self, work: Work) -> None:
        """Return once ``work`` is committed; raises what its commit raised."""
        mine = _Waiting(work)
        with self._lock:
            self._queue.append(mine)
            mine.leads = not self._led
            self._led = True
        if not mine.leads:
            mine.done.wait()
        if mine.leads:
            self._lead()
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        """Commit one group and hand the lead to the first who came meanwhile."""
        if self._gather_seconds and self._last_count > 1:
            time.sleep(self._gather_seconds)
        with self._lock:
            group = self._take()
            self._last_count = len(group)
        try:
            self._commit_group(group)
        finally:
            self._pass_on(group)

    def _commit_group(self, group: list[_Waiting[Work]]) -> None:
        """Commit the group; what goes wrong is kept for those it concerns."""
        try:
            self._commit([waiting.work for waiting in group])
        except self._alone_after as error:
            if len(group) == 1:
                group[0].error = error
                return
            for waiting in group:
                self._commit_group([waiting])
        except BaseException as error:
            for waiting in group:
                waiting.error = error

    def _take(self) -> list[_Waiting[Work]]:
        size, count = 0, 0
        for waiting in self._queue:
            size += self._size(waiting.work)
            count += 1
            if size >= self._max_size:
                break
        group, self._queue = self._queue[:count], self._queue[count:]
        return group

    def _pass_on(self, group: list[_Waiting[Work]]) -> None:
        with self._lock:
            following = self._queue[0] if self._queue else None
            self._led = following is not None
            if following is not None:
                following.leads = True
        for waiting in group:
            waiting.done.set()
        if following is not None:
            following.done.set()
