"""Links from a page to what rooms above know about it: an error's page shows its alerts without knowing that room.

A room registers a function under the kind of thing it knows something about ("error_issue"), in its `panels.py` or
a module that this imports. The page that shows the thing asks `find_related`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Related:
    """One link: what kind of thing (“Alert”), its title and address, its state with colour, and when it was."""

    kind: str
    title: str
    url: str
    state: str
    tone: str
    at: datetime


@dataclass(frozen=True, slots=True)
class _Finder:
    name: str
    permission: str
    find: Callable[[int, int], list[Related]]


_finders: dict[str, dict[str, _Finder]] = {}


def relates(
    kind: str, *, name: str, permission: str
) -> Callable[[Callable[[int, int], list[Related]]], Callable[[int, int], list[Related]]]:
    """Register a function of (application id, id of the thing) that returns links, the newest first.

    Only readers with `permission` are shown them. Raises ValueError for a name that is taken.
    """

    def register(find: Callable[[int, int], list[Related]]) -> Callable[[int, int], list[Related]]:
        taken = _finders.setdefault(kind, {})
        if name in taken and taken[name].find is not find:
            raise ValueError(f"two finders for {kind} are named {name!r}")
        taken[name] = _Finder(name, permission, find)
        return find

    return register


def find_related(request: HttpRequest, kind: str, *, application_id: int, pk: int) -> list[Related]:
    """Return what other rooms know about something, as far as the reader may see it."""
    finders = _finders.get(kind, {})
    found: list[Related] = []
    for name in sorted(finders):
        finder = finders[name]
        if not request.user.has_perm(finder.permission):
            continue
        try:
            found += finder.find(application_id, pk)
        except Exception:
            # The outermost edge of one room's part: the page is worth more than its links.
            logger.exception("%s could not say what it knows about %s %s", name, kind, pk)
    return sorted(found, key=lambda each: each.at, reverse=True)
