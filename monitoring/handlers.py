"""What this room tells others by events."""

from __future__ import annotations

from config.outbox.registry import describe_event

_ISSUE = {
    "issue_id": "Id of the issue.",
    "title": "What went wrong, in one line.",
    "level": "debug, info, warning, error or fatal.",
    "at": "When the event arrived that led to it (RFC 3339, UTC).",
}

describe_event("issue.new", "An error happened that looks like none before it.", payload=_ISSUE)
describe_event("issue.regressed", "An error that was resolved happened again.", payload=_ISSUE)
