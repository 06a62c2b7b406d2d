"""Prometheus' query API, as Grafana asks it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from monitoring.metrics import prometheus_api
from monitoring.metrics.points import Description
from monitoring.metrics.promql import values
from monitoring.metrics.services import describe_metrics
from tests.support.metrics import NOW_MS, make_application, store

pytestmark = pytest.mark.django_db

NOW = NOW_MS // 1000


class Reader:
    """A client with a key of an application that has some series."""

    def __init__(self, client: Client, key: str) -> None:
        self.client, self.key = client, key

    def get(self, path: str, **parameters: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.client.get(f"/prometheus/api/v1/{path}", parameters, headers=headers)
        return answer.status_code, answer.json()

    def post(self, path: str, **parameters: Any) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = self.client.post(f"/prometheus/api/v1/{path}", parameters, headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def reader(client: Client) -> Reader:
    application = make_application()
    store(
        application,
        [
            ({"__name__": "requests_total", "job": "web", "code": code}, NOW_MS - age * 1000, float(600 - age))
            for code in ("200", "500")
            for age in range(0, 601, 15)
        ],
    )
    describe_metrics(
        application_id=application.pk, descriptions=[Description("requests_total", "counter", "All requests.", "")]
    )
    return Reader(client, issue_key(application=application, kind=KeyKind.SECRET).token)


def test_query__instant__answers_in_prometheus_form(reader: Reader) -> None:
    wanted = {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {"__name__": "requests_total", "job": "web", "code": "500"},
                    "value": [NOW, "600"],
                }
            ],
        },
    }
    parameters = {"query": 'requests_total{code="500"}', "time": NOW}
    assert reader.get("query", **parameters) == (200, wanted)
    assert reader.post("query", **parameters) == (200, wanted)


@pytest.mark.parametrize("step", ["60", "1m", "60.0"])
def test_query_range__steps__answer_a_matrix(reader: Reader, step: str) -> None:
    status, body = reader.get(
        "query_range", query="sum(rate(requests_total[5m]))", start=NOW - 120, end="2026-03-10T12:00:00Z", step=step
    )
    assert status == 200
    assert body["data"]["resultType"] == "matrix"
    (series,) = body["data"]["result"]
    assert [time for time, _ in series["values"]] == [NOW - 120, NOW - 60, NOW]
    assert {float(value) for _, value in series["values"]} == {2.0}


def test_catalogue__labels_values_series_and_metadata__are_listed(reader: Reader) -> None:
    assert reader.get("labels") == (200, {"status": "success", "data": ["__name__", "code", "job"]})
    assert reader.get("label/code/values")[1]["data"] == ["200", "500"]
    assert reader.get("label/__name__/values")[1]["data"] == ["requests_total"]
    parameters = {"match[]": ['requests_total{code="200"}', '{job="none"}']}
    assert reader.get("series", **parameters)[1]["data"] == [
        {"__name__": "requests_total", "job": "web", "code": "200"}
    ]
    assert reader.get("metadata")[1]["data"] == {
        "requests_total": [{"type": "counter", "help": "All requests.", "unit": ""}]
    }
    assert reader.get("metadata", limit=0)[1]["data"] == {}
    assert reader.get("status/buildinfo")[1]["data"]["version"] == "2.42.0"


@pytest.mark.parametrize(
    ("path", "parameters", "kind"),
    [
        ("query", {}, "bad_data"),
        ("query", {"query": "up{"}, "bad_data"),
        ("query", {"query": "holt_winters(up[5m], 1, 1)"}, "bad_data"),
        ("query", {"query": "up", "time": "soon"}, "bad_data"),
        ("query", {"query": "up", "time": "NaN"}, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": 0}, "bad_data"),
        ("query_range", {"query": "up", "start": 10, "end": 0, "step": 1}, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 1e9, "step": 1}, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": "often"}, "bad_data"),
        ("query_range", {"query": "up", "start": 0, "end": 10, "step": "9" * 5000 + "s"}, "bad_data"),
        ("series", {}, "bad_data"),
        ("series", {"match[]": "rate(up[5m])"}, "bad_data"),
        ("label/a-b/values", {}, "bad_data"),
        ("metadata", {"limit": "many"}, "bad_data"),
    ],
)
def test_query__bad_parameters__are_refused_in_prometheus_form(
    reader: Reader, path: str, parameters: dict[str, Any], kind: str
) -> None:
    status, body = reader.get(path, **parameters)
    assert (status, body["status"], body["errorType"]) == (400, "error", kind)
    assert body["error"]


def test_query__without_a_key_or_with_one_that_may_not_read__is_refused(client: Client) -> None:
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET, scopes=["ingest"]).token
    assert Reader(client, "")
    assert client.get("/prometheus/api/v1/query", {"query": "up"}).status_code == 401
    status, body = Reader(client, key).get("query", query="up")
    assert (status, body["errorType"]) == (403, "forbidden")


def test_query__another_application__sees_nothing(client: Client, reader: Reader) -> None:
    other = issue_key(application=make_application(), kind=KeyKind.SECRET).token
    status, body = Reader(client, other).get("query", query="requests_total", time=NOW)
    assert (status, body["data"]["result"]) == (200, [])


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("query", {"query": '{__name__="up\\x00"}'}),
        ("query", {"query": 'requests_total{job="web\\x00"}'}),
        ("series", {"match[]": '{job="web\\x00"}'}),
        ("metadata", {"metric": "requests_total\x00"}),
    ],
)
def test_query__zero_byte_in_a_value__finds_nothing(reader: Reader, path: str, parameters: dict[str, Any]) -> None:
    status, body = reader.get(path, **parameters)
    assert (status, body["status"]) == (200, "success")
    found = body["data"]["result"] if path == "query" else body["data"]
    assert not found


def test_query__out_of_time__says_so_as_prometheus_does(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    status, body = reader.get("query", query="requests_total", timeout="0")
    assert (status, body["status"], body["errorType"]) == (503, "error", "timeout")
    assert reader.get("query", query="requests_total", timeout="soon")[0] == 400
    assert reader.get("query", query="requests_total", timeout="1m")[0] == 200
    monkeypatch.setattr(prometheus_api, "QUERY_SECONDS", 0.0)
    assert reader.get("series", **{"match[]": "requests_total"})[1]["errorType"] == "timeout"


@pytest.mark.django_db(transaction=True)
def test_query__statement_that_takes_too_long__is_ended_by_the_server(reader: Reader) -> None:
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as holder:
            holder.execute("LOCK TABLE monitoring_metricseries IN ACCESS EXCLUSIVE MODE")
        status, body = reader.get("query", query="requests_total", timeout="200ms")
    finally:
        other.rollback()
        other.close()
    assert (status, body["errorType"]) == (503, "timeout")
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)
    assert reader.get("query", query="requests_total")[0] == 200


def test_query__answer_of_millions_of_values__is_refused(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_ANSWER_POINTS", 10)
    status, body = reader.get("query_range", query="requests_total", start=NOW - 60, end=NOW, step=10)
    assert (status, body["errorType"]) == (400, "bad_data")
    assert "14 values" in body["error"]


@pytest.mark.parametrize("path", ["query", "query_range", "series", "labels", "label/job/values", "metadata"])
def test_query__page_of_another_origin__may_read_with_a_key(client: Client, reader: Reader, path: str) -> None:
    address = f"/prometheus/api/v1/{path}"
    preflight = client.options(address, headers={"Origin": "https://grafana.example"})
    assert preflight.status_code == 204
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in preflight["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight
    assert client.get(address)["Access-Control-Allow-Origin"] == "*"
    wrong = client.delete(address)
    assert (wrong.status_code, wrong["Allow"]) == (405, "GET, POST, OPTIONS")


def test_query__public_key__may_not_read(client: Client) -> None:
    key = issue_key(application=make_application(), kind=KeyKind.PUBLIC).token
    assert client.get("/prometheus/api/v1/query", {"query": "up", "key": key}).status_code == 403
    assert Reader(client, key).get("query", query="up")[1]["errorType"] == "forbidden"


def test_query__answered__shows_when_the_key_was_used(client: Client) -> None:
    issued = issue_key(application=make_application(), kind=KeyKind.SECRET)
    assert Reader(client, issued.token).get("labels")[0] == 200
    issued.key.refresh_from_db()
    assert issued.key.last_used_at is not None


def test_query__broken_form__is_refused_in_prometheus_form(client: Client, reader: Reader) -> None:
    answer = client.post(
        "/prometheus/api/v1/query",
        b"--x",
        content_type="multipart/form-data",
        headers={"Authorization": f"Bearer {reader.key}"},
    )
    assert (answer.status_code, answer.json()["errorType"]) == (400, "bad_data")
