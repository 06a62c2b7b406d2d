"""What the OpenAPI document says beyond the views themselves: keys, problem documents, endpoints that are plain views."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from config.api.catalogue import list_errors

#: Every operation may be answered so; 404 only where the path names something.
PROBLEM_STATUSES = (400, 401, 403, 405, 406, 413, 415, 429, 503)
PROBLEM = {
    "type": "object",
    "description": "Any answer other than success (RFC 9457). Some errors have more members.",
    "properties": {
        "type": {"type": "string", "description": "Address of the error's documentation."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What the caller should do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["field", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of an application, made on its page in the admin. Reading needs the scope `read`, changing "
    "`write`, sending telemetry `ingest`.",
}
IDEMPOTENCY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]*$"},
    "description": "Makes the request repeatable: sent again within a day, it is answered as before and changes nothing.",
}

Document = dict[str, Any]
_documented: dict[tuple[str, str], Document] = {}
_components: dict[str, Document] = {}


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, in untyped code
    """How a key is sent."""

    target_class = "config.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> Document:
        """Return the bearer scheme."""
        return KEY_SCHEME


def document_path(path: str, method: str, operation: Document, *, components: Document | None = None) -> None:
    """Add an endpoint that is a plain view to the document. `operation` is an OpenAPI operation object without the problem
    responses; `components` are schemas that it refers to. Called at import time by `<room>/api/schema.py` or urls.
    """
    _documented[(path, method.lower())] = operation
    _components.update(components or {})


def keep_documented_endpoints(endpoints: list[Any], **_: Any) -> list[Any]:
    """Return only the product's own REST endpoints. Being in this module, the hook also loads KeyScheme in time."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/")]


def add_documented_paths(result: Document, generator: Any, request: Any, public: bool) -> Document:
    """Add the plain views that rooms documented."""
    for (path, method), operation in sorted(_documented.items()):
        result.setdefault("paths", {}).setdefault(path, {})[method] = {"security": [{"key": []}], **operation}
    result.setdefault("components", {}).setdefault("schemas", {}).update(_components)
    result["components"].setdefault("securitySchemes", {})["key"] = KEY_SCHEME
    return result


def add_problems(result: Document, generator: Any, request: Any, public: bool) -> Document:
    """Add the problem documents to every operation, and the Idempotency-Key to every POST that creates."""
    result["components"]["schemas"]["Problem"] = PROBLEM
    for path, operations in result.get("paths", {}).items():
        for method, operation in operations.items():
            for status in _statuses(path, method):
                operation["responses"].setdefault(str(status), _response(status))
            if method == "post" and "201" in operation["responses"]:
                operation.setdefault("parameters", []).append(IDEMPOTENCY_PARAMETER)
    return result


def _statuses(path: str, method: str) -> tuple[int, ...]:
    found: tuple[int, ...] = PROBLEM_STATUSES
    if "{" in path:
        found = (*found, 404)
    return (*found, 409, 422) if method != "get" else found


def _response(status: int) -> Document:
    titles = sorted({kind.title for kind in list_errors() if kind.status == status})
    return {
        "description": " / ".join(titles) or "Refused.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
