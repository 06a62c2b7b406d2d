"""The doors that are plain views, as the OpenAPI document shows them."""

from __future__ import annotations

from config.api.schema import document_path

_POINT = {
    "type": "object",
    "description": "One measurement. Names and units follow OpenTelemetry: seconds, ratios, bytes.",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[a-zA-Z_:][a-zA-Z0-9_:]*$"},
        "value": {
            "anyOf": [{"type": "number"}, {"type": "string", "enum": ["NaN", "Inf", "+Inf", "-Inf"]}],
        },
        "timestamp": {
            "description": "RFC 3339 with a zone, or epoch seconds; left out: now.",
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
        },
        "labels": {
            "anyOf": [
                {
                    "type": "object",
                    "maxProperties": 64,
                    "additionalProperties": {
                        "anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}],
                    },
                },
                {"type": "null"},
            ],
        },
        "unit": {"anyOf": [{"type": "string", "maxLength": 64}, {"type": "null"}]},
    },
    "required": ["name", "value"],
    "additionalProperties": False,
}
_BATCH = {
    "type": "object",
    "properties": {"points": {"type": "array", "items": {"$ref": "#/components/schemas/MetricPoint"}}},
    "required": ["points"],
    "additionalProperties": False,
}
_RESULT = {
    "type": "object",
    "description": "What became of a batch. Refused points are named; the others are stored.",
    "properties": {
        "stored": {"type": "integer"},
        "limited": {"type": "integer", "description": "Valid points of series beyond the application's limit."},
        "refused_count": {"type": "integer"},
        "refused": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "index": {"type": "integer"},
                    "field": {"type": "string"},
                    "reason": {"type": "string"},
                    "series": {"type": "string"},
                },
                "required": ["index", "field", "reason", "series"],
            },
        },
    },
    "required": ["stored", "limited", "refused_count", "refused"],
}

document_path(
    "/api/v1/metrics/",
    "post",
    {
        "operationId": "metrics_create",
        "summary": "Send metric points, one or a batch",
        "description": "Needs the scope `ingest`. Answered once the points are durable. The body may be compressed (gzip, "
        "deflate, zstd). Points sent twice are stored once.",
        "tags": ["metrics"],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "oneOf": [
                            {"$ref": "#/components/schemas/MetricPoint"},
                            {"$ref": "#/components/schemas/MetricBatch"},
                        ]
                    }
                }
            },
        },
        "responses": {
            "200": {
                "description": "At least one point was stored, or the batch was empty.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/MetricResult"}}},
            }
        },
    },
    components={"MetricPoint": _POINT, "MetricBatch": _BATCH, "MetricResult": _RESULT},
)
