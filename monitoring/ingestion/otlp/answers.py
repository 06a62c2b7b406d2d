"""What OTLP's clients are answered, in the type they sent. Pure.

Success is the response message of the signal, an error a google.rpc.Status. Clients send again after 429, 502, 503 and 504 and
never after anything else, nor after a partial success.
"""

from __future__ import annotations

import msgspec
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

PROTOBUF, JSON = "application/x-protobuf", "application/json"
MAX_MESSAGE = 2_000

#: By signal: the response message and what it calls the number of refused items.
_RESPONSES = {
    "traces": (ExportTraceServiceResponse, "rejected_spans", "rejectedSpans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records", "rejectedLogRecords"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points", "rejectedDataPoints"),
}
#: google.rpc.Code of an HTTP status.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 409: 10, 413: 8, 415: 3, 429: 8, 500: 13, 503: 14}
_UNKNOWN = 2


def encode_success(name: str, *, is_json: bool, rejected: int = 0, message: str = "") -> bytes:
    """Return the body of an answer of 200 for a signal's name; a partial success if anything was refused."""
    response, member, json_member = _RESPONSES[name]
    message = message[:MAX_MESSAGE]
    if not rejected and not message:
        return b"{}" if is_json else b""
    if is_json:
        # 64-bit numbers are texts in protobuf's JSON.
        return msgspec.json.encode({"partialSuccess": {json_member: str(rejected), "errorMessage": message}})
    answer = response()
    setattr(answer.partial_success, member, rejected)
    answer.partial_success.error_message = message
    return bytes(answer.SerializeToString())


def encode_error(status: int, message: str, *, is_json: bool) -> bytes:
    """Return the body of an answer with an HTTP status other than 200."""
    code, message = _CODES.get(status, _UNKNOWN), message[:MAX_MESSAGE]
    if is_json:
        return msgspec.json.encode({"code": code, "message": message})
    return bytes(Status(code=code, message=message).SerializeToString())
