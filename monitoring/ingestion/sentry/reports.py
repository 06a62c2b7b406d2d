"""Client reports: what an SDK says it did not send. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from monitoring.lenient import BROKEN, decode_json

MAX_QUANTITY = 1_000_000_000
#: What was left out because somebody wanted it so; every other reason is a loss.
ON_PURPOSE = frozenset(
    {"sample_rate", "before_send", "before_send_transaction", "event_processor", "ignored", "no_parent_span"}
)

#: Categories of the protocol's rate limits. Those in bytes repeat others that count things.
CATEGORIES: dict[str, str] = {
    "default": "errors",
    "error": "errors",
    "transaction": "transactions",
    "span": "spans",
    "log_item": "logs",
    "session": "sessions",
    "feedback": "feedback",
    "user_report_v2": "feedback",
    "monitor": "check_ins",
    "attachment": "attachments",
    "security": "security",
    "profile": "profiles",
    "profile_chunk": "profiles",
    "profile_chunk_ui": "profiles",
    "replay": "replays",
    "trace_metric": "points",
    "metric_bucket": "points",
}
IGNORED_CATEGORIES = frozenset({"log_byte", "trace_metric_byte", "internal"})


class ReportInvalid(Exception):
    """A client report that can't be read."""


@dataclass(frozen=True, slots=True)
class Missing:
    """How many of one kind never came; `on_purpose`: the client was told to leave them out."""

    signal: str
    quantity: int
    on_purpose: bool


def read_client_report(payload: bytes) -> list[Missing]:
    """Return what a report says is missing. Raises ReportInvalid; single entries that make no sense are passed over."""
    try:
        report = decode_json(payload)
    except BROKEN as error:
        raise ReportInvalid(str(error)) from error
    if not isinstance(report, dict):
        raise ReportInvalid("a client report is a JSON object")
    entries = report.get("discarded_events") or []
    if not isinstance(entries, list):
        raise ReportInvalid("discarded_events is not a list")
    return [missing for entry in entries if (missing := _read_entry(entry)) is not None]


def _read_entry(entry: Any) -> Missing | None:
    if not isinstance(entry, dict):
        return None
    category, reason, quantity = entry.get("category"), entry.get("reason"), entry.get("quantity", 1)
    if category in IGNORED_CATEGORIES or not isinstance(category, str):
        return None
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        return None
    signal = CATEGORIES.get(category, "other")
    return Missing(signal, min(quantity, MAX_QUANTITY), isinstance(reason, str) and reason in ON_PURPOSE)
