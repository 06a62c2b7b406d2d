"""Doors for alerts of other systems. Plain views, like the doors for telemetry; all count into the same loss account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from alerts.alertmanager import write_time
from alerts.enums import AlertSource
from alerts.incoming.alertmanager import join_reasons, read_posted_alerts
from alerts.incoming.generic import MAX_EXPIRY_SECONDS, read_alerts
from alerts.incoming.reports import MAX_BYTES, BodyMalformed, Reading
from alerts.incoming.webhooks import read_webhook
from alerts.services.incoming import MAX_OPEN, Taken, take_reports
from config.api.authentication import KeyGrant, find_request_grant, note_use
from config.api.errors import (
    ApiError,
    BodyInvalid,
    KeyMissing,
    MediaTypeUnsupported,
    MethodNotAllowed,
    ParameterInvalid,
    RateLimited,
    SecretKeyNeeded,
    as_api_error,
    problem_response,
)
from config.api.throttling import check_rate
from monitoring.ingestion.bodies import read_body
from monitoring.ingestion.doors import door

#: What answers as Alertmanager says it is.
ALERTMANAGER_VERSION = "0.25.0"
SHOWN_REFUSALS = 20
LIMITED_RETRY_SECONDS = 600
MIN_EXPIRY_SECONDS = 60
_STARTED = timezone.now()
_TYPES = frozenset({"", "application/json", "text/plain"})


def refuse_as_v2(error: ApiError) -> HttpResponse:
    """Answer as version 2 of Alertmanager's API does."""
    body = {"code": error.status, "message": f"{error.title} {error.detail}"}
    return _copy_headers(error, JsonResponse(body, status=error.status))


def refuse_as_v1(error: ApiError) -> HttpResponse:
    """Answer as version 1 of Alertmanager's API did."""
    kind = "bad_data" if error.status < 500 else "server_error"
    body = {"status": "error", "errorType": kind, "error": f"{error.title} {error.detail}"}
    return _copy_headers(error, JsonResponse(body, status=error.status))


@door(refuse_as_v2)
def receive_v2(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """`/alertmanager/api/v2/alerts`: 200 without a body; 400 with the reasons, the others being taken; 429 beyond MAX_OPEN."""
    problem, status = _take_posted(request, grant)
    return JsonResponse(problem, status=status, safe=False) if problem else HttpResponse(status=200, content_type="")


@door(refuse_as_v1)
def receive_v1(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """`/alertmanager/api/v1/alerts`: the same in version 1's words."""
    problem, status = _take_posted(request, grant)
    if not problem:
        return JsonResponse({"status": "success"})
    return JsonResponse({"status": "error", "errorType": "bad_data", "error": problem}, status=status)


@csrf_exempt
def answer_probe(request: HttpRequest) -> HttpResponse:
    """`/alertmanager/-/ready` and `/-/healthy`."""
    return HttpResponse("OK", content_type="text/plain; charset=utf-8")


@csrf_exempt
def show_status_v2(request: HttpRequest) -> HttpResponse:
    """`/alertmanager/api/v2/status`, by which Grafana and amtool find out whom they talk to. Any key of an application will do."""
    return _show(request, refuse_as_v2, _describe_v2)


@csrf_exempt
def show_status_v1(request: HttpRequest) -> HttpResponse:
    """`/alertmanager/api/v1/status`."""
    return _show(request, refuse_as_v1, lambda: {"status": "success", "data": _describe_v1()})


@door(problem_response)
def receive_alertmanager(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """The webhook of an Alertmanager."""
    return _receive_webhook(request, grant, AlertSource.ALERTMANAGER)


@door(problem_response)
def receive_grafana(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """The webhook of Grafana's alerting."""
    return _receive_webhook(request, grant, AlertSource.GRAFANA)


@door(problem_response)
def receive_any(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Our own JSON, one alert or several: 200 with what became of them; 400 when none could be taken."""
    now = timezone.now()
    return _answer(*_take(request, grant, AlertSource.HTTP, lambda body: read_alerts(body, now=now), now))


def _take_posted(request: HttpRequest, grant: KeyGrant) -> tuple[str, int]:
    """Return what went wrong in words, empty if nothing did, and the status of the answer."""
    now = timezone.now()
    reading, taken = _take(request, grant, AlertSource.PROMETHEUS, lambda body: read_posted_alerts(body, now=now), now)
    if reading.refused:
        return join_reasons(reading.refused), 400
    if taken.limited:
        return f"{len(taken.limited)} alerts are beyond the {MAX_OPEN} open ones that an application may have", 429
    return "", 200


def _receive_webhook(request: HttpRequest, grant: KeyGrant, source: AlertSource) -> HttpResponse:
    now, expire_after = timezone.now(), _read_expiry(request)
    return _answer(
        *_take(request, grant, source, lambda body: read_webhook(body, now=now, expire_after=expire_after), now)
    )


def _take(
    request: HttpRequest, grant: KeyGrant, source: AlertSource, read: Callable[[bytes], Reading], now: datetime
) -> tuple[Reading, Taken]:
    # Whoever visits the ERP's pages could wake people with theirs.
    if grant.is_public:
        raise SecretKeyNeeded
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in _TYPES:
        raise MediaTypeUnsupported("Send application/json.")
    try:
        reading = read(read_body(request, max_bytes=MAX_BYTES))
    except BodyMalformed as error:
        raise BodyInvalid(str(error)) from error
    taken = take_reports(
        application_id=grant.application_id,
        source=source,
        reports=reading.reports,
        refused=len(reading.refused),
        now=now,
    )
    return reading, taken


def _answer(reading: Reading, taken: Taken) -> HttpResponse:
    refused, limited = reading.refused, len(taken.limited)
    stored = len(reading.reports) - limited
    if refused and not stored and not limited:
        errors = [
            {"field": f"alerts.{one.index}.{one.field}", "detail": one.reason} for one in refused[:SHOWN_REFUSALS]
        ]
        return problem_response(BodyInvalid("None of the alerts could be taken; errors say why.", errors=errors))
    if limited and not stored:
        words = f"The application has {MAX_OPEN:,} open alerts from outside; further ones are not taken."
        return problem_response(RateLimited(words, retry_after_seconds=LIMITED_RETRY_SECONDS))
    return JsonResponse(
        {
            "stored": stored,
            "limited": limited,
            "refused_count": len(refused),
            "refused": [
                {"index": one.index, "field": one.field, "reason": one.reason} for one in refused[:SHOWN_REFUSALS]
            ],
        }
    )


def _read_expiry(request: HttpRequest) -> timedelta | None:
    written = request.GET.get("expire_after", "")
    if not written:
        return None
    if not (written.isascii() and written.isdigit() and len(written) < 10):
        raise ParameterInvalid("expire_after is a number of seconds.")
    seconds = int(written)
    if not MIN_EXPIRY_SECONDS <= seconds <= MAX_EXPIRY_SECONDS:
        raise ParameterInvalid(f"expire_after is between {MIN_EXPIRY_SECONDS} and {MAX_EXPIRY_SECONDS:,} seconds.")
    return timedelta(seconds=seconds)


def _show(
    request: HttpRequest, refuse: Callable[[ApiError], HttpResponse], describe: Callable[[], dict[str, Any]]
) -> HttpResponse:
    try:
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed("Send a GET request.")
        grant = find_request_grant(request)
        if grant is None:
            raise KeyMissing
        check_rate(grant)
        note_use(grant)
    except Exception as error:
        refusal = as_api_error(error)
        if refusal is None:
            raise
        return refuse(refusal)
    return JsonResponse(describe())


def _describe_v2() -> dict[str, Any]:
    return {
        "cluster": {"peers": [], "status": "disabled"},
        "config": {"original": ""},
        "uptime": write_time(_STARTED),
        "versionInfo": _version(),
    }


def _describe_v1() -> dict[str, Any]:
    return {
        "configYAML": "",
        "configJSON": {},
        "versionInfo": _version(),
        "uptime": write_time(_STARTED),
        "clusterStatus": {"name": "", "status": "disabled", "peers": []},
    }


def _version() -> dict[str, str]:
    return {
        "branch": "",
        "buildDate": "",
        "buildUser": "postlaunch",
        "goVersion": "",
        "revision": "",
        "version": ALERTMANAGER_VERSION,
    }


def _copy_headers(error: ApiError, response: HttpResponse) -> HttpResponse:
    for name, value in problem_response(error).headers.items():
        if name in {"Retry-After", "WWW-Authenticate"}:
            response[name] = value
    return response
