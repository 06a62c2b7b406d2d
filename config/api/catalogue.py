"""Every error of the API, for the documentation."""

from __future__ import annotations

import inspect

from django.urls import get_resolver

from config.api.errors import ApiError


def list_errors() -> list[type[ApiError]]:
    """Return every concrete error, by status and name."""
    found: dict[str, type[ApiError]] = {}
    # Rooms define errors of their own beside their doors, which addresses lead to.
    get_resolver().url_patterns  # noqa: B018  (imports them)
    waiting = list(ApiError.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        found.setdefault(kind.slug, kind)
    return sorted(found.values(), key=lambda kind: (kind.status, kind.slug))


def describe_error(kind: type[ApiError]) -> str:
    """Return what an error asks of the caller, in one paragraph."""
    return " ".join((inspect.getdoc(kind) or kind.title).split())
