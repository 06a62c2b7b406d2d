"""OTLP's metrics: from the request to points of series."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.ingestion.otlp import metric_views
from monitoring.ingestion.otlp.metrics import MAX_POINTS
from monitoring.losses.models import LossAccount
from monitoring.metrics.models import MetricDescription, MetricSeries
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
CUMULATIVE, DELTA = 2, 1


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET).token


def make_request(*metrics: Metric, **resource: str) -> ExportMetricsServiceRequest:
    """Return a request with metrics of one resource."""
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for name, value in (resource or {"service.name": "erp"}).items():
        group.resource.attributes.add(key=name.replace("__", ".")).value.string_value = value
    group.scope_metrics.add().metrics.extend(metrics)
    return request


def make_metric(kind: str, *points: dict[str, Any], name: str = "erp.thing", unit: str = "", **more: Any) -> Metric:
    """Return a metric; a point may name its `attributes`, and is of now."""
    metric = Metric(name=name, unit=unit, description="Things.")
    data = getattr(metric, kind)
    data.SetInParent()
    for member, value in more.items():
        setattr(data, member, value)
    if kind in {"sum", "histogram"} and "aggregation_temporality" not in more:
        data.aggregation_temporality = CUMULATIVE
    for given_point in points:
        members = dict(given_point)
        attributes = members.pop("attributes", {})
        point = data.data_points.add(**{"time_unix_nano": now() * 10**9, **members})
        for label, value in attributes.items():
            point.attributes.add(key=label).value.string_value = value
    return metric


def now() -> int:
    return int(timezone.now().timestamp())


def as_json(request: ExportMetricsServiceRequest) -> bytes:
    return json.dumps(MessageToDict(request, use_integers_for_enums=True)).encode()


def send(
    client: Client, key: str, body: bytes, *, kind: str = "application/x-protobuf", path: str = "/v1/metrics"
) -> Any:
    # Named twice: for an empty body the client leaves the type out.
    return client.post(path, body, kind, headers={"Authorization": f"Bearer {key}"}, CONTENT_TYPE=kind)


def ask(client: Client, key: str, query: str) -> dict[str, float]:
    """Return the value of each series of an instant query, by its labels."""
    answer = client.get("/prometheus/api/v1/query", {"query": query}, headers={"Authorization": f"Bearer {key}"}).json()
    rows = answer["data"]["result"]
    return {
        " ".join(f"{name}={value}" for name, value in sorted(row["metric"].items()) if name != "__name__"): float(
            row["value"][1]
        )
        for row in rows
    }


def account(application: Application) -> tuple[int, int, int]:
    rows = LossAccount.objects.filter(application=application, signal="points")
    return sum(row.received for row in rows), sum(row.stored for row in rows), sum(row.refused for row in rows)


Encode = Callable[[ExportMetricsServiceRequest], tuple[bytes, str]]
ENCODINGS: list[Encode] = [
    lambda request: (request.SerializeToString(), "application/x-protobuf"),
    lambda request: (as_json(request), "application/json"),
]


@pytest.mark.parametrize("path", ["/v1/metrics", "/otlp/v1/metrics/"])
@pytest.mark.parametrize("encode", ENCODINGS, ids=["protobuf", "json"])
def test_metrics__every_kind__is_series_of_its_owner(
    client: Client, application: Application, key: str, encode: Encode, path: str
) -> None:
    request = make_request(
        make_metric("gauge", {"as_double": 0.25, "attributes": {"a.b": "x"}}, name="share", unit="1"),
        make_metric("sum", {"as_int": 7}, name="orders", is_monotonic=True),
        make_metric("sum", {"as_int": -7}, name="balance"),
        make_metric(
            "histogram",
            {"count": 6, "sum": 9.5, "bucket_counts": [1, 2, 3], "explicit_bounds": [0.5, 10]},
            name="took",
            unit="s",
        ),
        make_metric("histogram", {"count": 6}, name="bare"),
        make_metric(
            "summary", {"count": 2, "sum": 3.0, "quantile_values": [{"quantile": 0.99, "value": 2.5}]}, name="wait"
        ),
        **{"service.namespace": "acme", "service.name": "erp", "host.name": "h1", "service.version": "2.0"},
    )
    body, kind = encode(request)
    answer = send(client, key, body, kind=kind, path=path)
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    assert answer.content == (b"{}" if kind == "application/json" else b"")
    owner = "host=h1 job=acme/erp"
    assert ask(client, key, "share_ratio") == {f"a_b=x {owner}": 0.25}
    assert ask(client, key, "orders_total") == {owner: 7}
    assert ask(client, key, "balance") == {owner: -7}
    assert ask(client, key, "took_seconds_bucket") == {
        f"{owner} le=0.5": 1,
        f"{owner} le=10": 3,
        f"{owner} le=+Inf": 6,
    }
    assert (ask(client, key, "took_seconds_sum"), ask(client, key, "took_seconds_count")) == ({owner: 9.5}, {owner: 6})
    assert ask(client, key, "bare_bucket") == {f"{owner} le=+Inf": 6}
    assert ask(client, key, "wait") == {f"{owner} quantile=0.99": 2.5}
    assert ask(client, key, "target_info") == {f"{owner} service_version=2.0": 1}
    told = {row.name: (row.type, row.unit, row.help) for row in MetricDescription.objects.all()}
    assert told["took_seconds"] == ("histogram", "seconds", "Things.")
    assert told["orders_total"][0] == "counter"
    assert account(application)[2] == 0


def test_metrics__sent_again__are_the_same_series_and_points(client: Client, key: str) -> None:
    body = make_request(make_metric("gauge", {"as_int": 1, "time_unix_nano": now() * 10**9})).SerializeToString()
    for _ in range(3):
        assert send(client, key, body).status_code == 200
    assert MetricSeries.objects.count() == 1
    assert ask(client, key, "count_over_time(erp_thing[5m])") == {"job=erp": 1}


def test_metrics__end_of_a_series__ends_it(client: Client, key: str) -> None:
    for seconds, flags in ((-20, 0), (-1, 1)):
        at = (now() + seconds) * 10**9
        send(
            client,
            key,
            make_request(make_metric("gauge", {"as_int": 5, "time_unix_nano": at, "flags": flags})).SerializeToString(),
        )
    assert ask(client, key, "erp_thing") == {}


@pytest.mark.parametrize("encode", ENCODINGS, ids=["protobuf", "json"])
@pytest.mark.parametrize(
    ("metric", "count", "reason"),
    [
        (make_metric("sum", {"as_int": 1}, {"as_int": 2}, aggregation_temporality=DELTA), 2, "delta temporality"),
        (make_metric("histogram", {"count": 1}, aggregation_temporality=DELTA), 1, "delta temporality"),
        (make_metric("exponential_histogram", {"count": 1}), 1, "exponential histogram"),
        (make_metric("gauge", {"as_int": 1, "time_unix_nano": 0}), 1, "no time"),
        (make_metric("gauge", {"as_int": 1}, name="..."), 1, "is missing"),
        (make_metric("gauge", {"as_int": 1}, name="x" * 300), 1, "300 characters"),
        (make_metric("gauge", {"as_int": 1, "attributes": {"a": "x" * 3000}}), 1, "longer than"),
        (make_metric("gauge", {"as_int": 1, "attributes": {"a": "x\x00"}}), 1, "zero byte"),
        (make_metric("gauge", {"as_int": 1, "attributes": {f"a{n}": "x" for n in range(90)}}), 1, "91 labels"),
        (make_metric("histogram", {"count": 1, "bucket_counts": [1], "explicit_bounds": [1.0]}), 1, "1 buckets and 1"),
        (
            make_metric("histogram", {"count": 1, "bucket_counts": [1, 0, 0], "explicit_bounds": [2.0, 1.0]}),
            1,
            "not rise",
        ),
        (
            make_metric("histogram", {"count": 1, "bucket_counts": [0] * 501, "explicit_bounds": [0.0] * 500}),
            1,
            "500 buckets",
        ),
        (make_metric("gauge", {"as_int": 1, "time_unix_nano": 10**9}), 1, "older than"),
        (make_metric("gauge", {"as_int": 1, "time_unix_nano": 2**63}), 1, "ahead of our clock"),
    ],
)
def test_metrics__what_cannot_be_kept__is_named_and_the_rest_stored(
    client: Client, application: Application, key: str, encode: Encode, metric: Metric, count: int, reason: str
) -> None:
    body, kind = encode(make_request(metric, make_metric("gauge", {"as_int": 3}, name="good")))
    answer = send(client, key, body, kind=kind)
    assert answer.status_code == 200
    if kind == "application/json":
        said = answer.json()["partialSuccess"]
        rejected, message = int(said["rejectedDataPoints"]), said["errorMessage"]
    else:
        partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
        rejected, message = partial.rejected_data_points, partial.error_message
    assert rejected == count
    assert reason in message
    assert ask(client, key, "good") == {"job=erp": 3}
    assert account(application) == (count + 1, 1, count)


def test_metrics__series_beyond_the_limit__reject_their_data_points_whole(client: Client) -> None:
    application = make_application(slug="small", max_series=3)
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    metric = make_metric(
        "histogram", {"count": 1, "sum": 1.0, "bucket_counts": [1, 0, 0], "explicit_bounds": [1.0, 2.0]}
    )
    answer = send(client, key, make_request(metric).SerializeToString())
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 1)
    assert "beyond the application's limit" in partial.error_message


def test_metrics__json_as_clients_write_it__is_read(client: Client, key: str) -> None:
    points = [
        {"timeUnixNano": str(now() * 10**9), "asInt": "12", "attributes": [{"key": "k", "value": {"boolValue": True}}]},
        {"timeUnixNano": now() * 10**9, "asDouble": "NaN", "attributes": None, "unknown": {"deep": []}},
    ]
    data = {"dataPoints": points, "aggregationTemporality": "AGGREGATION_TEMPORALITY_CUMULATIVE", "isMonotonic": True}
    metrics = [{"name": "clicks", "sum": data}, {"name": "empty"}, {"name": "none", "gauge": {}}]
    body = {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}
    answer = send(client, key, json.dumps(body).encode(), kind="application/json")
    assert (answer.status_code, answer.content) == (200, b"{}")
    found = ask(client, key, "clicks_total")
    assert found["k=true"] == 12
    assert math.isnan(found[""])


def test_metrics__broken_metrics__are_refused_one_by_one(client: Client, application: Application, key: str) -> None:
    at = str(now() * 10**9)
    deep = "[" * 500 + "]" * 500
    good = f'{{"name":"good","gauge":{{"dataPoints":[{{"timeUnixNano":"{at}","asInt":1}},{{"timeUnixNano":"{at}","asDouble":"many"}}]}}}}'
    metrics = [
        "5",
        '{"name":7}',
        '{"gauge":{"dataPoints":[3]}}',
        f'{{"name":"a","gauge":{{"dataPoints":{deep}}}}}',
        good,
    ]
    body = f'{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{",".join(metrics)}]}}]}}]}}'.encode()
    answer = send(client, key, body, kind="application/json")
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "5"
    assert ask(client, key, "good") == {"": 1}
    assert account(application) == (6, 1, 5)


def test_metrics__more_points_than_are_read_at_once__are_refused_whole(client: Client, key: str) -> None:
    buckets = {"count": 1, "bucket_counts": [0] * 401, "explicit_bounds": [float(bound) for bound in range(400)]}
    metrics = [make_metric("histogram", *[buckets] * 50) for _ in range(MAX_POINTS // 400 // 50)]
    answer = send(client, key, make_request(*metrics).SerializeToString())
    assert answer.status_code == 413
    assert MetricSeries.objects.count() == 0


def test_metrics__database_away__is_503_with_a_time_to_come_back(
    client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(metric_views, "store_points", fail)
    answer = send(client, key, make_request(make_metric("gauge", {"as_int": 1})).SerializeToString())
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 400), flip=st.integers(0, 400), byte=st.integers(0, 255))
def test_metrics__damaged_bodies__are_answered_as_clients_expect(
    client: Client, key: str, cut: int, flip: int, byte: int
) -> None:
    for encode in ENCODINGS:
        body, kind = encode(
            make_request(
                make_metric("histogram", {"count": 6, "sum": 9.5, "bucket_counts": [1, 5], "explicit_bounds": [0.5]}),
                make_metric("gauge", {"as_int": 3}),
            )
        )
        damaged = bytearray(body[: len(body) - cut % len(body)])
        damaged[flip % len(damaged)] = byte
        assert send(client, key, bytes(damaged), kind=kind).status_code in {200, 400, 413}
