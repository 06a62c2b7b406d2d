"""The admin home is put together from what rooms register here: panels, what needs someone, first steps.

A room's `panels.py` (loaded at start) holds functions under these decorators. docs/adding-panels.md has an example.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from django.http import HttpRequest

from config.admin.states import State

logger = logging.getLogger(__name__)
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Panel:
    """What one panel shows now: a template and its context.

    `summary` stands beside the title, with `state` as its colour; `url` is where more of it is.
    """

    template: str
    context: dict[str, Any]
    state: State = State.QUIET
    summary: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person: how much of it, in one sentence, and where it is dealt with."""

    count: int
    sentence: str
    url: str
    state: State = State.BAD


@dataclass(frozen=True, slots=True)
class Step:
    """How far a first step is. `text` says what to do, or what was found; `action` is a link to `url`.

    With `posts` the action is a button that sends to `url` instead. `result` says what the last attempt led to.
    """

    is_done: bool
    text: str
    url: str = ""
    action: str = ""
    posts: bool = False
    result: str = ""


@dataclass(frozen=True, slots=True)
class Entry(Generic[Found]):
    """One registered function and its place on the page."""

    key: str
    title: str
    order: int
    ask: Callable[[HttpRequest], Found]
    width: int
    permission: str

    def is_allowed(self, request: HttpRequest) -> bool:
        """Whether the reader may see what it finds."""
        return not self.permission or request.user.has_perm(self.permission)


class Registry(Generic[Found]):
    """Functions that rooms registered for one part of the home page, in order."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry[Found]] = {}

    def __call__(
        self, *, key: str, order: int, title: str = "", width: int = 1, permission: str = ""
    ) -> Callable[[Callable[[HttpRequest], Found]], Callable[[HttpRequest], Found]]:
        """Register the decorated function. Raises ValueError if the key is taken."""

        def register(ask: Callable[[HttpRequest], Found]) -> Callable[[HttpRequest], Found]:
            if key in self._entries:
                raise ValueError(f"{key!r} is registered twice")
            self._entries[key] = Entry(key, title, order, ask, width, permission)
            return ask

        return register

    def entries_for(self, request: HttpRequest) -> list[Entry[Found]]:
        """Return what the reader may see, in order."""
        entries = sorted(self._entries.values(), key=lambda entry: (entry.order, entry.key))
        return [entry for entry in entries if entry.is_allowed(request)]

    def find(self, key: str, request: HttpRequest) -> Entry[Found] | None:
        """Return one entry, None if there is none or the reader may not see it."""
        entry = self._entries.get(key)
        return entry if entry is not None and entry.is_allowed(request) else None

    def forget(self, key: str) -> None:
        """Take an entry out again."""
        self._entries.pop(key, None)


#: `@panel(key="host", title="This host", order=10, width=2, permission="monitoring.view_application")` on
#: `def host(request) -> Panel`. `width` is 1 to 3 columns of three.
panel: Registry[Panel] = Registry()
#: `@need(key="alerts", order=10)` on `def firing(request) -> Need`: feeds the sentence on top and the sidebar's counts.
need: Registry[Need] = Registry()
#: `@first_step(key="mail", title="Mail works", order=30)` on `def mail(request) -> Step`.
first_step: Registry[Step] = Registry()


def ask_safely(key: str, ask: Callable[[], Found]) -> Found | None:
    """Return what `ask` finds, None (and a line in the log) if it fails: one broken part must not take the page along."""
    try:
        return ask()
    except Exception:
        logger.exception("%s could not be shown", key)
        return None


def find_needs(request: HttpRequest) -> dict[str, Need]:
    """Return by key what needs someone now, worst first; asked once per request."""
    known: dict[str, Need] | None = getattr(request, "_needs", None)
    if known is None:
        found = ((entry.key, ask_safely(entry.key, partial(entry.ask, request))) for entry in need.entries_for(request))
        waiting = [(key, one) for key, one in found if one is not None and one.count > 0]
        known = dict(sorted(waiting, key=lambda pair: pair[1].state is not State.BAD))
        request._needs = known  # type: ignore[attr-defined]  # kept for the sidebar and the page of the same request
    return known
