"""Doors for Sentry's SDKs. Plain views: the answer is sent after the events are durable."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from config.api.authentication import KeyGrant
from config.api.errors import ApiError, BodyInvalid, BodyTooLarge, RateLimited
from config.api.throttling import check_rate
from config.settings import OPTION
from monitoring.errors.scrubbing import truncate_ip
from monitoring.errors.services.inbox import take_events
from monitoring.ingestion.sentry.doors import read_client_ip, refuse, sentry_door
from monitoring.ingestion.sentry.envelopes import EnvelopeInvalid, parse_envelope
from monitoring.ingestion.sentry.receiving import Received, describe_refusals, sort_out, sort_out_store

SortOut = Callable[..., Received]


@sentry_door
def receive_envelope(grant: KeyGrant, body: bytes, request: HttpRequest) -> HttpResponse:
    """An envelope: errors go to the inbox, reports of losses into the account, other kinds are counted as dropped."""
    try:
        envelope = parse_envelope(body)
    except EnvelopeInvalid as error:
        raise BodyInvalid(str(error)) from error

    def look_through(**details: object) -> Received:
        return sort_out(envelope, **details)  # type: ignore[arg-type]  # passed on as they come

    return _take(grant, request, look_through)


@sentry_door
def receive_store(grant: KeyGrant, body: bytes, request: HttpRequest) -> HttpResponse:
    """One event, as clients sent them before there were envelopes."""

    def look_through(**details: object) -> Received:
        return sort_out_store(body, **details)  # type: ignore[arg-type]  # passed on as they come

    return _take(grant, request, look_through)


def _take(grant: KeyGrant, request: HttpRequest, look_through: SortOut) -> HttpResponse:
    limit = _find_limit(grant)
    received = look_through(
        application_id=grant.application_id,
        received_at=timezone.now(),
        client_ip=_find_ip(request),
        is_limited=limit is not None,
    )
    take_events(events=received.events, intakes=received.account.as_intakes(grant.application_id))
    if limit is not None and received.account.total("limited"):
        return refuse(limit)
    if received.refused and not _holds_anything(received):
        return refuse(_describe_refusal(received))
    return JsonResponse({"id": received.event_id} if received.event_id else {})


def _find_limit(grant: KeyGrant) -> RateLimited | None:
    """Count the request; return the limit it is beyond. It is looked through all the same, for the account."""
    try:
        check_rate(grant)
    except RateLimited as error:
        return error
    return None


def _find_ip(request: HttpRequest) -> str:
    """Return where the request came from, as far as that may be kept."""
    if not OPTION["INFER_CLIENT_IP"]:
        return ""
    address = read_client_ip(request)
    return address if OPTION["KEEP_WHOLE_IP"] else truncate_ip(address)


def _holds_anything(received: Received) -> bool:
    return any(received.account.total(column) for column in ("stored", "limited", "dropped"))


def _describe_refusal(received: Received) -> ApiError:
    reasons = describe_refusals(received.refused)
    return BodyTooLarge(reasons) if all(each.is_size for each in received.refused) else BodyInvalid(reasons)
