"""Transactions and spans of Sentry's SDKs: requests, queries, jobs, web vitals and pieces of traces."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.applications.models import Application
from monitoring.browser.models import BrowserVital
from monitoring.errors.events import make_user_key
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.sentry.envelopes import Item
from monitoring.ingestion.sentry.items.spans import MAX_SPANS, take_spans, take_transaction
from monitoring.ingestion.sentry.received import Context, ItemInvalid, Received
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from monitoring.performance.models import Query, Request, Span
from monitoring.performance.records import RequestRecord, SpanRecord
from monitoring.performance.services.dictionaries import forget_dictionaries
from tests.support.errors import make_envelope, make_public_key, send_envelope
from tests.support.metrics import make_application

TRACE = "ab" * 16


@pytest.fixture
def application(db: None) -> Application:
    forget_dictionaries()
    return make_application()


def make_transaction(**fields: Any) -> dict[str, Any]:
    """A request as sentry-sdk for Django reports it."""
    now = timezone.now().timestamp()
    return {
        "type": "transaction",
        "transaction": "/orders/{id}",
        "transaction_info": {"source": "route"},
        "start_timestamp": now - 2,
        "timestamp": now - 0.5,
        "release": "2.0",
        "environment": "production",
        "contexts": {
            "trace": {"trace_id": TRACE, "span_id": "1" * 16, "op": "http.server", "status": "internal_error"},
            "response": {"status_code": 500},
        },
        "request": {"method": "POST", "url": "https://u:p@erp.example/orders/7?token=secret"},
        "user": {"id": 42, "email": "ada@example.com"},
        "spans": [
            {
                "span_id": "2" * 16,
                "parent_span_id": "1" * 16,
                "trace_id": TRACE,
                "op": "db",
                "description": "SELECT * FROM users WHERE email = 'ada@example.com'",
                "start_timestamp": now - 1.9,
                "timestamp": now - 1.4,
                "data": {"db.system": "mysql", "db.params": [1, 2]},
            },
            {
                "span_id": "3" * 16,
                "parent_span_id": "1" * 16,
                "trace_id": TRACE,
                "op": "http.client",
                "description": "GET https://bank.example/rates?key=hidden",
                "start_timestamp": now - 1.3,
                "timestamp": now - 1.2,
            },
        ],
        **fields,
    }


def send(client: Client, application: Application, *items: tuple[str, Any]) -> Any:
    return send_envelope(client, application, make_public_key(application), make_envelope(*items))


def totals(application: Application) -> dict[Signal, Total]:
    return sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(hours=2))


def test_transaction__of_a_request__is_a_request_with_its_queries_and_spans(
    client: Client, application: Application
) -> None:
    assert send(client, application, ("transaction", make_transaction())).status_code == 200
    request = Request.objects.select_related("endpoint").get()
    assert (str(request.endpoint), request.status, request.failed) == ("POST /orders/{id}", 500, True)
    assert request.duration == pytest.approx(1.5, abs=1e-3)
    assert (request.url, request.release, request.environment) == ("https://erp.example/orders/7", "2.0", "production")
    assert request.user_key is not None
    assert bytes(request.user_key) == make_user_key({"id": "42"})
    query = Query.objects.select_related("statement").get()
    assert query.statement.statement == "SELECT * FROM users WHERE email = ?"
    assert (query.statement.system, query.parameter_count, query.endpoint) == ("mysql", 2, "/orders/{id}")
    names = dict(Span.objects.values_list("span_id", "name"))
    assert names["2" * 16] == "SELECT * FROM users WHERE email = ?"
    assert names["3" * 16] == "GET https://bank.example/rates"
    found = totals(application)
    assert (found[Signal.TRANSACTIONS].stored, found[Signal.SPANS].stored) == (1, 2)


def test_transaction__sent_again_or_inside_an_event__is_kept_once(client: Client, application: Application) -> None:
    document = make_transaction()
    for kind in ("transaction", "event"):
        send(client, application, (kind, document))
    assert (Request.objects.count(), Query.objects.count(), Span.objects.count()) == (1, 1, 3)


def test_transaction__of_a_job__has_no_method(client: Client, application: Application) -> None:
    document = make_transaction(transaction="app.tasks.Nightly", transaction_info={"source": "task"}, request={})
    document["contexts"] = {
        "trace": {"trace_id": TRACE, "span_id": "1" * 16, "op": "queue.task.celery", "status": "ok"}
    }
    send(client, application, ("transaction", document))
    request = Request.objects.select_related("endpoint").get()
    assert (request.endpoint.method, request.endpoint.endpoint, request.failed) == ("", "app.tasks.Nightly", False)


def test_transaction__of_an_address__is_templated(client: Client, application: Application) -> None:
    document = make_transaction(transaction="/orders/4711/lines", transaction_info={"source": "url"})
    document["request"]["url"] = "https://erp.example/orders/4711/lines"
    send(client, application, ("transaction", document))
    assert Request.objects.select_related("endpoint").get().endpoint.endpoint == "/orders/{id}/lines"


def test_transaction__of_a_page__is_measurements_and_no_request(client: Client, application: Application) -> None:
    document = make_transaction(transaction="/orders/:id", request={"url": "https://erp.example/orders/7"}, spans=[])
    document["contexts"] = {"trace": {"trace_id": TRACE, "span_id": "1" * 16, "op": "pageload", "status": "ok"}}
    document["measurements"] = {
        "lcp": {"value": 1800.0, "unit": "millisecond"},
        "cls": {"value": 0.12, "unit": ""},
        "fid": {"value": 0.02, "unit": "second"},
        "absurd": {"value": 1},
        "fcp": {"value": "x"},
    }
    send(client, application, ("transaction", document))
    assert dict(BrowserVital.objects.values_list("name", "value")) == {"lcp": 1.8, "cls": 0.12, "fid": 0.02}
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"start_timestamp": None},
        {"timestamp": "x"},
        {"start_timestamp": 1e300},
        {"timestamp": 0},
        {"start_timestamp": 4e9, "timestamp": 4e9},
    ],
)
def test_transaction__at_no_time__is_refused(client: Client, application: Application, fields: dict[str, Any]) -> None:
    assert send(client, application, ("transaction", make_transaction(**fields))).status_code == 400
    assert totals(application)[Signal.TRANSACTIONS].refused == 1


def test_transaction__more_spans_than_are_taken__counts_the_rest_as_limited(
    client: Client, application: Application
) -> None:
    document = make_transaction()
    document["spans"] = [{**document["spans"][1], "span_id": f"{n:016x}"} for n in range(1, MAX_SPANS + 6)]
    document["spans"][0] = {"start_timestamp": 5, "timestamp": 1}
    send(client, application, ("transaction", document))
    total = totals(application)[Signal.SPANS]
    assert (total.stored, total.refused, total.limited) == (MAX_SPANS - 1, 1, 5)


def make_span(**fields: Any) -> dict[str, Any]:
    """A segment as @sentry/node sends it."""
    now = timezone.now().timestamp()
    attributes = {
        "sentry.op": "http.server",
        "sentry.release": "web@3",
        "sentry.environment": "staging",
        "http.route": "/orders/:id",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "user.id": "42",
    }
    return {
        "trace_id": TRACE,
        "span_id": "a" * 16,
        "name": "GET /orders/:id",
        "status": "ok",
        "is_segment": True,
        "start_timestamp": now - 1,
        "end_timestamp": now - 0.75,
        "attributes": type_attributes({**attributes, **fields.pop("attributes", {})}),
        **fields,
    }


def type_attributes(values: dict[str, Any]) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "integer", float: "double", str: "string"}
    return {name: {"type": kinds[type(value)], "value": value} for name, value in values.items()}


def test_spans__of_a_node_server__are_requests_and_queries(client: Client, application: Application) -> None:
    query = make_span(
        span_id="b" * 16,
        parent_span_id="a" * 16,
        is_segment=False,
        name="SELECT * FROM stock WHERE sku = 'X-1'",
        attributes={"sentry.op": "db", "db.system": "postgresql", "http.route": ""},
    )
    body = {"version": 2, "items": [make_span(), query]}
    assert send(client, application, ("span", body)).status_code == 200
    request = Request.objects.select_related("endpoint").get()
    assert (str(request.endpoint), request.status, request.release) == ("GET /orders/:id", 200, "web@3")
    assert request.user_key is not None
    assert bytes(request.user_key) == make_user_key({"id": "42"})
    assert Query.objects.select_related("statement").get().statement.statement == "SELECT * FROM stock WHERE sku = ?"
    assert Query.objects.get().endpoint == "/orders/:id"
    assert totals(application)[Signal.SPANS].stored == 2


def test_spans__of_a_browsers_vitals__are_measurements(client: Client, application: Application) -> None:
    vital = make_span(
        is_segment=False,
        name="main > img",
        attributes={
            "sentry.op": "ui.webvital.lcp",
            "browser.web_vital.lcp.value": 2345.6,
            "url.full": "https://erp.example/orders/7?x=1",
            "http.route": "",
        },
    )
    send(client, application, ("span", {"version": 2, "items": [vital]}))
    found = BrowserVital.objects.get()
    assert (found.name, found.value, found.page, found.url) == (
        "lcp",
        2.3456,
        "/orders/{id}",
        "https://erp.example/orders/7",
    )


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"items": 7}', b"[" * 50_000])
def test_spans__no_batch__is_refused(client: Client, application: Application, body: bytes) -> None:
    assert send(client, application, ("span", body)).status_code == 400


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = [
    "contexts", "trace", "request", "user", "spans", "measurements", "tags", "transaction", "transaction_info", "timestamp",
    "start_timestamp", "end_timestamp", "attributes", "items", "name", "status", "trace_id", "span_id", "data", "op", "is_segment",
]  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(MEMBERS), values, max_size=12), st.booleans())
def test_takers__anything__is_taken_or_refused_and_counted(told: dict[str, Any], is_batch: bool) -> None:
    now = datetime.fromisoformat("2026-11-25T12:00:00+00:00")
    start = {
        "start_timestamp": now.timestamp() - 5,
        "timestamp": now.timestamp() - 4,
        "end_timestamp": now.timestamp() - 4,
    }
    document: Any = {"items": [{**start, **told}]} if is_batch else {**start, **told}
    payload = json.dumps(document, allow_nan=False, default=str).encode() if _is_json(document) else b"{}"
    received, context = Received(Batch(7)), Context(7, now)
    try:
        (take_spans if is_batch else take_transaction)(received, Item("span", {}, payload), context)
    except ItemInvalid:
        assert received.batch.records == []
        return
    for record in received.batch.records:
        if isinstance(record, (RequestRecord, SpanRecord)):
            assert record.duration >= 0
            assert record.started_at.tzinfo is not None
        if isinstance(record, SpanRecord):
            assert len(record.trace_id) == 32
            assert len(record.span_id) == 16
            json.dumps(dict(record.attributes), allow_nan=False)


def _is_json(document: Any) -> bool:
    try:
        json.dumps(document, allow_nan=False)
    except ValueError:
        return False
    return True


def test_spans__vital_that_names_no_page__is_of_the_page_its_trace_began_with(
    client: Client, application: Application
) -> None:
    now = timezone.now().timestamp()

    def span(name: str, operation: str, span_id: str, **attributes: Any) -> dict[str, Any]:
        told = {"sentry.op": operation, **attributes}
        typed = {key: {"type": "string", "value": value} for key, value in told.items()}
        times = {"start_timestamp": now, "end_timestamp": now}
        return {"trace_id": "7c" * 16, "span_id": span_id, "name": name, **times, "attributes": typed}

    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
    load = span("Pageload", "pageload", "a1" * 8, **{"url.full": "https://erp.example/orders/7?token=x"})
    fetch = span("GET", "http.client", "b2" * 8, **{"url.full": "https://erp.example/api/other"})
    vital = span(
        "Layout shift",
        "ui.webvital.cls",
        "c3" * 8,
        **{"browser.web_vital.cls.value": 0.2, "user_agent.original": agent},
    )
    for spans in ([load], [fetch, vital]):
        body = make_envelope(("span", {"version": 2, "items": spans}))
        assert send_envelope(client, application, make_public_key(application), body).status_code == 200
    (found,) = BrowserVital.objects.all()
    assert (found.page, found.url) == ("/orders/{id}", "https://erp.example/orders/7")
    assert (found.device, found.os) == ("mobile", "iOS")
