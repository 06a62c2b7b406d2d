"""The door for errors as JSON, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

from config.api.schema import document_path


def _nullable(kind: str, **more: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": kind, **more}, {"type": "null"}]}


_STACK = {
    "description": "As the language prints it, or as a list of lines, or as PHP's debug_backtrace() returns it.",
    "anyOf": [{"type": "string"}, {"type": "array", "items": {}}, {"type": "null"}],
}
_NAME = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}
_ERROR = {
    "type": "object",
    "description": "One error, from a program without an SDK. Only the message has to be there.",
    "properties": {
        "message": {"type": "string", "minLength": 1, "pattern": r"\S"},
        "type": {"type": "string", "description": "javascript_error, unhandled_promise_rejection, php_error, php_exception, or a class."},
        "class": {"type": "string", "description": "The exception's class."},
        **{name: _nullable("string") for name in ("file", "filename", "url", "method", "user_agent", "release", "environment", "server", "platform", "trace_id", "event_id")},
        **{name: _nullable("integer", format="int32") for name in ("line", "lineno", "column", "colno")},
        **dict.fromkeys(("stack", "stack_trace", "trace"), _STACK),
        "user_id": _NAME,
        "user": _nullable("object"),
        "context": {"description": "Anything that helps; secrets are taken out."},
        "server_info": _nullable("object"),
        "tags": _nullable("object", additionalProperties={"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]}),
        "level": {"description": "fatal, error, warning, info, debug, or PHP's number.", **_NAME},
        "handled": _nullable("boolean"),
        "timestamp": {
            "description": "RFC 3339 (without a zone: UTC), epoch seconds or milliseconds; left out: now.",
            "anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}],
        },
        "fingerprint": _nullable("array", items={"type": "string"}),
    },
    "required": ["message"],
}  # fmt: skip
_RESULT = {
    "type": "object",
    "description": "What became of the errors. Refused ones are named; the others are taken.",
    "properties": {
        "stored": {"type": "integer"},
        "ids": {"type": "array", "items": {"type": "string"}},
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
    "required": ["stored", "ids", "refused_count", "refused"],
}

document_path(
    "/api/v1/errors/",
    "post",
    {
        "operationId": "errors_create",
        "summary": "Send errors, one or a batch",
        "description": "Needs the scope `ingest`. Answered once the errors are durable; they show up as issues within seconds.",
        "tags": ["errors"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/NativeError"},
                            {
                                "type": "object",
                                "properties": {
                                    "errors": {"type": "array", "items": {"$ref": "#/components/schemas/NativeError"}}
                                },
                                "required": ["errors"],
                                "additionalProperties": False,
                            },
                        ]
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "At least one error was taken, or the batch was empty.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NativeErrorResult"}}},
            }
        },
    },
    components={"NativeError": _ERROR, "NativeErrorResult": _RESULT},
)
