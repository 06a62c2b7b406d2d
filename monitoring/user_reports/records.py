"""Reports of people on their way in: from a document to a bounded and scrubbed record. Pure.

Two forms exist: feedback, an event whose `contexts.feedback` holds what was said, and the older user report, which names
an event and three texts. Source: develop.sentry.dev/sdk/telemetry/feedbacks and sdk/data-model/envelope-items.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from monitoring.errors.events import make_user_key, read_event, read_event_id
from monitoring.errors.scrubbing import ScrubRules, scrub

MAX_MESSAGE, MAX_NAME, MAX_EMAIL, MAX_URL = 4_096, 128, 254, 500


class UserReportInvalid(Exception):
    """Nothing was said, or it names no event; the text says which."""


@dataclass(frozen=True, slots=True)
class UserReportRecord:
    """What one person said. `event_id` is the error that it is about, None where it is about none.

    `report_id` tells a repetition from a second report. `user_key` stands for the person as in errors. Empty: not said.
    """

    application_id: int
    report_id: UUID
    received_at: datetime
    message: str
    name: str = ""
    email: str = ""
    url: str = ""
    event_id: UUID | None = None
    release: str = ""
    environment: str = ""
    trace_id: str = ""
    user_key: bytes | None = None

    @property
    def size(self) -> int:
        """Return about how many bytes it holds."""
        return 400 + len(self.message)


def read_feedback(
    document: Mapping[str, Any],
    *,
    application_id: int,
    received_at: datetime,
    rules: ScrubRules,
    report_id: UUID | None = None,
    client_ip: str = "",
) -> UserReportRecord:
    """Return what an event of the type feedback says; raise UserReportInvalid where it says nothing.

    `report_id` is what the envelope calls it; without one, it is what the document calls itself, or made of its content.
    """
    cleaned = scrub(document, rules=rules, client_ip=client_ip)
    data = read_event(cleaned, received_at=received_at)
    contexts = cleaned.get("contexts")
    said = contexts.get("feedback") if isinstance(contexts, dict) else None
    said = said if isinstance(said, dict) else {}
    message, email = _text(said.get("message"), MAX_MESSAGE), _text(said.get("contact_email"), MAX_EMAIL)
    if not message:
        raise UserReportInvalid("the feedback holds no message")
    request = cleaned.get("request")
    url = said.get("url") or (request.get("url") if isinstance(request, dict) else "")
    event_id = read_event_id(said.get("associated_event_id"))
    own_id = report_id or read_event_id(document.get("event_id"))
    return UserReportRecord(
        application_id=application_id,
        report_id=own_id or _make_id(event_id, message, email, _text(document.get("timestamp"), 40)),
        received_at=received_at,
        message=message,
        name=_text(said.get("name"), MAX_NAME) or data.user.get("name", "")[:MAX_NAME],
        email=email or data.user.get("email", "")[:MAX_EMAIL],
        url=_text(url, MAX_URL),
        event_id=event_id,
        release=data.release,
        environment=data.environment,
        trace_id=data.trace_id,
        user_key=data.user_key if data.user else make_user_key({"email": email}),
    )


def read_user_report(
    document: Mapping[str, Any], *, application_id: int, received_at: datetime, rules: ScrubRules
) -> UserReportRecord:
    """Return what an older report says; raise UserReportInvalid where it says nothing or names no event."""
    cleaned = scrub(document, rules=rules)
    event_id = read_event_id(document.get("event_id"))
    if event_id is None:
        raise UserReportInvalid("the user report names no event")
    message, email = _text(cleaned.get("comments"), MAX_MESSAGE), _text(cleaned.get("email"), MAX_EMAIL)
    if not message:
        raise UserReportInvalid("the user report holds no comments")
    return UserReportRecord(
        application_id=application_id,
        report_id=_make_id(event_id, message, email),
        received_at=received_at,
        message=message,
        name=_text(cleaned.get("name"), MAX_NAME),
        email=email,
        event_id=event_id,
        user_key=make_user_key({"email": email}),
    )


def _make_id(event_id: UUID | None, *texts: str) -> UUID:
    """Return an id for what has none: the same words about the same event are one report."""
    digest = hashlib.blake2b(event_id.bytes if event_id else b"", digest_size=16)
    for text in texts:
        digest.update(b"\x00" + text.encode(errors="replace"))
    return UUID(bytes=digest.digest())


def _text(value: object, limit: int) -> str:
    """Return a text that the database takes, trimmed and cut; a number as a text, anything else as an empty one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    return value.replace("\x00", "").encode(errors="replace").decode().strip()[:limit]
