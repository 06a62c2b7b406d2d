"""The doors for requests and database queries as JSON, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from config.api.schema import document_path


def _nullable(kind: str, description: str = "", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"anyOf": [{"type": kind, **more}, {"type": "null"}]}
    return {"description": description, **found} if description else found


_COMMON = {
    "duration_ms": _nullable("number", "Milliseconds.", minimum=0, maximum=86_400_000),
    "duration": _nullable("number", "Seconds; left out where duration_ms is sent.", minimum=0, maximum=86_400),
    "failed": _nullable("boolean"),
    "release": _nullable("string"),
    "environment": _nullable("string"),
    "timestamp": {
        "description": "When it began: RFC 3339, epoch seconds or milliseconds; left out: just now.",
        "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0, "maximum": 4_000_000_000}, {"type": "null"}],
    },
    "trace_id": _nullable("string", "32 hexadecimal digits."),
    "span_id": _nullable("string", "16 hexadecimal digits."),
    "id": _nullable("string", "The same id at the same time is stored once.", format="uuid"),
}  # fmt: skip
_REQUEST = {
    "type": "object",
    "description": "One request that the application answered; without a method, one run of a job.",
    "properties": {
        "endpoint": {"type": "string", "minLength": 1, "pattern": r"^\S+$", "description": "The route, such as /orders/{id}. An address is put as one."},
        "route": _nullable("string"),
        "url": _nullable("string", "Kept without query and login."),
        "method": _nullable("string", maxLength=16),
        "status_code": _nullable("integer", minimum=0, maximum=999),
        "user_id": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        **_COMMON,
        "duration_ms": {"type": "number", "minimum": 0, "maximum": 86_400_000, "description": "Milliseconds."},
    },
    "required": ["endpoint", "duration_ms"],
}  # fmt: skip
_QUERY = {
    "type": "object",
    "description": "One database query. Its text is kept without the values in it.",
    "properties": {
        "query": {"type": "string", "minLength": 1},
        "query_type": _nullable("string", "SELECT, INSERT ...; left out: read from the text."),
        "table_name": _nullable("string"),
        "params_count": _nullable("integer", minimum=0, maximum=2_147_483_647),
        "system": _nullable("string", "postgresql, mysql, sqlite ..."),
        "endpoint": _nullable("string", "Of the request that made it."),
        **_COMMON,
        "duration_ms": {"type": "number", "minimum": 0, "maximum": 86_400_000, "description": "Milliseconds."},
    },
    "required": ["query", "duration_ms"],
}
_RESULT = {
    "type": "object",
    "description": "What became of them. Refused ones are named; the others are stored.",
    "properties": {
        "stored": {"type": "integer"},
        "refused_count": {"type": "integer"},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "field": {"type": "string"},
                    "reason": {"type": "string"},
                },
                "required": ["index", "field", "reason"],
            },
        },
    },
    "required": ["stored", "refused_count", "refused"],
}


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
            "description": "Needs the scope `ingest`. Answered once they are durable. Also taken: "
            '`{"metric": …, "value": milliseconds, "tags": {…}}`.',
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
        components={name: schema, "NativePerformanceResult": _RESULT},
    )


_document("requests", "NativeRequest", "requests", _REQUEST)
_document("queries", "NativeQuery", "database queries", _QUERY)
