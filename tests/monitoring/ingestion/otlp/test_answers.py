"""What OTLP's clients are answered."""

from __future__ import annotations

import json

from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from monitoring.ingestion.otlp.answers import encode_error, encode_success


def test_encode_success__all_taken__is_empty() -> None:
    assert encode_success("traces", is_json=False) == b""
    assert encode_success("traces", is_json=True) == b"{}"


def test_encode_success__some_refused__says_how_many_and_why() -> None:
    spans = ExportTraceServiceResponse.FromString(
        encode_success("traces", is_json=False, rejected=3, message="no trace id")
    )
    assert (spans.partial_success.rejected_spans, spans.partial_success.error_message) == (3, "no trace id")
    logs = ExportLogsServiceResponse.FromString(encode_success("logs", is_json=False, rejected=1, message="x"))
    assert logs.partial_success.rejected_log_records == 1
    assert json.loads(encode_success("metrics", is_json=True, rejected=2, message="x")) == {
        "partialSuccess": {"rejectedDataPoints": "2", "errorMessage": "x"}
    }


def test_encode_error__any_type__is_a_status() -> None:
    status = Status.FromString(encode_error(400, "broken", is_json=False))
    assert (status.code, status.message) == (3, "broken")
    assert json.loads(encode_error(503, "away", is_json=True)) == {"code": 14, "message": "away"}
