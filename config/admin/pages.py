"""Pages of the admin that are no model's: rooms add theirs here, and the site gives them addresses under /admin/."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[HttpRequest, Parameters], HttpResponseBase]

_pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {}


def admin_page(address: str, *, name: str, permission: str = "") -> Callable[[View[Parameters]], View[Parameters]]:
    """Serve the decorated view at /admin/<address> as `admin:<name>`, to staff, and only with `permission` if one is named.

    Raises ValueError if the name is taken.
    """

    def register(view: View[Parameters]) -> View[Parameters]:
        if name in _pages:
            raise ValueError(f"two admin pages are named {name!r}")

        @wraps(view)
        def guarded(request: HttpRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> HttpResponseBase:
            if permission and not request.user.has_perm(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        _pages[name] = (address, guarded)
        return guarded

    return register


def make_patterns(protect: Callable[[Any], Any]) -> list[URLPattern]:
    """Return the addresses of all registered pages; `protect` lets staff in only."""
    return [path(address, protect(view), name=name) for name, (address, view) in sorted(_pages.items())]
