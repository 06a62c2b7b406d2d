"""What this thread is doing just now: a request or a job of the product's own. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Surroundings:
    """A request or job under way. `describe` returns its endpoint; `is_kept`: its queries are recorded, quick ones too.

    `share`: of how many like it one is kept.
    """

    describe: Callable[[], str]
    is_kept: bool = True
    method: str = ""
    url: str = ""
    share: int = 1
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))


_current: ContextVar[Surroundings | None] = ContextVar("own_surroundings", default=None)
_is_paused: ContextVar[bool] = ContextVar("own_recording_paused", default=False)


def find_surroundings() -> Surroundings | None:
    """Return what is under way, None between requests and jobs."""
    return _current.get()


def enter(surroundings: Surroundings | None) -> None:
    """Say what begins now; None: it is over."""
    _current.set(surroundings)


def is_paused() -> bool:
    """Return whether this thread is the recorder itself."""
    return _is_paused.get()


@contextmanager
def paused() -> Iterator[None]:
    """Record nothing of what is done within: recording must not bring more of it."""
    token = _is_paused.set(True)
    try:
        yield
    finally:
        _is_paused.reset(token)
