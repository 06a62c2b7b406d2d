"""OTLP's logs: from the request to rows, and to error events."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from google.protobuf.json_format import MessageToDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.errors.selectors import read_document
from monitoring.errors.services.digesting import digest_batch
from monitoring.ingestion.otlp import log_views
from monitoring.logs.models import LogRecord
from monitoring.losses.models import LossAccount
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
TRACE, SPAN = "ab" * 16, "cd" * 8


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET).token


def make_request(*records: dict[str, Any]) -> ExportLogsServiceRequest:
    """Return a request with records of one logger."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    resource = {"service.name": "erp", "service.version": "1.2.3", "deployment.environment.name": "staging"}
    for name, value in resource.items():
        group.resource.attributes.add(key=name).value.string_value = value
    scope = group.scope_logs.add()
    scope.scope.name = "erp.stock"
    for each in records:
        record = scope.log_records.add(
            time_unix_nano=each.get("time", int(timezone.now().timestamp() * 1e9)),
            severity_number=each.get("severity", 9),
            trace_id=bytes.fromhex(each.get("trace", "")),
            span_id=bytes.fromhex(each.get("span", "")),
        )
        record.body.string_value = each.get("body", "hello")
        for name, value in each.get("attributes", {}).items():
            record.attributes.add(key=name).value.string_value = value
    return request


def as_json(request: ExportLogsServiceRequest) -> bytes:
    """Return a request in OTLP's JSON: identifiers in hexadecimal, enums as numbers."""
    document = MessageToDict(request, use_integers_for_enums=True)
    for record in document["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        record |= {"traceId": TRACE, "spanId": SPAN} if "traceId" in record else {}
    return json.dumps(document).encode()


def send(client: Client, key: str, body: bytes, *, kind: str = "application/x-protobuf", path: str = "/v1/logs") -> Any:
    # Named twice: for an empty body the client leaves the type out.
    return client.post(path, body, kind, headers={"Authorization": f"Bearer {key}"}, CONTENT_TYPE=kind)


def account(application: Application, signal: str = "logs") -> tuple[int, int, int]:
    rows = LossAccount.objects.filter(application=application, signal=signal)
    return sum(row.received for row in rows), sum(row.stored for row in rows), sum(row.refused for row in rows)


@pytest.mark.parametrize("path", ["/v1/logs", "/otlp/v1/logs", "/otlp/v1/logs/"])
@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json"])
def test_logs__both_encodings__are_the_same_row(
    client: Client, application: Application, key: str, kind: str, path: str
) -> None:
    at = int(timezone.now().timestamp()) * 10**9
    request = make_request(
        {"time": at, "severity": 17, "trace": TRACE, "span": SPAN, "body": "no stock", "attributes": {"item": "17"}}
    )
    body = as_json(request) if kind == "application/json" else request.SerializeToString()
    answer = send(client, key, body, kind=kind, path=path)
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)
    row = LogRecord.objects.get()
    assert (row.body, row.severity, row.logger, row.trace_id, row.span_id) == ("no stock", 17, "erp.stock", TRACE, SPAN)
    assert (row.release, row.environment) == ("1.2.3", "staging")
    assert row.attributes == {"item": "17", "service.name": "erp"}
    assert row.at == datetime.fromtimestamp(at / 1e9, UTC)
    assert account(application) == (1, 1, 0)


def test_logs__sent_again__are_kept_once(client: Client, application: Application, key: str) -> None:
    body = make_request({"body": "a"}, {"body": "a"}).SerializeToString()
    for _ in range(3):
        assert send(client, key, body).status_code == 200
    assert LogRecord.objects.count() == 2


def test_logs__broken_record__is_refused_and_the_rest_stored(
    client: Client, application: Application, key: str
) -> None:
    records = [{"body": {"stringValue": "good"}}, {"severityNumber": "many"}, 5]
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
    answer = send(client, key, body, kind="application/json")
    said = answer.json()["partialSuccess"]
    assert (answer.status_code, said["rejectedLogRecords"]) == (200, "2")
    assert "log record" in said["errorMessage"]
    assert LogRecord.objects.get().body == "good"
    assert account(application) == (3, 1, 2)
    protobuf = send(client, key, make_request({}).SerializeToString())
    assert not ExportLogsServiceResponse.FromString(protobuf.content).HasField("partial_success")


def test_logs__exception__is_an_issue_once(client: Client, application: Application, key: str) -> None:
    attributes = {
        "exception.type": "ValueError",
        "exception.message": "no account 4711",
        "exception.stacktrace": "Traceback (most recent call last):\n  ...\nValueError: no account 4711",
        "company": "main",
    }
    record = {"severity": 17, "trace": TRACE, "span": SPAN, "body": "posting failed", "attributes": attributes}
    for more in ({}, {"body": "posting failed again"}):
        send(client, key, make_request({**record, **more}).SerializeToString())
        digest_batch()
    issue = ErrorIssue.objects.get()
    assert (issue.title, issue.event_count, issue.level) == ("ValueError: no account 4711", 1, "error")
    event = ErrorEvent.objects.get()
    assert (event.release, event.environment, event.trace_id) == ("1.2.3", "staging", TRACE)
    document = read_document(event)
    assert "Traceback" in document["extra"]["stacktrace"]
    assert (document["extra"]["company"], document["logger"]) == ("main", "erp.stock")
    assert LogRecord.objects.count() == 2


def test_logs__empty_request__is_a_success(client: Client, key: str) -> None:
    assert send(client, key, b"").status_code == 200
    assert send(client, key, b"{}", kind="application/json").json() == {}


def test_logs__no_key_or_database_away__says_whether_to_try_again(
    client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post("/v1/logs", b"", "application/x-protobuf").status_code == 401

    def fail(batch: object) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(log_views, "store_batch", fail)
    answer = send(client, key, make_request({}).SerializeToString())
    assert (answer.status_code, bool(answer["Retry-After"])) == (503, True)


def test_logs__address_of_an_application__takes_only_its_keys(
    client: Client, application: Application, key: str
) -> None:
    body = make_request({}).SerializeToString()
    path = "/api/{}/integration/otlp/v1/logs"
    assert send(client, key, body, path=path.format(application.pk)).status_code == 200
    assert send(client, key, body, path=path.format(make_application().pk)).status_code == 401


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=120), cut=st.integers(0, 400), is_json=st.booleans())
def test_logs__cut_off_or_anything__is_answered_and_adds_up(
    client: Client, application: Application, key: str, data: bytes, cut: int, is_json: bool
) -> None:
    request = make_request({"attributes": {"exception.type": "E"}}, {"trace": TRACE, "span": SPAN})
    whole = as_json(request) if is_json else request.SerializeToString()
    kind = "application/json" if is_json else "application/x-protobuf"
    for body in (data, whole[:cut], whole[:cut] + data):
        assert send(client, key, body, kind=kind).status_code in {200, 400, 413}
    received, stored, refused = account(application)
    assert received == stored + refused
