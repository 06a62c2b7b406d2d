"""Doors for Sentry's SDKs. Plain views: the answer is sent after the events are durable."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from config.api.authentication import KeyGrant
from config.api.errors import ApiError, BodyInvalid, BodyTooLarge
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.sentry.doors import find_kept_ip, open_door, read_client_ip, refuse, sentry_door
from monitoring.ingestion.sentry.envelopes import MAX_ITEM_BYTES, EnvelopeInvalid, Refused, parse_envelope
from monitoring.ingestion.sentry.items.check_ins import add_check_in
from monitoring.ingestion.sentry.limits import Limiter
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, read_object
from monitoring.ingestion.sentry.receiving import describe_refusals, sort_out, sort_out_security, sort_out_store
from monitoring.ingestion.sentry.security import SecurityReportInvalid, read_reports
from monitoring.ingestion.spool import store_or_keep
from monitoring.uptime.check_ins import CheckInInvalid, read_check_in

MAX_USER_AGENT = 500


@sentry_door
def receive_envelope(grant: KeyGrant, body: bytes, request: HttpRequest) -> HttpResponse:
    """An envelope: each kind of item goes its way, what nobody takes is counted as dropped."""
    # Before it is parsed: what can't be parsed counts too.
    limiter = Limiter.of_request(grant)
    try:
        envelope = parse_envelope(body)
    except EnvelopeInvalid as error:
        raise BodyInvalid(str(error)) from error
    return _store(sort_out(envelope, _describe(grant, request, envelope.header), limiter), limiter)


@sentry_door
def receive_store(grant: KeyGrant, body: bytes, request: HttpRequest) -> HttpResponse:
    """One event, as clients sent them before there were envelopes."""
    limiter = Limiter.of_request(grant)
    return _store(sort_out_store(body, _describe(grant, request, {}), limiter), limiter)


@sentry_door
def receive_security(grant: KeyGrant, body: bytes, request: HttpRequest) -> HttpResponse:
    """Reports of browsers about broken rules of a page (CSP and its like), as report-uri and the Reporting API send them."""
    limiter = Limiter.of_request(grant)
    context = _describe(grant, request, {})
    try:
        reports = read_reports(
            body,
            received_at=context.received_at,
            client=salted_hmac("security report", read_client_ip(request)).hexdigest(),
            user_agent=context.user_agent,
            release=request.GET.get("sentry_release", ""),
            environment=request.GET.get("sentry_environment", ""),
        )
    except SecurityReportInvalid as error:
        raise BodyInvalid(str(error)) from error
    return _store(sort_out_security(reports, context, limiter), limiter)


@open_door
def receive_cron(grant: KeyGrant, body: bytes, request: HttpRequest, slug: str) -> HttpResponse:
    """One check-in of a job, by an address that it calls: `?status=ok`, or a JSON body as SDKs send it."""
    limiter = Limiter.of_request(grant)
    received = Received(Batch(grant.application_id))
    if not limiter.admits("check_ins"):
        received.batch.account.add("check_ins", "limited")
        return _store(received, limiter)
    try:
        told = read_object(body[: MAX_ITEM_BYTES["check_in"] + 1]) if body.strip() else {}
        told = {**told, **{name: value for name, value in request.GET.items() if name in {"status", "check_in_id"}}}
        document = {"status": "ok", **told, "monitor_slug": slug, "duration": _read_duration(request, told)}
        check_in = read_check_in(document, application_id=grant.application_id, received_at=timezone.now())
        add_check_in(received, check_in)
    except (CheckInInvalid, ItemInvalid) as error:
        received.refuse(Refused("check_ins", str(error)))
    return _store(received, limiter)


def _read_duration(request: HttpRequest, told: dict[str, Any]) -> Any:
    text = request.GET.get("duration", "")
    try:
        # In the address it is milliseconds, in a body seconds. Source: docs.sentry.io/product/crons/getting-started/http.
        return float(text) / 1000 if text else told.get("duration")
    except ValueError:
        return None


def _describe(grant: KeyGrant, request: HttpRequest, header: dict[str, Any]) -> Context:
    return Context(
        application_id=grant.application_id,
        received_at=timezone.now(),
        client_ip=find_kept_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:MAX_USER_AGENT],
        header=header,
    )


def _store(received: Received, limiter: Limiter) -> HttpResponse:
    store_or_keep(received.batch)
    response = _answer(received, limiter)
    if told := limiter.describe():
        response["X-Sentry-Rate-Limits"] = told
    return response


def _answer(received: Received, limiter: Limiter) -> HttpResponse:
    if limiter.whole is not None and received.batch.account.total("limited"):
        return refuse(limiter.whole)
    if limiter.waits and not received.batch.records:
        return refuse(limiter.refuse_kinds())
    if received.refused and not _holds_anything(received):
        return refuse(_describe_refusal(received))
    return JsonResponse({"id": received.event_id} if received.event_id else {})


def _holds_anything(received: Received) -> bool:
    return any(received.batch.account.total(column) for column in ("stored", "limited", "dropped"))


def _describe_refusal(received: Received) -> ApiError:
    reasons = describe_refusals(received.refused)
    return BodyTooLarge(reasons) if all(each.is_size for each in received.refused) else BodyInvalid(reasons)
