"""The short way to the doors: telemetry comes hundreds of times a second and needs no session, login, CSRF token or page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, get_resolver

from monitoring.ingestion import spool

GetResponse = Callable[[HttpRequest], HttpResponse]

URLS = "monitoring.ingestion.urls"
PREFIXES = ("/api/", "/v1/", "/otlp/", "/prometheus/")
METHODS = frozenset({"POST", "OPTIONS"})


class DoorsFirst:
    """Middleware that answers what is sent to a door and leaves out the middleware after it.

    What it does not know goes the usual way, on which the doors stand too: there other methods are refused.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        # Made once in each process that answers requests: what an earlier one left on disk is stored by this one.
        spool.start()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request at its door if it has one."""
        if request.method not in METHODS or not request.path_info.startswith(PREFIXES):
            return self.get_response(request)
        try:
            match = get_resolver(URLS).resolve(request.path_info)
        except Resolver404:
            return self.get_response(request)
        request.resolver_match = match
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        # With a length the connection stays open for the client's next report.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
