"""Transactions, and spans in batches: what Sentry's SDKs measure.

SDKs of PHP, Python, Ruby, Java ... send transactions: a root with everything that happened in it. The JavaScript SDK sends spans one
beside the other since its version 11, marking those a piece of work begins with as segments.
Source: develop.sentry.dev/sdk/telemetry/traces and .../spans/span-protocol; seen from sentry-sdk 2.75 and @sentry/node 11.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db import InterfaceError, OperationalError

from monitoring.attributes import read_hex, write_text
from monitoring.errors.events import make_user_key, read_event_id
from monitoring.errors.scrubbing import ScrubRules, scrub
from monitoring.errors.services.digesting import read_rules
from monitoring.ingestion.sentry.envelopes import Item, Refused
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received, read_object
from monitoring.ingestion.times import is_number
from monitoring.ingestion.traces.drafts import Draft, Origin, SpanInvalid, read_seconds, read_times, subtract
from monitoring.ingestion.traces.reading import Found, place_vitals, read_drafts
from monitoring.performance.selectors import find_addresses

MAX_SPANS = 1_000
_NAME, _WORD = 4_000, 64
#: What `status` says where nothing went wrong, or nobody knows.
_FINE = frozenset({"", "ok", "unset", "unknown", "cancelled", "canceled"})
_MILLISECONDS = {"millisecond": 1.0, "milliseconds": 1.0, "second": 1000.0, "seconds": 1000.0}
_USER = {"user.id": "id", "user.email": "email", "user.name": "username", "user.username": "username", "user.ip_address": "ip_address"}  # fmt: skip
#: Attributes that every span of a batch repeats, and that have a column of their own.
_OWN = frozenset({"sentry.release", "sentry.environment", *_USER})

Members = dict[str, Any]


def take_transaction(received: Received, item: Item, context: Context) -> None:
    """Take a transaction and its spans; a span that can't be read is refused by itself. Raises ItemInvalid."""
    document = read_object(item.payload)
    event_id = read_event_id(context.header.get("event_id")) or read_event_id(document.get("event_id"))
    rules = read_rules()
    origin = Origin(
        application_id=context.application_id,
        received_at=context.received_at,
        rules=rules,
        user_agent=context.user_agent,
        release=write_text(document.get("release"), 200),
        environment=write_text(document.get("environment"), _WORD),
        user_key=_find_user(_members(document.get("user")), rules, context),
    )
    try:
        root = _read_root(document, origin, event_id)
    except SpanInvalid as error:
        raise ItemInvalid(str(error)) from error
    spans = document.get("spans")
    spans = spans if isinstance(spans, list) else []
    drafts = [root]
    for span in spans[:MAX_SPANS]:
        try:
            drafts.append(_read_child(_members(span), root, origin))
        except SpanInvalid as error:
            received.refuse(Refused("spans", str(error)))
    if len(spans) > MAX_SPANS:
        received.batch.account.add("spans", "limited", len(spans) - MAX_SPANS)
    received.event_id = event_id.hex if event_id else received.event_id
    _keep(received, read_drafts(drafts, origin))
    received.batch.account.add("transactions", "stored")
    if len(drafts) > 1:
        received.batch.account.add("spans", "stored", len(drafts) - 1)


def take_spans(received: Received, item: Item, context: Context) -> None:
    """Take a batch of spans; one that can't be read is refused by itself, those beyond MAX_SPANS limited. Raises ItemInvalid."""
    document = read_object(item.payload)
    spans = document.get("items")
    if not isinstance(spans, list):
        raise ItemInvalid('spans come as {"version": 2, "items": [...]}')
    rules = read_rules()
    drafts: list[Draft] = []
    first: Members = {}
    for span in spans[:MAX_SPANS]:
        attributes = _read_typed(_members(span).get("attributes"))
        first = first or attributes
        try:
            drafts.append(_read_span(_members(span), attributes, context, rules))
        except SpanInvalid as error:
            received.refuse(Refused("spans", str(error)))
    if len(spans) > MAX_SPANS:
        received.batch.account.add("spans", "limited", len(spans) - MAX_SPANS)
    if not drafts:
        return
    origin = Origin(
        application_id=context.application_id,
        received_at=context.received_at,
        rules=rules,
        user_agent=context.user_agent,
        # Spans of one batch come from one program; the envelope's header repeats it for what names none.
        release=write_text(first.get("sentry.release") or _from_header(context, "release"), 200),
        environment=write_text(first.get("sentry.environment") or _from_header(context, "environment"), _WORD),
    )
    _keep(received, read_drafts(drafts, origin))
    received.batch.account.add("spans", "stored", len(drafts))


def _find_addresses(application_id: int, trace_ids: set[str]) -> dict[str, str]:
    try:
        return find_addresses(application_id=application_id, trace_ids=trace_ids)
    except (OperationalError, InterfaceError):
        # The measurement is worth keeping without its page.
        return {}


def _keep(received: Received, found: Found) -> None:
    """Put records into the batch. What they are counted as is said by the takers: a span may become several records."""
    lost = {one.trace_id for one in found.vitals if not one.page and one.trace_id}
    if lost:
        # What began the trace came earlier, and is a span already.
        found.vitals = place_vitals(found.vitals, _find_addresses(received.batch.application_id, lost))
    received.batch.records += [*found.requests, *found.queries, *found.vitals, *found.spans]


def _read_root(document: Members, origin: Origin, event_id: UUID | None) -> Draft:
    trace = _members(_members(document.get("contexts")).get("trace"))
    start, end = read_seconds(document.get("start_timestamp")), read_seconds(document.get("timestamp"))
    started_at, duration = read_times(start, subtract(end, start), received_at=origin.received_at)
    source = _members(document.get("transaction_info")).get("source")
    return Draft(
        trace_id=read_hex(trace.get("trace_id"), 32),
        span_id=read_hex(trace.get("span_id"), 16),
        parent_id=read_hex(trace.get("parent_span_id"), 16),
        started_at=started_at,
        duration=duration,
        name=write_text(document.get("transaction"), _NAME) or "(unnamed)",
        operation=write_text(trace.get("op"), _WORD),
        source=source if isinstance(source, str) else "",
        failed=write_text(trace.get("status"), _WORD).lower() not in _FINE,
        is_entry=True,
        attributes=_describe_root(document, trace),
        record_id=event_id,
    )


def _describe_root(document: Members, trace: Members) -> Members:
    """Return a transaction's attributes by OpenTelemetry's names: its own, its request's and response's, its measurements."""
    request = _members(document.get("request"))
    response = _members(_members(document.get("contexts")).get("response"))
    tags = document.get("tags")
    tags = tags if isinstance(tags, dict) else {}
    status = response.get("status_code") or tags.get("http.status_code")
    found = {
        "http.request.method": request.get("method"),
        "url.full": request.get("url"),
        "http.response.status_code": status,
        **_members(trace.get("data")),
    }
    for name, measured in _members(document.get("measurements")).items():
        value = _members(measured).get("value")
        if is_number(value):
            factor = _MILLISECONDS.get(str(_members(measured).get("unit") or "millisecond"), 1.0)
            found[f"browser.web_vital.{name}.value"] = value * factor
    return {name: value for name, value in found.items() if value is not None}


def _read_child(span: Members, root: Draft, origin: Origin) -> Draft:
    start = read_seconds(span.get("start_timestamp"))
    end = read_seconds(span.get("timestamp"))
    started_at, duration = read_times(start, subtract(end, start), received_at=origin.received_at)
    operation = write_text(span.get("op"), _WORD)
    return Draft(
        trace_id=read_hex(span.get("trace_id"), 32) or root.trace_id,
        span_id=read_hex(span.get("span_id"), 16),
        parent_id=read_hex(span.get("parent_span_id"), 16) or root.span_id,
        started_at=started_at,
        duration=duration,
        name=write_text(span.get("description"), _NAME) or operation,
        operation=operation,
        failed=write_text(span.get("status"), _WORD).lower() not in _FINE,
        attributes=_members(span.get("data")),
    )


def _read_span(span: Members, attributes: Members, context: Context, rules: ScrubRules) -> Draft:
    if not span:
        raise SpanInvalid("a span is not a JSON object")
    start, end = read_seconds(span.get("start_timestamp")), read_seconds(span.get("end_timestamp"))
    started_at, duration = read_times(start, subtract(end, start), received_at=context.received_at)
    user = {name: attributes[key] for key, name in _USER.items() if key in attributes}
    source = attributes.get("sentry.span.source") or attributes.get("sentry.source")
    draft = Draft(
        trace_id=read_hex(span.get("trace_id"), 32),
        span_id=read_hex(span.get("span_id"), 16),
        parent_id=read_hex(span.get("parent_span_id"), 16),
        started_at=started_at,
        duration=duration,
        name=write_text(span.get("name"), _NAME) or "(unnamed)",
        operation=write_text(attributes.get("sentry.op"), _WORD),
        source=source if isinstance(source, str) else "",
        failed=write_text(span.get("status"), _WORD).lower() not in _FINE,
        is_entry=span.get("is_segment") is True,
        attributes={name: value for name, value in attributes.items() if name not in _OWN},
    )
    return replace(draft, user_key=_find_user(user, rules, context)) if user else draft


def _read_typed(attributes: Any) -> Members:
    """Return typed attributes ({"type": ..., "value": ...}) as plain values."""
    return {name: each.get("value") if isinstance(each, dict) else each for name, each in _members(attributes).items()}


def _find_user(user: Members, rules: ScrubRules, context: Context) -> bytes | None:
    """Return what stands for the person, as an error event of the same person has it."""
    said = {
        name: write_text(value, 200)
        for name in ("id", "email", "username", "ip_address")
        if isinstance(value := user.get(name), (str, int)) and not isinstance(value, bool)
    }
    cleaned = scrub({"user": said}, rules=rules, client_ip=context.client_ip).get("user")
    return make_user_key({name: str(value) for name, value in _members(cleaned).items() if value})


def _from_header(context: Context, name: str) -> Any:
    trace: Mapping[str, Any] = _members(context.header.get("trace"))
    return trace.get(name)


def _members(value: Any) -> Members:
    return value if isinstance(value, dict) else {}
