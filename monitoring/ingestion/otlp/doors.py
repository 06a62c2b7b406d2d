"""Who may come in by OTLP's doors, and how its clients are answered."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from config.api.authentication import KeyGrant, check_scope, find_request_grant
from config.api.errors import (
    ApiError,
    BodyInvalid,
    BodyTooLarge,
    KeyMissing,
    KeyWrong,
    MediaTypeUnsupported,
    MethodNotAllowed,
    OriginRefused,
    TemporarilyUnavailable,
    problem_response,
)
from config.api.throttling import check_rate
from monitoring.applications.selectors import find_grant
from monitoring.ingestion.bodies import read_body
from monitoring.ingestion.doors import as_refusal, count_body, find_application, note_use
from monitoring.ingestion.otlp.answers import JSON, PROTOBUF, encode_error, encode_success
from monitoring.ingestion.otlp.wire import ExportInvalid, ExportTooLarge, Group, Kind, read_groups
from monitoring.ingestion.sentry.auth import find_key

logger = logging.getLogger(__name__)

ALLOWED_HEADERS = (
    "Authorization, Content-Type, Content-Encoding, X-Postlaunch-Key, X-Sentry-Auth, traceparent, tracestate, baggage"
)
_TYPES = {PROTOBUF: False, "application/protobuf": False, JSON: True, "text/json": True}


@dataclass(frozen=True, slots=True)
class Export:
    """An admitted request: whose it is and what it holds."""

    grant: KeyGrant
    groups: list[Group]
    is_json: bool
    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many items were not taken, and why, for the client's log."""

    rejected: int = 0
    message: str = ""


Receive = Callable[[Export], Outcome]
View = Callable[..., HttpResponse]


def otlp_door(kind: Kind) -> Callable[[Receive], View]:
    """Make a view of a function that stores what an export holds and says what it refused.

    With `application_id` in the address the key may also come as Sentry's SDKs send it, and must be of that application.
    """

    def decorate(receive: Receive) -> View:
        @csrf_exempt
        @functools.wraps(receive)
        def view(request: HttpRequest, application_id: str = "") -> HttpResponse:
            if request.method == "OPTIONS":
                return _allow_origins(HttpResponse(status=204))
            return _allow_origins(_answer(request, application_id, kind, receive))

        return view

    return decorate


def _answer(request: HttpRequest, application_id: str, kind: Kind, receive: Receive) -> HttpResponse:
    grant: KeyGrant | None = None
    is_json = _is_json(request)
    try:
        if request.method != "POST":
            raise MethodNotAllowed("Send a POST request.")
        grant = _admit(request, application_id)
        check_scope(grant, scope="ingest")
        check_rate(grant)
        if is_json is None:
            raise MediaTypeUnsupported(f"Send {PROTOBUF} or {JSON}.")
        groups = _read(request, kind, is_json=is_json)
        # An empty request is a success.
        outcome = receive(Export(grant, groups, is_json, request)) if groups else Outcome()
        note_use(grant)
    except Exception as error:
        refusal = as_refusal(error, request)
        if isinstance(refusal, TemporarilyUnavailable):
            logger.warning("nothing can be stored: %s", error)
        elif not isinstance(refusal, KeyWrong):
            count_body(find_application(grant, refusal), refusal)
        return refuse(refusal, is_json=is_json is not False)
    body = encode_success(kind.name, is_json=is_json, rejected=outcome.rejected, message=outcome.message)
    return HttpResponse(body, content_type=JSON if is_json else PROTOBUF)


def refuse(error: ApiError, *, is_json: bool) -> HttpResponse:
    """Return an error as a google.rpc.Status, with the headers that belong to it."""
    body = encode_error(error.status, f"{error.title} {error.detail}", is_json=is_json)
    response = HttpResponse(body, status=error.status, content_type=JSON if is_json else PROTOBUF)
    for name, value in problem_response(error).headers.items():
        if name in {"Retry-After", "WWW-Authenticate"}:
            response[name] = value
    if isinstance(error, MethodNotAllowed):
        response["Allow"] = "POST, OPTIONS"
    return response


def _is_json(request: HttpRequest) -> bool | None:
    """Return whether the body is JSON (True) or protobuf (False); None for any other type."""
    return _TYPES.get(request.headers.get("Content-Type", "").partition(";")[0].strip().lower())


def _read(request: HttpRequest, kind: Kind, *, is_json: bool) -> list[Group]:
    try:
        return read_groups(read_body(request), kind, is_json=is_json)
    except ExportInvalid as error:
        raise BodyInvalid(str(error)) from error
    except ExportTooLarge as error:
        raise BodyTooLarge(str(error)) from error


def _admit(request: HttpRequest, application_id: str) -> KeyGrant:
    """Return the grant of the request's key. Raises KeyMissing, KeyWrong, OriginRefused."""
    grant = _admit_as_sentry(request) if application_id else None
    grant = grant or find_request_grant(request)
    if grant is None:
        raise KeyMissing
    if application_id and str(grant.application_id) != application_id:
        raise KeyWrong("The key does not belong to the application in the address.")
    return grant


def _admit_as_sentry(request: HttpRequest) -> KeyGrant | None:
    """Return the grant of a key sent as Sentry's SDKs do, None if there is none."""
    key, in_query = find_key(request.headers, request.GET)
    if not key:
        return None
    grant = find_grant(key)
    if grant is None or (in_query and not grant.is_public):
        raise KeyWrong
    origin = request.headers.get("Origin")
    if grant.is_public and grant.origins and origin is not None and origin not in grant.origins:
        raise OriginRefused(origin, application_id=grant.application_id)
    return grant


def _allow_origins(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response["Access-Control-Expose-Headers"] = "Retry-After"
    response["Access-Control-Max-Age"] = "86400"
    return response
