"""Doors for items as JSON: errors, requests, queries, web vitals, usage events and log lines of any program; batches of the script."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, BodyTooLarge, MediaTypeUnsupported, problem_response
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.bodies import read_body
from monitoring.ingestion.doors import door
from monitoring.ingestion.items import SHOWN_REFUSALS, ItemBatch, ItemsMalformed, TooManyItems
from monitoring.ingestion.native_browser import (
    Caller,
    decode_events,
    decode_script,
    decode_vitals,
)
from monitoring.ingestion.native_errors import decode_errors
from monitoring.ingestion.native_logs import decode_logs
from monitoring.ingestion.native_performance import decode_queries, decode_requests
from monitoring.ingestion.sentry.doors import find_kept_ip
from monitoring.ingestion.spool import store_or_keep

#: What browsers call a body that needs no preflight; a beacon without a type sends none.
_TYPES = frozenset({"", "application/json", "text/plain"})


@door(problem_response)
def receive_script(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """A batch of the script: 200 with how many items were stored; 400 when none was. The key stands in the address."""
    return _receive(request, grant, "items", decode_script)


@door(problem_response)
def receive_errors(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Errors as JSON: 200 with how many were stored, their ids, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "errors", _decode_errors)


@door(problem_response)
def receive_requests(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Requests as JSON: 200 with how many were stored, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "requests", _decode_requests)


@door(problem_response)
def receive_queries(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Database queries as JSON: 200 with how many were stored, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "queries", _decode_queries)


@door(problem_response)
def receive_vitals(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Web vitals as JSON: 200 with how many were stored, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "vitals", decode_vitals)


@door(problem_response)
def receive_events(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Usage events as JSON: 200 with how many were stored, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "events", decode_events)


@door(problem_response)
def receive_logs(request: HttpRequest, grant: KeyGrant) -> HttpResponse:
    """Log lines as JSON: 200 with how many were stored, and what was refused; 400 when none was taken."""
    return _receive(request, grant, "logs", _decode_logs)


def _decode_errors(body: bytes, caller: Caller) -> ItemBatch:
    return decode_errors(
        body,
        application_id=caller.application_id,
        received_at=caller.received_at,
        client_ip=caller.client_ip,
        user_agent=caller.user_agent,
    )


def _decode_requests(body: bytes, caller: Caller) -> ItemBatch:
    return decode_requests(body, application_id=caller.application_id, received_at=caller.received_at)


def _decode_queries(body: bytes, caller: Caller) -> ItemBatch:
    return decode_queries(body, application_id=caller.application_id, received_at=caller.received_at)


def _decode_logs(body: bytes, caller: Caller) -> ItemBatch:
    return decode_logs(body, application_id=caller.application_id, received_at=caller.received_at, rules=caller.rules)


def _receive(
    request: HttpRequest, grant: KeyGrant, member: str, decode: Callable[[bytes, Caller], ItemBatch]
) -> HttpResponse:
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() not in _TYPES:
        raise MediaTypeUnsupported("Send application/json or text/plain.")
    caller = Caller(
        application_id=grant.application_id,
        received_at=timezone.now(),
        rules=read_rules(),
        user_agent=request.headers.get("User-Agent", "")[:500],
        client_ip=find_kept_ip(request),
    )
    try:
        made = decode(read_body(request), caller)
    except ItemsMalformed as error:
        raise BodyInvalid(str(error)) from error
    except TooManyItems as error:
        raise BodyTooLarge(str(error)) from error
    store_or_keep(made.batch)
    shown = made.refused[:SHOWN_REFUSALS]
    if made.refused and not made.stored:
        errors = [{"field": f"{member}.{index}.{name}", "detail": reason} for index, name, reason in shown]
        return problem_response(BodyInvalid(f"None of the {member} could be taken; errors say why.", errors=errors))
    refused = [{"index": index, "field": name, "reason": reason} for index, name, reason in shown]
    answer = {"stored": made.stored, "refused_count": len(made.refused), "refused": refused}
    if member == "errors":
        answer["ids"] = [record.event_id.hex for record in made.batch.records]
    return JsonResponse(answer)
