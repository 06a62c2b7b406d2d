"""How long a query may take: set once around it, looked at wherever it might go on for long.

The deadline belongs to the thread's context, so that everything below knows it, storage too, without being handed it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from monitoring.metrics.promql.errors import QueryTimeout

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Let everything within raise QueryTimeout once `seconds` have passed; an earlier deadline around it stays."""
    outer, mine = _deadline.get(), time.monotonic() + seconds
    token = _deadline.set(mine if outer is None else min(outer, mine))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """How long the query may still take; None: as long as it likes. Raises QueryTimeout when its time is over."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise QueryTimeout
    return left


def check_time() -> None:
    """Raise QueryTimeout when the query's time is over."""
    seconds_left()
