"""The product's own JSON for alerts, for any tool that can make an HTTP request. Pure. docs/alerts.md has the fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.incoming.alertmanager import ENDS_EARLY
from alerts.incoming.reports import (
    DEFAULT_SEVERITY,
    MAX_TITLE_LENGTH,
    MAX_VALUE_LENGTH,
    BodyMalformed,
    Reading,
    Refused,
    Report,
    ReportInvalid,
    check_count,
    decode_body,
    read_annotations,
    read_labels,
    read_moment,
    read_severity,
    read_text,
    read_url,
)
from alerts.rulefiles.mappings import name_runbook_from_file
from monitoring.ingestion.times import is_number

FIELDS = frozenset(
    {
        "title",
        "key",
        "status",
        "severity",
        "labels",
        "annotations",
        "url",
        "value",
        "starts_at",
        "ends_at",
        "expires_in_seconds",
    }
)
MAX_EXPIRY_SECONDS = 31 * 86_400
#: Names no label can have here, so that a key never equals a set of labels.
_KEY, _TITLE = "__key__", "__title__"


def read_alerts(body: bytes, *, now: datetime) -> Reading:
    """Return what one alert, or `{"alerts": [...]}`, says; raise BodyMalformed for another body."""
    content = decode_body(body)
    if not isinstance(content, dict):
        raise BodyMalformed('The body is no JSON object. Send an alert, or several as {"alerts": [...]}.')
    entries = content.get("alerts", [content])
    if not isinstance(entries, list) or ("alerts" in content and len(content) > 1):
        raise BodyMalformed('Send several alerts as {"alerts": [...]}, with nothing beside the list.')
    check_count(entries)
    reports, refused = [], []
    for index, entry in enumerate(entries):
        try:
            reports.append(_read_entry(index, entry, now))
        except ReportInvalid as error:
            refused.append(Refused(index, error.field, error.reason))
    return Reading(tuple(reports), tuple(refused))


def _read_entry(index: int, entry: Any, now: datetime) -> Report:
    if not isinstance(entry, dict):
        raise ReportInvalid("alert", "is not an object")
    unknown = sorted(set(entry) - FIELDS)
    if unknown:
        raise ReportInvalid(unknown[0][:60], f"is not known; fields are {', '.join(sorted(FIELDS))}")
    status = entry.get("status", "firing")
    if status not in ("firing", "resolved"):
        raise ReportInvalid("status", "is neither firing nor resolved")
    is_firing = status == "firing"
    key = _read_line(entry.get("key"), "key", MAX_VALUE_LENGTH)
    title = _read_line(entry.get("title"), "title", MAX_TITLE_LENGTH)
    # An end needs no title if a key says whose end it is.
    if not title and (is_firing or not key):
        raise ReportInvalid("title", "is missing")
    labels = read_labels(entry.get("labels"), any_name=True, scalars=True)
    if any(name.startswith("__") for name in labels):
        raise ReportInvalid("labels", "has a name that begins with __")
    starts_at, ends_at = _read_span(entry, now, is_firing)
    return Report(
        index=index,
        identity={_KEY: key} if key else {**labels, _TITLE: title},
        name=title or key[:MAX_TITLE_LENGTH],
        severity=read_severity(read_text(entry.get("severity") or DEFAULT_SEVERITY, "severity")),
        is_firing=is_firing,
        labels=labels,
        annotations=name_runbook_from_file(read_annotations(entry.get("annotations"), scalars=True)),
        starts_at=starts_at,
        ends_at=ends_at,
        url=read_url(entry.get("url"), field="url"),
        value=_read_value(entry.get("value")),
    )


def _read_span(entry: Mapping[str, Any], now: datetime, is_firing: bool) -> tuple[datetime | None, datetime | None]:
    starts_at = read_moment(entry.get("starts_at"), field="starts_at", now=now, numbers=True)
    ends_at = read_moment(entry.get("ends_at"), field="ends_at", now=now, numbers=True)
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise ReportInvalid("ends_at", ENDS_EARLY)
    if not is_firing:
        return starts_at, ends_at
    if ends_at is not None:
        raise ReportInvalid("ends_at", "belongs to a resolved alert; a firing one has expires_in_seconds")
    seconds = entry.get("expires_in_seconds")
    if seconds is None:
        return starts_at, None
    if not is_number(seconds) or not 1 <= seconds <= MAX_EXPIRY_SECONDS:
        raise ReportInvalid("expires_in_seconds", f"is not a number from 1 to {MAX_EXPIRY_SECONDS:,}")
    return starts_at, now + timedelta(seconds=float(seconds))


def _read_line(value: Any, field: str, most: int) -> str:
    text = " ".join(read_text(value, field).split()) if value is not None else ""
    if len(text) > most:
        raise ReportInvalid(field, f"is longer than {most:,} characters")
    return text


def _read_value(value: Any) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise ReportInvalid("value", "is not a number")
    return float(value)
