"""Feedback as SDKs send it, in tests."""

from __future__ import annotations

from typing import Any
from uuid import uuid4


def make_feedback(message: str = "The total is wrong", **said: Any) -> dict[str, Any]:
    """Return an event of the type feedback; `said` goes into its feedback context."""
    return {
        "type": "feedback",
        "event_id": uuid4().hex,
        "timestamp": 1_790_000_000.0,
        "platform": "javascript",
        "release": "erp@2.1",
        "environment": "production",
        "contexts": {"feedback": {"message": message, **said}},
    }
