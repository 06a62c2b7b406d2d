"""What every door for telemetry does: who calls, how much they may send, and an account of bodies that were refused."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable

from django.db import Error, IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from config.api.authentication import KeyGrant, check_scope, find_request_grant
from config.api.errors import (
    ApiError,
    InternalError,
    KeyMissing,
    KeyWrong,
    MethodNotAllowed,
    OriginRefused,
    RateLimited,
    TemporarilyUnavailable,
    as_api_error,
)
from config.api.throttling import check_rate
from monitoring.applications.models import Application
from monitoring.applications.services import note_key_use
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake

logger = logging.getLogger(__name__)

USE_NOTED_EVERY_SECONDS = 60.0
ALLOWED_HEADERS = "Authorization, Content-Type, Content-Encoding, X-Postlaunch-Key"

Receive = Callable[[HttpRequest, KeyGrant], HttpResponse]
Refuse = Callable[[ApiError], HttpResponse]

_noted: dict[int, float] = {}
_noted_lock = threading.Lock()


def door(refuse: Refuse) -> Callable[[Receive], Callable[[HttpRequest], HttpResponse]]:
    """Make a view of a function that receives an admitted request; ``refuse`` puts errors in the protocol's own form.

    Answers browsers of any origin (the key says which origins it is for), OPTIONS included; takes nothing but POST.
    """

    def decorate(receive: Receive) -> Callable[[HttpRequest], HttpResponse]:
        @csrf_exempt
        @functools.wraps(receive)
        def view(request: HttpRequest) -> HttpResponse:
            if request.method == "OPTIONS":
                return _allow_origins(HttpResponse(status=204))
            response = _answer(request, receive, refuse)
            return _allow_origins(response)

        return view

    return decorate


def _answer(request: HttpRequest, receive: Receive, refuse: Refuse) -> HttpResponse:
    grant: KeyGrant | None = None
    try:
        if request.method != "POST":
            raise MethodNotAllowed("Send a POST request.")
        grant = find_request_grant(request)
        if grant is None:
            raise KeyMissing
        check_scope(grant, scope="ingest")
        check_rate(grant)
        response = receive(request, grant)
        note_use(grant)
        return response
    except Exception as error:
        refusal = as_refusal(error, request)
        if isinstance(refusal, TemporarilyUnavailable):
            logger.warning("nothing can be stored: %s", error)
        elif not isinstance(refusal, KeyWrong):
            count_body(find_application(grant, refusal), refusal)
        response = refuse(refusal)
        if isinstance(refusal, MethodNotAllowed):
            response["Allow"] = "POST, OPTIONS"
        return response


def as_refusal(error: Exception, request: HttpRequest) -> ApiError:
    """Return what a client is told about an error. A mistake of ours goes to the log, and so to the errors of the product itself."""
    # Keys are remembered for some seconds longer than their application may live.
    if isinstance(error, (IntegrityError, Application.DoesNotExist)):
        return KeyWrong("The application was removed.")
    known = as_api_error(error)
    if known is not None:
        return known
    logger.error("a door failed: %s", request.path, exc_info=error)
    return InternalError("It was recorded. What was sent is not stored.")


def find_application(grant: KeyGrant | None, refusal: ApiError) -> int | None:
    """Return the id of the application that sent what was refused, None where no key tells."""
    if grant is not None:
        return grant.application_id
    return refusal.application_id if isinstance(refusal, OriginRefused) else None


def count_body(application_id: int | None, refusal: ApiError) -> None:
    """Enter a body that was refused as a whole into the loss account; what it held nobody knows."""
    if application_id is None:
        return
    is_limit = isinstance(refusal, RateLimited)
    intake = Intake(application_id, Signal.BODIES, refused=int(not is_limit), limited=int(is_limit))
    try:
        with transaction.atomic():
            count_intake(intakes=[intake], now=timezone.now())
    except Error:
        logger.warning("a refused body is missing in the loss account: the database does not answer")


def note_use(grant: KeyGrant) -> None:
    """Note that a key was used, now and then."""
    now = time.monotonic()
    with _noted_lock:
        if _noted.get(grant.key_id, -USE_NOTED_EVERY_SECONDS) + USE_NOTED_EVERY_SECONDS > now:
            return
        _noted[grant.key_id] = now
    try:
        note_key_use(key_id=grant.key_id)
    except Error:
        logger.warning("the use of a key is not noted: the database does not answer")


def _allow_origins(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = "POST, OPTIONS"
    response["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
    response["Access-Control-Expose-Headers"] = "Retry-After"
    response["Access-Control-Max-Age"] = "86400"
    return response
