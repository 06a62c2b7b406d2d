"""Who may come in by Sentry's doors, and how its SDKs are answered."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from config.api.authentication import KeyGrant, check_scope
from config.api.errors import ApiError, KeyWrong, MethodNotAllowed, OriginRefused, TemporarilyUnavailable
from config.settings import OPTION
from monitoring.applications.selectors import find_grant
from monitoring.errors.scrubbing import truncate_ip
from monitoring.ingestion.bodies import read_body
from monitoring.ingestion.doors import as_refusal, count_body, find_application, note_use
from monitoring.ingestion.sentry.auth import find_key
from monitoring.ingestion.sentry.envelopes import read_dsn_key

logger = logging.getLogger(__name__)

ALLOWED_HEADERS = (
    "X-Sentry-Auth, X-Requested-With, Origin, Accept, Content-Type, Content-Encoding, Authorization, Authentication, "
    "sentry-trace, baggage"
)
EXPOSED_HEADERS = "X-Sentry-Error, X-Sentry-Rate-Limits, Retry-After"
Receive = Callable[..., HttpResponse]
"""Takes grant, inflated body, request, and what else the address names."""
View = Callable[..., HttpResponse]


class DsnMissing(ApiError):
    """Send the DSN's public key in X-Sentry-Auth, in the query as sentry_key or in the envelope's header as dsn."""

    slug, status, title = "dsn-missing", 403, "No key was sent."


def sentry_door(receive: Receive) -> View:
    """Make a view for `<application_id>` of a function that takes an admitted request's grant and inflated body."""
    return _make_view(receive, methods=frozenset({"POST"}))


def open_door(receive: Receive) -> View:
    """Make the same of a function that a GET request may call too, with the key in the address: jobs call it with curl."""
    return _make_view(receive, methods=frozenset({"GET", "HEAD", "POST"}))


def _make_view(receive: Receive, *, methods: frozenset[str]) -> View:
    @csrf_exempt
    @functools.wraps(receive)
    def view(request: HttpRequest, application_id: str, **named: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return _allow_origins(HttpResponse(status=204))
        key = named.pop("key", "") or ""
        take = functools.partial(receive, **named) if named else receive
        return _allow_origins(_answer(request, application_id, take, methods=methods, key=key))

    return view


def _answer(
    request: HttpRequest, application_id: str, receive: Receive, *, methods: frozenset[str], key: str
) -> HttpResponse:
    grant: KeyGrant | None = None
    try:
        if request.method not in methods:
            raise MethodNotAllowed("Send a POST request.")
        found, in_query = find_key(request.headers, request.GET)
        # What stands in the address is seen by everybody on the way, so it must be a public key.
        key, in_query = (found, in_query) if found else (key, True)
        # SDKs that put the key into the envelope alone are let in that far; what is read is bounded.
        body = None if key else read_body(request)
        key = key or read_dsn_key(body or b"")
        grant = _admit(request, application_id, key, in_query=in_query and body is None)
        response = receive(grant, read_body(request) if body is None else body, request)
        note_use(grant)
        return response
    except Exception as error:
        refusal = as_refusal(error, request)
        if isinstance(refusal, TemporarilyUnavailable):
            logger.warning("nothing can be stored: %s", error)
        elif not isinstance(refusal, KeyWrong):
            count_body(find_application(grant, refusal), refusal)
        return refuse(refusal)


def _admit(request: HttpRequest, application_id: str, key: str, *, in_query: bool) -> KeyGrant:
    """Return the grant of a key that belongs to the application in the address; raise why there is none."""
    if not key:
        raise DsnMissing
    grant = find_grant(key)
    if grant is None or str(grant.application_id) != application_id or (in_query and not grant.is_public):
        raise KeyWrong("The DSN's key does not belong to the application in its address.")
    check_scope(grant, scope="ingest")
    origin = request.headers.get("Origin")
    if grant.is_public and grant.origins and origin is not None and origin not in grant.origins:
        raise OriginRefused(origin, application_id=grant.application_id)
    return grant


def refuse(error: ApiError) -> HttpResponse:
    """Return an error as SDKs know it: {"detail": ...}, with the time to wait."""
    response = JsonResponse({"detail": f"{error.title} {error.detail}"}, status=error.status)
    response["X-Sentry-Error"] = error.title
    if error.retry_after_seconds is not None:
        response["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = "POST, OPTIONS"
    return response


def read_client_ip(request: HttpRequest) -> str:
    """Return where a request came from; behind a proxy (SECURE), what the nearest proxy says."""
    forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", "")) if OPTION["SECURE"] else ""
    return forwarded.rpartition(",")[2].strip() or str(request.META.get("REMOTE_ADDR", ""))


def find_kept_ip(request: HttpRequest) -> str:
    """Return where a request came from, as far as that may be kept."""
    if not OPTION["INFER_CLIENT_IP"]:
        return ""
    address = read_client_ip(request)
    return address if OPTION["KEEP_WHOLE_IP"] else truncate_ip(address)


def _allow_origins(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
    response["Access-Control-Max-Age"] = "86400"
    return response
