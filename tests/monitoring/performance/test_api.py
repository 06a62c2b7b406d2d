"""REST of requests, queries and traces: only the key's own, as asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.rolling_up import KINDS, roll_up
from monitoring.releases.records import make_user_key
from tests.support.metrics import make_application
from tests.support.performance import make_query, make_request, make_span

pytestmark = pytest.mark.django_db
TRACE = "ab" * 16


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def headers(application: Application) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_key(application=application, kind=KeyKind.SECRET, label='read').token}"}


def keep(application: Application, *records: object) -> None:
    batch = Batch(application.pk)
    for record in records:
        batch.add(record, signal="transactions")
    store_batch(batch)
    for kind in KINDS:
        roll_up(kind, now=timezone.now())


def read(client: Client, path: str, headers: dict[str, str], **query: Any) -> Any:
    answer = client.get(f"/api/v1/{path}/", query, headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_endpoints__by_time_spent__have_their_percentiles(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    now = timezone.now()
    keep(
        application,
        *(make_request(application.pk, started_at=now, endpoint="/orders/{id}", duration=0.5) for _ in range(3)),
        make_request(application.pk, started_at=now, endpoint="/login", duration=0.1, status=500, failed=True),
    )
    found = read(client, "endpoints", headers)
    assert found["count"] == 2
    first, second = found["results"]
    assert (first["endpoint"]["endpoint"], first["figures"]["count"]) == ("/orders/{id}", 3)
    assert first["figures"]["p95"] == pytest.approx(0.5, rel=0.01)
    assert (second["endpoint"]["endpoint"], second["figures"]["failed"]) == ("/login", 1)
    assert [row["endpoint"]["endpoint"] for row in read(client, "endpoints", headers, search="log")["results"]] == [
        "/login"
    ]


def test_requests__filters_and_pages__are_kept_to(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    now = timezone.now()
    keep(
        application,
        make_request(application.pk, duration=0.1, started_at=now - timedelta(minutes=1)),
        make_request(application.pk, duration=6.0, started_at=now - timedelta(minutes=2), user_key=make_user_key("u1")),
        make_request(application.pk, status=503, failed=True, started_at=now - timedelta(minutes=3)),
    )
    assert [one["duration"] for one in read(client, "requests", headers, at_least=5)["results"]] == [6.0]
    assert [one["duration"] for one in read(client, "requests", headers, user_id="u1")["results"]] == [6.0]
    assert [one["status"] for one in read(client, "requests", headers, status="5xx")["results"]] == [503]
    first = read(client, "requests", headers, page_size=2)
    rest = client.get(first["next"], headers=headers).json()
    assert len(first["results"]) + len(rest["results"]) == 3
    assert client.get("/api/v1/requests/", {"status": "9xx"}, headers=headers).status_code == 400


def test_statements_queries_and_trace__tell_of_the_same_run(
    client: Client, application: Application, headers: dict[str, str]
) -> None:
    words, now = "SELECT * FROM orders WHERE id = ?", timezone.now()
    keep(
        application,
        make_query(application.pk, started_at=now, statement=words, duration=1.5, trace_id=TRACE),
        make_span(application.pk, started_at=now, trace_id=TRACE),
    )
    (row,) = read(client, "statements", headers)["results"]
    assert (row["statement"]["statement"], row["figures"]["longest"]) == (words, 1.5)
    (run,) = read(client, "queries", headers, statement_id=row["statement"]["id"])["results"]
    assert (run["duration"], run["trace_id"]) == (1.5, TRACE)
    trace = read(client, f"traces/{TRACE.upper()}", headers)
    assert (len(trace["spans"]), len(trace["queries"])) == (1, 1)


def test_reads__of_another_application__find_nothing(client: Client, application: Application) -> None:
    keep(application, make_request(application.pk, trace_id=TRACE), make_span(application.pk, trace_id=TRACE))
    other = issue_key(application=make_application(), kind=KeyKind.SECRET, label="read").token
    headers = {"Authorization": f"Bearer {other}"}
    assert read(client, "requests", headers)["results"] == []
    assert read(client, "endpoints", headers)["count"] == 0
    assert client.get(f"/api/v1/traces/{TRACE}/", headers=headers).status_code == 404


def test_requests__public_key_of_a_browser__may_send_and_not_read(client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.PUBLIC, label="browser").token
    answer = client.get("/api/v1/requests/", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 403
