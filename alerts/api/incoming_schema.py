"""The doors for alerts of other systems, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from alerts.incoming.generic import MAX_EXPIRY_SECONDS
from alerts.incoming.reports import MAX_LABELS, MAX_TITLE_LENGTH, MAX_VALUE_LENGTH
from config.api.schema import document_path


def _nullable(**more: Any) -> dict[str, Any]:
    return {"anyOf": [more, {"type": "null"}]}


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_SCALARS = {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]}
_TIME = {
    "description": "RFC 3339, epoch seconds or milliseconds.",
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}, {"type": "null"}],
}
_ALERT = {
    "type": "object",
    "description": "One alert of any tool. It is found again by `key`, or else by title and labels.",
    "properties": {
        "title": _nullable(type="string", maxLength=MAX_TITLE_LENGTH),
        "key": _nullable(type="string", maxLength=MAX_VALUE_LENGTH),
        "status": {"type": "string", "enum": ["firing", "resolved"], "default": "firing"},
        "severity": {"type": "string", "description": "info, warning, critical, or what other systems call these."},
        "labels": _nullable(type="object", maxProperties=MAX_LABELS, additionalProperties=_SCALARS),
        "annotations": _nullable(
            type="object",
            description="summary, description and runbook are shown; others are kept.",
            additionalProperties=_SCALARS,
        ),
        "url": _nullable(type="string"),
        "value": _nullable(type="number"),
        "starts_at": _TIME,
        "ends_at": _TIME,
        "expires_in_seconds": _nullable(type="number", minimum=1, maximum=MAX_EXPIRY_SECONDS),
    },
    "additionalProperties": False,
}
_HOOK = {
    "type": "object",
    "description": "What Alertmanager (version 4) and Grafana post; other members are passed over.",
    "properties": {
        "alerts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "status": {"type": "string", "enum": ["firing", "resolved"]},
                    "labels": _TEXTS,
                    "annotations": _TEXTS,
                    "startsAt": {"type": "string", "format": "date-time"},
                    "endsAt": {"type": "string", "format": "date-time"},
                    "generatorURL": {"type": "string"},
                },
                "required": ["status", "labels"],
            },
        }
    },
    "required": ["alerts"],
}
_RESULT = {
    "type": "object",
    "description": "What became of the alerts. Refused ones are named; the others are taken.",
    "properties": {
        "stored": {"type": "integer"},
        "limited": {
            "type": "integer",
            "description": "Valid ones beyond the open alerts that an application may have.",
        },
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
    "required": ["stored", "limited", "refused_count", "refused"],
}
_EXPIRY = {
    "name": "expire_after",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 60, "maximum": MAX_EXPIRY_SECONDS},
    "description": "Seconds after which a firing alert is over without news. Left out: it waits for its end.",
}


def _document(path: str, operation: str, summary: str, schema: dict[str, Any], *parameters: dict[str, Any]) -> None:
    document_path(
        path,
        "post",
        {
            "operationId": operation,
            "summary": summary,
            "description": "Needs the scope `ingest`. Answered once they are durable; sent twice, they are there once.",
            "tags": ["alerts"],
            "parameters": list(parameters),
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "responses": {
                "200": {
                    "description": "At least one was taken, or there was none.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/IncomingResult"}}},
                }
            },
        },
        components={
            "IncomingAlert": _ALERT,
            "IncomingAlerts": {
                "type": "object",
                "properties": {"alerts": {"type": "array", "items": {"$ref": "#/components/schemas/IncomingAlert"}}},
                "required": ["alerts"],
                "additionalProperties": False,
            },
            "IncomingWebhook": _HOOK,
            "IncomingResult": _RESULT,
        },
    )


_document(
    "/api/v1/alerts/incoming/",
    "alerts_incoming_create",
    "Send alerts of any tool, one or several",
    {
        "oneOf": [
            {"$ref": "#/components/schemas/IncomingAlert"},
            {"$ref": "#/components/schemas/IncomingAlerts"},
        ]
    },
)
for _tool, _words in (("alertmanager", "an Alertmanager"), ("grafana", "Grafana")):
    _document(
        f"/api/v1/alerts/incoming/{_tool}/",
        f"alerts_incoming_{_tool}_create",
        f"Webhook of {_words}",
        {"$ref": "#/components/schemas/IncomingWebhook"},
        _EXPIRY,
    )
