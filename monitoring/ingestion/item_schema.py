"""The doors for web vitals, usage events and log lines as JSON, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from config.api.schema import document_path
from monitoring.browser.records import DEVICES, VITALS
from monitoring.usage.records import KINDS


def _nullable(**more: Any) -> dict[str, Any]:
    return {"anyOf": [more, {"type": "null"}]}


_COMMON = {
    "url": _nullable(type="string"),
    "page": _nullable(type="string", maxLength=250),
    "timestamp": {"description": "RFC 3339, epoch seconds or milliseconds; left out: now.", "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
    "release": _nullable(type="string"),
    "environment": _nullable(type="string"),
    "session_id": _nullable(type="string"),
    "user_id": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
    "user_agent": _nullable(type="string"),
    "device": _nullable(type="string", enum=list(DEVICES)),
    "id": _nullable(type="string", format="uuid"),
}  # fmt: skip
_VITAL = {
    "type": "object",
    "description": "One measurement in a page view. Seconds, or milliseconds where `unit` says so; cls has no unit.",
    "properties": {
        "name": {"type": "string", "enum": list(VITALS)},
        "value": {"type": "number", "minimum": 0, "maximum": 100},
        "unit": _nullable(type="string", enum=["s", "ms"]),
        "detail": _nullable(type="string"),
        "connection": _nullable(type="string"),
        "navigation": _nullable(type="string"),
        **_COMMON,
    },
    "required": ["name", "value"],
}
_EVENT = {
    "type": "object",
    "description": "One thing that a person did. A feature has a name; of clicks `target` says what was clicked.",
    "properties": {
        "kind": {"type": "string", "enum": [kind for kind in KINDS if kind != "feature"]},
        "name": _nullable(type="string", maxLength=100),
        "target": _nullable(type="string", maxLength=250),
        "properties": _nullable(type="object"),
        **_COMMON,
    },
    "required": ["kind"],
}

_LOG = {
    "type": "object",
    "description": "One log line. The names that Monolog and other loggers use are understood too: level_name, channel, datetime, context, extra.",
    "properties": {
        "message": {"type": "string", "minLength": 1},
        "level": {"description": "A word such as warn, or a logging library's number.", "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        "severity_number": {"description": "OpenTelemetry's number.", "anyOf": [{"type": "integer", "minimum": 1, "maximum": 24}, {"type": "null"}]},
        "logger": _nullable(type="string"),
        "template": _nullable(type="string"),
        "timestamp": _COMMON["timestamp"],
        "release": _nullable(type="string"),
        "environment": _nullable(type="string"),
        "trace_id": _nullable(type="string"),
        "span_id": _nullable(type="string"),
        "attributes": _nullable(type="object"),
    },
    "required": ["message"],
}  # fmt: skip


def _document(member: str, name: str, words: str, schema: dict[str, Any]) -> None:
    reference = {"$ref": f"#/components/schemas/{name}"}
    batch = {
        "type": "object",
        "properties": {member: {"type": "array", "items": reference}},
        "required": [member],
        "additionalProperties": False,
    }
    document_path(
        f"/api/v1/{member}/",
        "post",
        {
            "operationId": f"{member}_create",
            "summary": f"Send {words}, one or a batch",
            "description": "Needs the scope `ingest`; public keys of browsers have it. Answered once they are durable.",
            "tags": [member],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"oneOf": [reference, batch]}}},
            },
            "responses": {
                "200": {
                    "description": "At least one was taken, or the batch was empty.",
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/NativePerformanceResult"}}
                    },
                }
            },
        },
        components={name: schema},
    )


_document("vitals", "NativeVital", "web vitals", _VITAL)
_document("events", "NativeEvent", "usage events", _EVENT)
_document("logs", "NativeLog", "log lines", _LOG)
