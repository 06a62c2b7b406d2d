"""OTLP's traces: from the request to rows, and to error events; in both encodings alike."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorEvent
from monitoring.errors.services.digesting import digest_batch, read_rules
from monitoring.ingestion.otlp import trace_views
from monitoring.ingestion.otlp.traces import read_traces
from monitoring.ingestion.otlp.wire import TRACES, ExportInvalid, ExportTooLarge, Group, read_groups
from monitoring.losses.models import LossAccount
from monitoring.performance.models import Query, Request, Span
from monitoring.performance.services.dictionaries import forget_dictionaries
from tests.support.metrics import make_application

TRACE, ROOT, CHILD = "ab" * 16, "cd" * 8, "ef" * 8
SERVER, CLIENT, CONSUMER = 2, 3, 5


@pytest.fixture
def application(db: None) -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET).token


def make_export(*spans: dict[str, Any]) -> ExportTraceServiceRequest:
    """An export with each span in a scope of its own, as different instrumentations send them."""
    export = ExportTraceServiceRequest()
    group = export.resource_spans.add()
    resource = {"service.name": "erp", "service.version": "1.2.3", "deployment.environment.name": "staging"}
    for name, value in resource.items():
        group.resource.attributes.add(key=name).value.string_value = value
    now = int(timezone.now().timestamp() * 1e9)
    for each in spans:
        span = group.scope_spans.add().spans.add(
            trace_id=bytes.fromhex(each.get("trace", TRACE)),
            span_id=bytes.fromhex(each.get("span", ROOT)),
            parent_span_id=bytes.fromhex(each.get("parent", "")),
            name=each.get("name", "GET"),
            kind=each.get("kind", SERVER),
            start_time_unix_nano=each.get("start", now - 2_000_000_000),
            end_time_unix_nano=each.get("end", now - 500_000_000),
        )
        span.status.code = each.get("status", 0)
        for name, value in each.get("attributes", {}).items():
            held = span.attributes.add(key=name).value
            if isinstance(value, int):
                held.int_value = value
            else:
                held.string_value = value
        for exception in each.get("exceptions", []):
            event = span.events.add(name="exception", time_unix_nano=now - 600_000_000)
            for name, value in exception.items():
                event.attributes.add(key=f"exception.{name}").value.string_value = value
    return export


def as_json(export: ExportTraceServiceRequest) -> bytes:
    """Return an export in OTLP's JSON: identifiers in hexadecimal, enums as numbers."""
    document = MessageToDict(export, use_integers_for_enums=True)
    for scope in document["resourceSpans"][0]["scopeSpans"]:
        for span in scope["spans"]:
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(document).encode()


REQUEST = {
    "attributes": {
        "http.request.method": "GET",
        "http.route": "/orders/{id}",
        "http.response.status_code": 503,
        "url.full": "https://erp.example/orders/7?token=x",
        "enduser.id": "42",
    },
    "status": 2,
    "exceptions": [{"type": "RuntimeError", "message": "no stock", "stacktrace": 'File "a.py", line 1, in post'}],
}
QUERY = {
    "span": CHILD,
    "parent": ROOT,
    "kind": CLIENT,
    "name": "SELECT erp.orders",
    "attributes": {"db.system.name": "postgresql", "db.query.text": "SELECT * FROM orders WHERE note = 'private'"},
}


def send(
    client: Client, key: str, body: bytes, *, kind: str = "application/x-protobuf", path: str = "/v1/traces"
) -> Any:
    return client.post(path, body, kind, headers={"Authorization": f"Bearer {key}"}, CONTENT_TYPE=kind)


@pytest.mark.parametrize("is_json", [False, True])
def test_receive_traces__in_either_encoding__keeps_request_query_spans_and_error(
    client: Client, application: Application, key: str, is_json: bool
) -> None:
    export = make_export(REQUEST, QUERY)
    body = as_json(export) if is_json else export.SerializeToString()
    answer = send(client, key, body, kind="application/json" if is_json else "application/x-protobuf")
    assert (answer.status_code, answer.content) == (200, b"{}" if is_json else b"")
    request = Request.objects.select_related("endpoint").get()
    assert (str(request.endpoint), request.status, request.failed, request.release) == (
        "GET /orders/{id}",
        503,
        True,
        "1.2.3",
    )
    assert request.duration == pytest.approx(1.5)
    query = Query.objects.select_related("statement").get()
    assert (query.statement.statement, query.endpoint) == ("SELECT * FROM orders WHERE note = ?", "/orders/{id}")
    assert dict(Span.objects.values_list("span_id", "parent_id")) == {ROOT: "", CHILD: ROOT}
    assert "private" not in str(list(Span.objects.values("name", "attributes")))
    digest_batch()
    event = ErrorEvent.objects.get()
    assert (event.title, event.trace_id) == ("RuntimeError: no stock", TRACE)
    assert LossAccount.objects.filter(application=application, signal="spans").values_list("stored", flat=True)[0] == 2


def test_receive_traces__sent_again__is_kept_once(client: Client, application: Application, key: str) -> None:
    body = make_export(REQUEST, QUERY).SerializeToString()
    for path in ("/v1/traces", "/otlp/v1/traces", f"/api/{application.pk}/integration/otlp/v1/traces/"):
        assert send(client, key, body, path=path).status_code == 200
    assert (Request.objects.count(), Query.objects.count(), Span.objects.count()) == (1, 1, 2)
    digest_batch()
    assert ErrorEvent.objects.count() == 1


def test_receive_traces__old_names_and_jobs__are_understood(client: Client, application: Application, key: str) -> None:
    old = {"attributes": {"http.method": "POST", "http.target": "/orders/4711?x=1", "http.status_code": 201}}
    job = {"span": CHILD, "kind": CONSUMER, "name": "send invoices", "attributes": {"messaging.system": "redis"}}
    send(client, key, make_export(old, job).SerializeToString())
    found = {str(one.endpoint) for one in Request.objects.select_related("endpoint")}
    assert found == {"POST /orders/{id}", "send invoices"}


def test_receive_traces__some_can_not_be_read__says_how_many_and_why(
    client: Client, application: Application, key: str
) -> None:
    broken = [{"span": "11" * 8, "start": 0}, {"span": "22" * 8, "start": 5, "end": 1}, {"span": ""}]
    answer = send(client, key, make_export(REQUEST, *broken).SerializeToString())
    response = ExportTraceServiceResponse.FromString(answer.content)
    assert (answer.status_code, response.partial_success.rejected_spans) == (200, 3)
    assert "a span has no trace id or no span id" in response.partial_success.error_message
    assert Span.objects.count() == 1


def test_receive_traces__database_away__may_be_sent_again(
    client: Client, application: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(batch: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(trace_views, "store_batch", fail)
    answer = send(client, key, make_export(REQUEST).SerializeToString())
    assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05ab", b"\x0b"])
def test_receive_traces__broken_frame__is_refused_for_good(
    client: Client, application: Application, key: str, body: bytes
) -> None:
    assert send(client, key, body).status_code == 400


@given(st.binary(max_size=400), st.booleans())
def test_read_traces__any_bytes__are_read_or_refused(body: bytes, is_json: bool) -> None:
    _read(body, is_json=is_json)


@given(st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_read_traces__any_items__are_each_taken_or_refused(items: list[bytes], is_json: bool) -> None:
    read = _read_items(items, is_json=is_json)
    assert read.stored + read.refused == len(items)


def _read(body: bytes, *, is_json: bool) -> None:
    try:
        groups = read_groups(body, TRACES, is_json=is_json)
    except (ExportInvalid, ExportTooLarge):
        return
    read_traces(
        groups, is_json=is_json, application_id=7, received_at=datetime(2026, 11, 25, tzinfo=UTC), rules=read_rules()
    )


def _read_items(items: list[bytes], *, is_json: bool) -> Any:
    groups = [Group({}, items=items)]
    return read_traces(
        groups, is_json=is_json, application_id=7, received_at=datetime(2026, 11, 25, tzinfo=UTC), rules=read_rules()
    )
