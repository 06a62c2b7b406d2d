"""Doors for metrics. Plain views: at thousands of requests a second a framework's dispatch would cost more than the store."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from config.api.authentication import KeyGrant
from config.api.errors import (
    ApiError,
    BodyInvalid,
    BodyTooLarge,
    MediaTypeUnsupported,
    RateLimited,
    problem_response,
)
from config.settings import OPTION
from monitoring.ingestion.bodies import read_body, read_wire_body
from monitoring.ingestion.doors import door
from monitoring.ingestion.native import BodyMalformed, TooManyPoints, decode_points
from monitoring.ingestion.remote_write import (
    MalformedRequest,
    RequestTooLarge,
    decode_write_request,
    inflate_snappy,
)
from monitoring.ingestion.spool import AWAY, check_asked, keep_points
from monitoring.metrics.points import Refusal, StoreResult
from monitoring.metrics.series import spellings
from monitoring.metrics.services import describe_metrics, store_points

REMOTE_WRITE_TYPE = "application/x-protobuf"
REMOTE_WRITE_MESSAGE = "prometheus.WriteRequest"
SHOWN_REFUSALS = 10
LIMITED_RETRY_SECONDS = 3600


def _refuse_in_words(error: ApiError) -> HttpResponse:
    """Answer as Prometheus logs it: one line of text."""
    response = HttpResponse(f"{error.title} {error.detail}\n", status=error.status, content_type="text/plain")
    for name, value in problem_response(error).headers.items():
        if name in {"Retry-After", "WWW-Authenticate"}:
            response[name] = value
    return response


@door(_refuse_in_words)
def receive_remote_write(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Prometheus remote write 1.0: 204 when all of it is stored; 400 naming what was refused, the rest being stored."""
    _check_remote_write_form(request)
    wire_body = read_wire_body(request, max_bytes=int(OPTION["MAX_COMPRESSED_BODY_BYTES"]))
    try:
        body = inflate_snappy(wire_body, max_bytes=int(OPTION["MAX_BODY_BYTES"]))
        decoded = decode_write_request(body, spellings.of(grant.application_id))
    except RequestTooLarge as error:
        raise BodyTooLarge(str(error)) from error
    except MalformedRequest as error:
        raise BodyInvalid(str(error)) from error
    if decoded.descriptions:
        describe_metrics(application_id=grant.application_id, descriptions=decoded.descriptions)
    if not decoded.batch.received:
        return HttpResponse(status=204)
    result = store_points(application_id=grant.application_id, batch=decoded.batch, now=timezone.now())
    if result.refused or result.limited:
        return HttpResponse(_describe_losses(result), status=400, content_type="text/plain; charset=utf-8")
    return HttpResponse(status=204)


def _check_remote_write_form(request: HttpRequest) -> None:
    """Raise MediaTypeUnsupported unless this is what version 1 sends; version 2 read as version 1 would look empty."""
    kind, _, parameters = request.headers.get("Content-Type", "").partition(";")
    if kind.strip().lower() not in {"", REMOTE_WRITE_TYPE}:
        raise MediaTypeUnsupported(f"Send {REMOTE_WRITE_TYPE}.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "proto" and value.strip('"') != REMOTE_WRITE_MESSAGE:
            raise MediaTypeUnsupported(f"Only {REMOTE_WRITE_MESSAGE} (remote write 1.0) is understood.")
    # Some clients send no Content-Encoding with their snappy block.
    if request.headers.get("Content-Encoding", "snappy").strip().lower() not in {"", "snappy"}:
        raise MediaTypeUnsupported("Compress with snappy (block format).")


def _describe_losses(result: StoreResult) -> str:
    lines = [f"{result.stored} samples stored, {result.refused} refused, {result.limited} beyond the limit of series."]
    shown = result.refusals.shown[:SHOWN_REFUSALS]
    lines += [f"time series {refusal.index} {refusal.series}: {refusal.field} {refusal.reason}" for refusal in shown]
    if result.refused > sum(refusal.count for refusal in shown):
        lines.append("...")
    return "\n".join(lines) + "\n"


@door(problem_response)
def receive_metrics(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Native JSON: 200 with how many were stored and what was refused; 400 when nothing could be stored."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    # text/plain saves browsers a preflight.
    if kind not in {"", "application/json", "text/plain"}:
        raise MediaTypeUnsupported("Send application/json.")
    now, body = timezone.now(), read_body(request)
    try:
        batch, units = decode_points(body, spellings.of(grant.application_id), now_ms=int(now.timestamp() * 1000))
    except BodyMalformed as error:
        raise BodyInvalid(str(error)) from error
    except TooManyPoints as error:
        raise BodyTooLarge(str(error)) from error
    try:
        check_asked()
        if units:
            describe_metrics(application_id=grant.application_id, descriptions=units)
        result = store_points(application_id=grant.application_id, batch=batch, now=now)
    except AWAY as error:
        # Whether all of them will have room is only known once they are stored.
        keep_points(application_id=grant.application_id, body=body, received_at=now, error=error)
        result = StoreResult(stored=len(batch.series), limited=0, refusals=batch.refusals)
    return _answer_points(result)


def _answer_points(result: StoreResult) -> HttpResponse:
    if result.stored or not (result.refused or result.limited):
        rows = [_describe(refusal) for refusal in result.refusals.shown]
        body = {"stored": result.stored, "limited": result.limited, "refused_count": result.refused, "refused": rows}
        return JsonResponse(body)
    if result.refused:
        errors = [
            {"field": f"points.{refusal.index}.{refusal.field}", "detail": refusal.reason}
            for refusal in result.refusals.shown
        ]
        return problem_response(BodyInvalid("None of the points could be stored; errors say why.", errors=errors))
    return problem_response(
        RateLimited(
            "The application has as many series as it may have; points of new ones are not stored.",
            retry_after_seconds=LIMITED_RETRY_SECONDS,
        )
    )


def _describe(refusal: Refusal) -> dict[str, Any]:
    return {"index": refusal.index, "field": refusal.field, "reason": refusal.reason, "series": refusal.series}
