"""Error events as SDKs send them, and the way from the door to an issue, in tests."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.test import Client
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorIssue
from monitoring.errors.services.digesting import Digested, digest_batch
from monitoring.errors.services.inbox import Incoming, write_events


def make_frame(function: str = "post_invoice", **fields: Any) -> dict[str, Any]:
    """Return a frame of the application's own code."""
    return {
        "function": function,
        "module": "erp.invoices",
        "filename": "erp/invoices.py",
        "abs_path": "/srv/erp/invoices.py",
        "lineno": 42,
        "in_app": True,
        "context_line": "    ledger.post(invoice)",
        "pre_context": ["def post_invoice(invoice):"],
        "post_context": ["    return invoice"],
        **fields,
    }


def make_event(type: str = "ValueError", value: str = "no such account 4711", **fields: Any) -> dict[str, Any]:  # noqa: A002  (the protocol's word)
    """Return an event with one exception."""
    frames = fields.pop("frames", [make_frame()])
    exception = {"type": type, "value": value, "stacktrace": {"frames": frames}}
    handled = fields.pop("handled", None)
    if handled is not None:
        exception["mechanism"] = {"type": "generic", "handled": handled}
    return {
        "event_id": uuid4().hex,
        "platform": "python",
        "level": "error",
        "exception": {"values": [exception]},
        **fields,
    }


def make_envelope(*items: tuple[str, Any], **header: Any) -> bytes:
    """Return an envelope of (type, payload); payloads that are no bytes are written as JSON."""
    lines = [json.dumps(header).encode()]
    for kind, payload in items:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        lines += [json.dumps({"type": kind, "length": len(data)}).encode(), data]
    return b"\n".join(lines) + b"\n"


def make_public_key(application: Application, **fields: Any) -> str:
    """Return a new public key's token."""
    return issue_key(application=application, kind=KeyKind.PUBLIC, **fields).token


def send_envelope(client: Client, application: Application, key: str, body: bytes, **headers: str) -> Any:
    """Post an envelope as a server's SDK does."""
    auth = {"X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client=test/1"} if key else {}
    return client.post(
        f"/api/{application.pk}/envelope/", body, "application/x-sentry-envelope", headers={**auth, **headers}
    )


def take(application: Application, *events: dict[str, Any], at: datetime | None = None) -> None:
    """Put events into the inbox as if they had arrived at that time, each a microsecond after the one before."""
    moment = at or timezone.now()
    incoming = [
        Incoming.pack(
            application.pk,
            UUID(event.get("event_id") or uuid4().hex),
            moment + timedelta(microseconds=place),
            json.dumps(event).encode(),
        )
        for place, event in enumerate(events)
    ]
    write_events(incoming)


def report(application: Application, *events: dict[str, Any], at: datetime | None = None) -> Digested:
    """Have events arrive and be digested."""
    take(application, *events, at=at)
    return digest_batch()


def make_issue(application: Application, **fields: Any) -> ErrorIssue:
    """Return the issue of one new event; `fields` are those of the event."""
    # Letters only: some of the numbers that an id may hold look like those of cards and would be taken out.
    name = uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))
    event = make_event(**{"type": f"Error{name}", **fields})
    report(application, event)
    return ErrorIssue.objects.get(application=application, type=event["exception"]["values"][0]["type"])
