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
describe_event(
    "issue.critical",
    "An error met a critical pattern, after half an hour without one at least.",
    payload={**_ISSUE, "pattern_id": "Id of the critical pattern."},
)

describe_event(
    "user_report.received",
    "Somebody said something, mostly about an error that had just happened to them.",
    payload={
        "report_id": "Id of the report.",
        "event_id": "The error that it is about, as the client calls it; empty: about none.",
        "at": "When it arrived (RFC 3339, UTC).",
    },
)

describe_event(
    "release.regressed",
    "A new release is worse than the one before it.",
    payload={
        "release_id": "Id of the release.",
        "release": "Its version.",
        "before": "Version of the one it was compared with.",
        "environment": "Where; empty: everywhere, or where clients name no environment.",
        "reason": "crashes, errors, new_issues or failed_requests.",
        "at": "When that was found (RFC 3339, UTC).",
    },
)
