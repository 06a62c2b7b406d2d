"""Parts of one thing's page that other rooms fill: a release's page shows web vitals without knowing the room that has them.

A room registers a function under the kind of thing ("release") in its `panels.py` or a module that this imports. The page
that shows the thing asks `find_sections` and draws what comes back, each under its title. Links alone are `config/related.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

logger = logging.getLogger(__name__)

Fill = Callable[[HttpRequest, int, int], "Section | None"]


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a page: title, the template of its body with its context, and where there is more of it."""

    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class _Filler:
    name: str
    order: int
    permission: str
    fill: Fill


_fillers: dict[str, dict[str, _Filler]] = {}


def section(kind: str, *, name: str, order: int, permission: str) -> Callable[[Fill], Fill]:
    """Register a function of (request, application id, id of the thing) that returns a section, None where it has nothing.

    Only readers with `permission` are shown it. Raises ValueError for a name that is taken.
    """

    def register(fill: Fill) -> Fill:
        taken = _fillers.setdefault(kind, {})
        if name in taken and taken[name].fill is not fill:
            raise ValueError(f"two sections of {kind} are named {name!r}")
        taken[name] = _Filler(name, order, permission, fill)
        return fill

    return register


def forget_section(kind: str, name: str) -> None:
    """Take a section out again."""
    _fillers.get(kind, {}).pop(name, None)


def find_sections(request: HttpRequest, kind: str, *, application_id: int, pk: int) -> list[Section]:
    """Return what other rooms show on the page of a thing, in order, as far as the reader may see it."""
    found: list[Section] = []
    for filler in sorted(_fillers.get(kind, {}).values(), key=lambda each: (each.order, each.name)):
        if not request.user.has_perm(filler.permission):
            continue
        try:
            filled = filler.fill(request, application_id, pk)
        except Exception:
            # The outermost edge of one room's part: the page is worth more than its sections.
            logger.exception("%s could not fill its section of %s %s", filler.name, kind, pk)
            continue
        if filled is not None:
            found.append(filled)
    return found
