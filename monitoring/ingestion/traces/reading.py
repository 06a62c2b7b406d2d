"""What a span is: a request, a run of a job, a query, measurements of a page, or just a piece of work. Pure.

Names of attributes follow OpenTelemetry's semantic conventions, those of today and those before them, and where Sentry's
SDKs have others, theirs. Source: opentelemetry.io/docs/specs/semconv; develop.sentry.dev/sdk/telemetry/traces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from monitoring.attributes import write_text
from monitoring.browser.agents import read_agent
from monitoring.browser.pages import clean_url, template_path
from monitoring.browser.records import VitalRecord, is_plausible
from monitoring.browser.records import cut as cut_text
from monitoring.ingestion.traces.cleaning import KEY_VALUE_SYSTEMS, clean_attributes, clean_name, is_sql
from monitoring.ingestion.traces.drafts import Draft, Origin
from monitoring.performance.records import (
    MAX_ENDPOINT,
    MAX_ENVIRONMENT,
    MAX_NAME,
    MAX_RELEASE,
    MAX_STATEMENT,
    QueryRecord,
    RequestRecord,
    SpanRecord,
)

KINDS = frozenset({"server", "client", "producer", "consumer", "internal"})
_METHOD = re.compile(r"[A-Z][A-Z-]{1,15}")
_METHOD_IN_FRONT = re.compile(r"(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|TRACE|CONNECT|QUERY) +(?=\S)")
_MEASURED = ("fcp", "lcp", "inp", "fid", "cls", "ttfb")
#: Where Sentry's names come from when they still hold what differs from one request to the next.
_RAW_SOURCES = frozenset({"url", "sanitized"})
_JOBS = frozenset({"queue", "task", "celery", "job", "cron"})
_NOT_RUN = frozenset({"publish", "submit", "create", "receive"})
#: Sentry's kinds of work with a database that run no statement.
_NO_STATEMENT = frozenset({"db.sql.prepare", "db.transaction", "db.sql.transaction", "db.connection", "db.redis"})
_SYSTEMS = {"mssql": "microsoft.sql_server", "oracle": "oracle.db", "postgres": "postgresql", "pgsql": "postgresql"}
_PARAMETER = "db.query.parameter."


#: Work of a browser that a page begins with: its load, or a change of view.
PAGE_BEGINS = ("pageload", "navigation")


@dataclass(slots=True)
class Found:
    """What spans turned out to be. Each span is a piece of work, whatever else it is."""

    requests: list[RequestRecord] = field(default_factory=list)
    queries: list[QueryRecord] = field(default_factory=list)
    vitals: list[VitalRecord] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)


def read_drafts(drafts: Iterable[Draft], origin: Origin) -> Found:
    """Return what spans of one origin are. Queries are given the request they are part of where it is among them."""
    found = Found()
    drafts = list(drafts)
    known = {draft.span_id: draft for draft in drafts if draft.span_id}
    endpoints = {draft.span_id: name_endpoint(draft, origin) for draft in drafts if is_request(draft) or is_job(draft)}
    led: dict[str, str] = {}
    for draft in drafts:
        system = _find_system(draft.attributes)
        statement = _find_statement(draft, system)
        if is_request(draft) or is_job(draft):
            found.requests.append(_make_request(draft, origin, endpoints[draft.span_id]))
        elif statement:
            endpoint = _find_endpoint(draft, known, endpoints, led)
            found.queries.append(_make_query(draft, origin, statement, system, endpoint))
        found.vitals += _make_vitals(draft, origin)
        if draft.trace_id and draft.span_id:
            is_statement = _is_database(draft, system) and (bool(statement) or system in KEY_VALUE_SYSTEMS)
            found.spans.append(_make_span(draft, origin, system, is_statement=is_statement))
    addresses = {draft.trace_id: _find_address(draft.attributes) for draft in drafts if draft.operation in PAGE_BEGINS}
    found.vitals = place_vitals(found.vitals, addresses)
    return found


def place_vitals(vitals: Iterable[VitalRecord], addresses: Mapping[str, str]) -> list[VitalRecord]:
    """Return measurements with the page that their trace is of, where they don't name one; `addresses` are by trace.

    Sentry's browser SDK measures what goes on while a page is shown in spans that know no more than the trace of its load.
    """
    return [
        replace(one, page=template_path(address), url=clean_url(address))
        if not one.page and (address := addresses.get(one.trace_id, ""))
        else one
        for one in vitals
    ]


def is_request(draft: Draft) -> bool:
    """Return whether a span is a request that the application answered."""
    return draft.kind == "server" or (draft.operation == "http.server" and draft.is_entry)


def is_job(draft: Draft) -> bool:
    """Return whether a span is one run of a background job."""
    if draft.kind == "consumer":
        does = _first_text(draft.attributes, "messaging.operation.type", "messaging.operation") or "process"
        return does in {"process", "deliver"}
    first, _, rest = draft.operation.partition(".")
    return draft.is_entry and first in _JOBS and rest not in _NOT_RUN


def name_endpoint(draft: Draft, origin: Origin) -> str:
    """Return the templated route of a request, or the name of a job."""
    attributes = draft.attributes
    if is_job(draft) and not is_request(draft):
        return clean_name(draft.name, origin.rules)[:MAX_ENDPOINT] or "(unnamed)"
    route = _first_text(attributes, "http.route")
    if route:
        return clean_name(route if route.startswith(("/", "^")) else f"/{route}", origin.rules)[:MAX_ENDPOINT]
    name = _METHOD_IN_FRONT.sub("", draft.name.strip(), count=1)
    if draft.source and draft.source not in _RAW_SOURCES and name:
        return clean_name(name, origin.rules)[:MAX_ENDPOINT]
    path = template_path(_find_address(attributes)) or (template_path(name) if name.startswith(("/", "http")) else "")
    return path[:MAX_ENDPOINT] or clean_name(name, origin.rules)[:MAX_ENDPOINT] or "(unnamed)"


def name_page(draft: Draft) -> str:
    """Return the templated path of the page that a browser's span is about; empty where the span does not say."""
    name = draft.name.strip()
    if draft.source and draft.source not in _RAW_SOURCES and name.startswith("/"):
        return cut_text(name.partition("?")[0], 250)
    return template_path(_find_address(draft.attributes)) or (template_path(name) if name.startswith("/") else "")


def _make_request(draft: Draft, origin: Origin, endpoint: str) -> RequestRecord:
    attributes = draft.attributes
    status = _read_status(attributes)
    method = ""
    if is_request(draft):
        said = _first_text(attributes, "http.request.method", "http.method").upper()
        method = said if _METHOD.fullmatch(said) else ""
    return RequestRecord(
        application_id=origin.application_id,
        started_at=draft.started_at,
        duration=draft.duration,
        endpoint=endpoint,
        method=method,
        status=status,
        # SDKs mark what the client did wrong as failed too; that is no error of the application.
        failed=status >= 500 or (draft.failed and not 400 <= status < 500),
        url=clean_url(_find_address(attributes)),
        release=write_text(origin.release, MAX_RELEASE),
        environment=write_text(origin.environment, MAX_ENVIRONMENT),
        user_key=draft.user_key or origin.user_key,
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        record_id=_make_id(draft, origin),
    )


def _make_query(draft: Draft, origin: Origin, statement: str, system: str, endpoint: str) -> QueryRecord:
    attributes = draft.attributes
    return QueryRecord(
        application_id=origin.application_id,
        started_at=draft.started_at,
        duration=draft.duration,
        statement=write_text(statement, MAX_STATEMENT),
        system=write_text(system, 32),
        operation=write_text(_first_text(attributes, "db.operation.name", "db.operation"), MAX_NAME),
        table=write_text(
            _first_text(attributes, "db.collection.name", "db.sql.table", "db.mongodb.collection"), MAX_NAME
        ),
        parameter_count=_count_parameters(attributes),
        failed=draft.failed,
        endpoint=endpoint,
        release=write_text(origin.release, MAX_RELEASE),
        environment=write_text(origin.environment, MAX_ENVIRONMENT),
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        record_id=_make_id(draft, origin),
    )


def _make_span(draft: Draft, origin: Origin, system: str, *, is_statement: bool) -> SpanRecord:
    return SpanRecord(
        application_id=origin.application_id,
        trace_id=draft.trace_id,
        span_id=draft.span_id,
        started_at=draft.started_at,
        duration=draft.duration,
        name=clean_name(draft.name, origin.rules, system=system, is_statement=is_statement)
        or draft.operation[:MAX_NAME],
        parent_id=draft.parent_id if draft.parent_id != draft.span_id else "",
        kind=draft.kind if draft.kind in KINDS else _find_kind(draft),
        operation=write_text(draft.operation, 64) or _find_operation(draft, system),
        failed=draft.failed,
        service=write_text(origin.service, MAX_NAME),
        release=write_text(origin.release, MAX_RELEASE),
        environment=write_text(origin.environment, MAX_ENVIRONMENT),
        attributes=clean_attributes(draft.attributes, origin.rules, system=system),
    )


def _make_vitals(draft: Draft, origin: Origin) -> list[VitalRecord]:
    attributes = draft.attributes
    measured: list[VitalRecord] = []
    # Vitals come from the browser that they are of.
    agent = read_agent(_first_text(attributes, "user_agent.original") or origin.user_agent)
    for name in _MEASURED:
        value = _read_number(attributes.get(f"browser.web_vital.{name}.value"))
        if value is None:
            continue
        value = value if name == "cls" else value / 1000
        if not is_plausible(name, value):
            continue
        detail = _first_text(
            attributes, f"browser.web_vital.{name}.element", f"browser.web_vital.{name}.target",
            f"browser.web_vital.{name}.source.1",
        )  # fmt: skip
        measured.append(
            VitalRecord(
                application_id=origin.application_id,
                at=draft.started_at,
                name=name,
                value=value,
                page=name_page(draft),
                url=clean_url(_find_address(attributes)),
                detail=clean_name(detail, origin.rules),
                release=write_text(origin.release, MAX_RELEASE),
                environment=write_text(origin.environment, MAX_ENVIRONMENT),
                device=agent.device,
                browser=agent.browser,
                os=agent.os,
                connection=write_text(_first_text(attributes, "network.connection.effective_type"), 32),
                navigation=write_text(_first_text(attributes, "browser.navigation.type"), 32),
                user_key=draft.user_key or origin.user_key,
                trace_id=draft.trace_id,
                record_id=_make_id(draft, origin, name),
            )
        )
    return measured


def _find_statement(draft: Draft, system: str) -> str:
    """Return the statement that a span ran, empty if it is no query."""
    if not _is_database(draft, system) or system in KEY_VALUE_SYSTEMS or draft.operation in _NO_STATEMENT:
        return ""
    attributes = draft.attributes
    said = _first_text(attributes, "db.query.text", "db.statement")
    if said:
        return said
    operation = _first_text(attributes, "db.operation.name", "db.operation")
    about = _first_text(attributes, "db.collection.name", "db.sql.table", "db.mongodb.collection")
    if system == "mongodb":
        return f"{operation} {about}".strip()
    if draft.operation.startswith("db"):
        return "" if draft.name.strip().lower() in {"", "connect", "ping"} else draft.name
    return (
        draft.name
        if is_sql(draft.name)
        else _first_text(attributes, "db.query.summary") or f"{operation} {about}".strip()
    )


def _is_database(draft: Draft, system: str) -> bool:
    return bool(system) or draft.operation == "db" or draft.operation.startswith("db.")


def _find_system(attributes: Mapping[str, Any]) -> str:
    said = _first_text(attributes, "db.system.name", "db.system").lower()
    return _SYSTEMS.get(said, said)


def _find_endpoint(draft: Draft, known: Mapping[str, Draft], endpoints: Mapping[str, str], led: dict[str, str]) -> str:
    """Return the endpoint of the request that a span is part of, empty if it is not among the known.

    `led` remembers where the spans on the way lead, so that each is passed once however deep they lie.
    """
    passed: list[str] = []
    place, endpoint = draft.parent_id, ""
    while place in known and place not in led:
        if place in endpoints:
            endpoint = endpoints[place]
            break
        # Marked at once: spans that are each other's parents lead nowhere.
        led[place] = ""
        passed.append(place)
        place = known[place].parent_id
    endpoint = endpoint or led.get(place, "")
    led.update(dict.fromkeys(passed, endpoint))
    return endpoint or endpoints.get(_first_text(draft.attributes, "sentry.segment.id"), "")


def _find_address(attributes: Mapping[str, Any]) -> str:
    address = _first_text(attributes, "url.full", "http.url", "url.path", "http.target", "url")
    return address[:4_000]


def _find_kind(draft: Draft) -> str:
    first, _, rest = draft.operation.partition(".")
    if draft.operation == "http.server":
        return "server" if draft.is_entry else "internal"
    if first in {"db", "cache", "rpc", "grpc"} or draft.operation == "http.client":
        return "client"
    if first == "queue":
        return "producer" if rest in _NOT_RUN else "consumer"
    return "internal"


def _find_operation(draft: Draft, system: str) -> str:
    """Return what groups a span of OpenTelemetry, in the words that Sentry's SDKs have for it."""
    if system:
        return "db"
    if draft.kind in {"server", "client"}:
        is_http = any(name in draft.attributes for name in ("http.request.method", "http.method"))
        is_rpc = any(name in draft.attributes for name in ("rpc.system", "rpc.system.name"))
        return f"http.{draft.kind}" if is_http else "rpc" if is_rpc else draft.kind
    return {"producer": "queue.publish", "consumer": "queue.process"}.get(draft.kind, "")


def _count_parameters(attributes: Mapping[str, Any]) -> int | None:
    single = sum(name.startswith(_PARAMETER) for name in attributes)
    if single:
        return single
    for name in ("db.sql.bindings", "db.params", "db.parameters"):
        bound = attributes.get(name)
        if isinstance(bound, (list, dict)):
            return len(bound)
    return None


def _make_id(draft: Draft, origin: Origin, part: str = "") -> UUID | None:
    """Return an id that the same span always has."""
    if not draft.trace_id or not draft.span_id:
        return draft.record_id
    text = f"{origin.application_id}/{draft.trace_id}/{draft.span_id}/{part}"
    return UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest())


def _read_status(attributes: Mapping[str, Any]) -> int:
    for name in ("http.response.status_code", "http.status_code"):
        number = _read_number(attributes.get(name))
        if number is not None and 100 <= number <= 599:
            return int(number)
    return 0


def _read_number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value[:30] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None


def _first_text(attributes: Mapping[str, Any], *names: str) -> str:
    """Return the first of some attributes that is a text with something in it."""
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return ""
