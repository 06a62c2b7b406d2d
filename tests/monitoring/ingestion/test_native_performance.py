"""Requests and queries as JSON: read as they are meant, refused one by one, never an error of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from monitoring.ingestion.items import ItemsMalformed, TooManyItems
from monitoring.ingestion.native_performance import decode_queries, decode_requests
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.performance.models import Query, Request
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.releases.records import make_user_key
from tests.support.metrics import make_application

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def read_request(told: Any) -> Any:
    made = decode_requests(json.dumps(told).encode(), application_id=7, received_at=NOW)
    return made.batch.records[0] if made.batch.records else made.refused


def read_query(told: Any) -> Any:
    made = decode_queries(json.dumps(told).encode(), application_id=7, received_at=NOW)
    return made.batch.records[0] if made.batch.records else made.refused


def test_decode_requests__as_the_seeds_client_logs_it__is_a_request() -> None:
    found = read_request(
        {
            "metric": "request_duration",
            "value": 5200,
            "tags": {
                "endpoint": "https://erp.example/orders/4711?token=x",
                "method": "get",
                "status_code": 503,
                "user_id": 42,
            },
        }
    )
    assert (found.endpoint, found.method, found.status, found.failed, found.duration) == (
        "/orders/{id}",
        "GET",
        503,
        True,
        5.2,
    )
    assert found.url == "https://erp.example/orders/4711"
    assert found.user_key == make_user_key(42)
    assert found.started_at == NOW - timedelta(seconds=5.2)


def test_decode_queries__as_the_seeds_client_logs_it__is_a_query() -> None:
    tags = {"query_type": "SELECT", "table_name": "orders", "params_count": 3}
    found = read_query({"metric": "db_query_duration", "value": 1200, "tags": tags})
    assert (found.operation, found.table, found.parameter_count, found.duration) == ("SELECT", "orders", 3, 1.2)


def test_decode_requests__route_and_seconds__are_taken_as_they_are() -> None:
    found = read_request(
        {
            "route": "/orders/{order}",
            "url": "/orders/9?page=2",
            "method": "POST",
            "status": 201,
            "duration": 0.25,
            "timestamp": "2026-11-25T11:59:00+00:00",
            "trace_id": "AB" * 16,
            "span_id": "cd" * 8,
            "release": "2.0",
            "id": "00000000-0000-4000-8000-000000000001",
        }
    )
    assert (found.endpoint, found.url, found.duration, found.trace_id) == (
        "/orders/{order}",
        "/orders/9",
        0.25,
        "ab" * 16,
    )
    assert found.started_at == NOW - timedelta(minutes=1)
    assert found.record_id is not None


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"duration_ms": 1}, "endpoint"),
        ({"endpoint": "/a"}, "duration_ms"),
        ({"endpoint": "/a", "duration_ms": -1}, "duration_ms"),
        ({"endpoint": "/a", "duration": 1e9}, "duration_ms"),
        ({"endpoint": "/a", "duration_ms": 1, "status_code": 1000}, "status_code"),
        ({"endpoint": "/a", "duration_ms": 1, "timestamp": "yesterday"}, "timestamp"),
        ({"endpoint": "/a", "duration_ms": 1, "timestamp": 1e300}, "timestamp"),
        ({"endpoint": "/a", "duration_ms": 1, "id": "x"}, "id"),
        ({"endpoint": 5, "duration_ms": 1}, "endpoint"),
        ({"metric": "cpu", "value": 1}, "metric"),
        ("text", "record"),
    ],
)
def test_decode_requests__one_that_makes_no_sense__is_refused_by_its_field(told: Any, field: str) -> None:
    body = json.dumps([told, {"endpoint": "/b", "duration_ms": 1}]).encode()
    made = decode_requests(body, application_id=7, received_at=NOW)
    assert [(index, name) for index, name, _ in made.refused] == [(0, field)]
    assert made.stored == 1


@pytest.mark.parametrize(
    "body", [b"", b"x", b"{", b"7", b'{"requests": 7}', b"\xff", b"[" * 100_000, b'{"a":' * 100_000]
)
def test_decode_requests__no_such_form__is_malformed(body: bytes) -> None:
    with pytest.raises(ItemsMalformed):
        decode_requests(body, application_id=7, received_at=NOW)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("/reset?token=SECRET", "/reset"),
        ("/reset#token=SECRET", "/reset"),
        ("https://erp.example/orders/4711?a=1", "/orders/{id}"),
        ("/orders/{id}", "/orders/{id}"),
        ("orders#show", "orders#show"),
        (" ", ""),
        (None, ""),
    ],
)
def test_decode_queries__address_as_endpoint__is_named_as_requests_are(sent: str | None, expected: str) -> None:
    assert read_query({"query": "SELECT 1", "duration_ms": 1, "endpoint": sent}).endpoint == expected
    if expected:
        assert read_request({"endpoint": sent, "duration_ms": 1}).endpoint == expected


def test_decode_queries__too_many__are_too_large() -> None:
    with pytest.raises(TooManyItems):
        decode_queries(b"[" + b"{}," * 10_000 + b"{}]", application_id=7, received_at=NOW)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["endpoint", "route", "url", "method", "status_code", "duration_ms", "duration", "user_id", "timestamp", "trace_id", "id",
     "query", "query_type", "table_name", "params_count", "metric", "value", "tags", "system", "release"]
)  # fmt: skip


@given(st.lists(st.dictionaries(names, values, max_size=8), max_size=4))
def test_decode__anything__takes_or_refuses_each_and_counts_it(told: list[dict[str, Any]]) -> None:
    body = json.dumps(told).encode()
    for decode in (decode_requests, decode_queries):
        made = decode(body, application_id=7, received_at=NOW)
        assert made.stored + len(made.refused) == len(told)
        assert made.batch.account.total("stored") + made.batch.account.total("refused") == len(told)


@pytest.mark.django_db
def test_doors__a_php_program_without_an_sdk__reports_with_one_call_each(client: Client) -> None:
    forget_dictionaries()
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET, label="php").token
    headers = {"Authorization": f"Bearer {key}"}
    batch = {"requests": [{"endpoint": "/orders/{id}", "method": "GET", "duration_ms": 120, "status_code": 200}, {}]}
    answer = client.post("/api/v1/requests/", json.dumps(batch), content_type="application/json", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["stored"] == 1
    assert answer.json()["refused"] == [
        {"index": 1, "field": "endpoint", "reason": "is missing: name the route, or send the url"}
    ]
    query = {"query": "SELECT * FROM users WHERE email = 'ada@example.com'", "duration_ms": 3}
    answer = client.post("/api/v1/queries", json.dumps(query), content_type="text/plain", headers=headers)
    assert answer.json() == {"stored": 1, "refused_count": 0, "refused": []}
    assert Request.objects.get().endpoint.endpoint == "/orders/{id}"
    assert Query.objects.get().statement.statement == "SELECT * FROM users WHERE email = ?"
    totals = sum_by_signal(application_id=application.pk, since=datetime(2026, 1, 1, tzinfo=UTC))
    assert (totals[Signal.TRANSACTIONS].stored, totals[Signal.TRANSACTIONS].refused) == (1, 1)
    assert totals[Signal.QUERIES].stored == 1


@pytest.mark.django_db
def test_doors__nothing_taken__says_why(client: Client) -> None:
    key = issue_key(application=make_application(), kind=KeyKind.SECRET, label="php").token
    answer = client.post(
        "/api/v1/requests/", "{}", content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"field": "requests.0.endpoint", "detail": "is missing: name the route, or send the url"}
    ]
