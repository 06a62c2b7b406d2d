"""What people and programs see when something goes wrong: pages in the product's look, problem documents under API paths."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader

from config.api.errors import (
    ApiError,
    BodyInvalid,
    InternalError,
    NotFound,
    ScopeMissing,
    TemporarilyUnavailable,
    as_api_error,
    problem_response,
)

#: Where programs talk to us.
API_PREFIXES = ("/api/", "/otlp/", "/prometheus/", "/alertmanager/", "/ofrep/")
DOCUMENTATION_PREFIX = "/api/docs"


def show_bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: the request itself is malformed."""
    return _show(request, BodyInvalid("The request is malformed."), template="400.html")


def show_forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: known, and not allowed."""
    return _show(request, ScopeMissing("write"), template="403.html")


def show_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing here."""
    return _show(request, NotFound(), template="404.html")


def show_server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 while the database is away. The page uses no database, session or context processor."""
    error = as_server_error(sys.exc_info()[1])
    if is_api_path(request.path):
        return problem_response(error)
    template = "503.html" if error.status == 503 else "500.html"
    response = HttpResponse(loader.get_template(template).render(), status=error.status)
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    return response


def show_csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was too old or came from elsewhere."""
    return _show(request, ScopeMissing("write"), template="403_csrf.html")


def is_api_path(path: str) -> bool:
    """Say whether a path belongs to programs rather than people."""
    return path.startswith(API_PREFIXES) and not path.startswith(DOCUMENTATION_PREFIX)


def as_server_error(error: BaseException | None) -> ApiError:
    """Return what the caller is told of an error nobody caught."""
    if isinstance(error, (OperationalError, InterfaceError)):
        return TemporarilyUnavailable()
    known = as_api_error(error) if isinstance(error, ApiError) else None
    return known or InternalError()


def _show(request: HttpRequest, error: ApiError, *, template: str) -> HttpResponse:
    if is_api_path(request.path):
        return problem_response(error)
    return render(request, template, status=error.status)
