"""Errors of the API: one small tree, one shape (RFC 9457, application/problem+json)."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

DOCUMENTATION = "/api/docs/errors/"


class ApiError(Exception):
    """An answer other than success. Subclasses say which; `detail` says what the caller should do.

    `extra` holds members beside the standard ones, such as `errors`: a list of {"field", "detail"}.
    """

    slug: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request can't be answered."
    retry_after_seconds: int | None = None

    def __init__(self, detail: str = "", **extra: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().partition("\n")[0]
        self.extra = extra
        super().__init__(self.detail)


class KeyMissing(ApiError):
    """Send a key as `Authorization: Bearer <key>`; the connect page of the application shows it."""

    slug, status, title = "key-missing", 401, "No key was sent."


class KeyWrong(ApiError):
    """No application has this key, or it was revoked; make a new one on the application's connect page."""

    slug, status, title = "key-wrong", 401, "The key is not valid."


class ScopeMissing(ApiError):
    """The key lacks a scope that this address needs."""

    slug, status, title = "scope-missing", 403, "The key does not allow this."

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs a key with the scope '{scope}'.", scope=scope)


class SecretKeyNeeded(ApiError):
    """A public key stands in pages for everybody to read; send a secret one."""

    slug, status, title = "secret-key-needed", 403, "This needs a secret key."


class OriginRefused(ApiError):
    """The key may not be used from this page's origin."""

    slug, status, title = "origin-refused", 403, "The key may not be used from this origin."

    def __init__(self, origin: str, *, application_id: int | None = None) -> None:
        super().__init__(f"Add {origin} to the key's allowed origins.", origin=origin)
        #: Whose key it is, for the account of what was refused; not told to the caller.
        self.application_id = application_id


class WrongApplication(ApiError):
    """The key belongs to another application than the one in the address."""

    slug, status, title = "wrong-application", 403, "The key belongs to another application."


class BodyInvalid(ApiError):
    """The body can't be read; `errors` names each field."""

    slug, status, title = "body-invalid", 400, "The body is not valid."


class ParameterInvalid(ApiError):
    """A parameter in the address can't be read; `errors` names it."""

    slug, status, title = "parameter-invalid", 400, "A parameter is not valid."


class BodyTooLarge(ApiError):
    """The body is larger than the limit; send smaller batches."""

    slug, status, title = "body-too-large", 413, "The body is too large."


class MediaTypeUnsupported(ApiError):
    """The Content-Type or Content-Encoding is not one this address understands."""

    slug, status, title = "media-type-unsupported", 415, "The content type or encoding is not supported."


class RateLimited(ApiError):
    """The key sent more requests than its limit allows; wait for the time in Retry-After."""

    slug, status, title = "rate-limited", 429, "Too many requests."

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 60, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after_seconds = retry_after_seconds


class NotFound(ApiError):
    """There is nothing at this address, or this key may not see it."""

    slug, status, title = "not-found", 404, "Not found."


class Conflict(ApiError):
    """The thing changed meanwhile or already exists; read it again."""

    slug, status, title = "conflict", 409, "That conflicts with what is there."


class IdempotencyKeyReused(ApiError):
    """The Idempotency-Key was sent before with another request; use a new one for a new request."""

    slug, status, title = "idempotency-key-reused", 422, "The Idempotency-Key belongs to another request."


class MethodNotAllowed(ApiError):
    """This address does not take this method."""

    slug, status, title = "method-not-allowed", 405, "Method not allowed."


class TemporarilyUnavailable(ApiError):
    """The database is away; nothing was stored. Send it again after the time in Retry-After."""

    slug, status, title = "temporarily-unavailable", 503, "Temporarily unavailable."
    retry_after_seconds = 5


class InternalError(ApiError):
    """Something broke on our side; it was recorded."""

    slug, status, title = "internal-error", 500, "Internal error."


#: What DRF and Django raise, and what it is in our tree.
_FOREIGN: tuple[tuple[type[Exception], type[ApiError]], ...] = (
    (exceptions.NotAuthenticated, KeyMissing),
    (exceptions.AuthenticationFailed, KeyWrong),
    (exceptions.NotFound, NotFound),
    (Http404, NotFound),
    (exceptions.MethodNotAllowed, MethodNotAllowed),
    (exceptions.UnsupportedMediaType, MediaTypeUnsupported),
    (exceptions.NotAcceptable, MediaTypeUnsupported),
    (exceptions.ParseError, BodyInvalid),
    (OperationalError, TemporarilyUnavailable),
    (InterfaceError, TemporarilyUnavailable),
)


def problem_of(error: ApiError) -> dict[str, Any]:
    """Return the problem document of an error."""
    document = {
        "type": f"{DOCUMENTATION}#{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    return {**document, **error.extra}


def problem_response(error: ApiError) -> HttpResponse:
    """Return the answer of a plain Django view for an error."""
    response = JsonResponse(problem_of(error), status=error.status, content_type="application/problem+json")
    for name, value in _headers_of(error).items():
        response[name] = value
    return response


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: every answer other than success has the documented shape; None lets a bug be a bug."""
    api_error = as_api_error(error)
    if api_error is None:
        return None
    return Response(
        problem_of(api_error),
        status=api_error.status,
        headers=_headers_of(api_error),
        content_type="application/problem+json",
    )


def as_api_error(error: Exception) -> ApiError | None:
    """Translate what Django and DRF raise into our tree; None for anything unknown."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, exceptions.ValidationError):
        return BodyInvalid("See errors for each field.", errors=flatten_errors(error.detail))
    if isinstance(error, exceptions.Throttled):
        return RateLimited(retry_after_seconds=max(1, math.ceil(getattr(error, "wait", None) or 60)))
    if isinstance(error, (PermissionDenied, exceptions.PermissionDenied)):
        return ScopeMissing(str(getattr(error, "detail", "")) or "write")
    for foreign, ours in _FOREIGN:
        if isinstance(error, foreign):
            return ours(str(getattr(error, "detail", "")) if isinstance(error, exceptions.ParseError) else "")
    return None


def flatten_errors(detail: Any, path: str = "") -> list[dict[str, str]]:
    """Return DRF's nested validation errors as a flat list of {"field": "points.3.name", "detail": ...}."""
    if isinstance(detail, dict):
        return [row for name, value in detail.items() for row in flatten_errors(value, f"{path}.{name}".strip("."))]
    if isinstance(detail, list) and any(isinstance(value, (dict, list)) for value in detail):
        return [
            row for index, value in enumerate(detail) for row in flatten_errors(value, f"{path}.{index}".strip("."))
        ]
    values = detail if isinstance(detail, list) else [detail]
    return [{"field": path or "body", "detail": str(value)} for value in values]


def _headers_of(error: ApiError) -> dict[str, str]:
    headers = {} if error.retry_after_seconds is None else {"Retry-After": str(error.retry_after_seconds)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="postlaunch"'
    return headers
