"""What is posted to Alertmanager's own API, as Prometheus, vmalert, Loki and amtool do. Pure.

Answers as Alertmanager 0.25 does. Source: github.com/prometheus/alertmanager, api/v2/openapi.yaml and api/v2/api.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.incoming.reports import (
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
    read_url,
    split_labels,
)
from alerts.rulefiles.mappings import name_runbook_from_file

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert without an end goes on without news: Alertmanager's own default."""
NO_LABELS = "at least one label pair required"
ENDS_EARLY = "start time must be before end time"


def read_posted_alerts(body: bytes, *, now: datetime) -> Reading:
    """Return what a list of alerts says; raise BodyMalformed if it is none."""
    entries = decode_body(body)
    if entries is None:
        entries = []
    if not isinstance(entries, list):
        raise BodyMalformed("The body is not a list of alerts.")
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
    labels = read_labels(entry.get("labels"))
    if not labels:
        raise ReportInvalid("labels", NO_LABELS)
    starts_at, ends_at = read_span(entry, now)
    name, severity, rest = split_labels(labels)
    return Report(
        index=index,
        identity=labels,
        name=name,
        severity=severity,
        is_firing=ends_at is None or ends_at > now,
        labels=rest,
        annotations=name_runbook_from_file(read_annotations(entry.get("annotations"))),
        starts_at=starts_at,
        ends_at=now + RESOLVE_TIMEOUT if ends_at is None else ends_at,
        url=read_url(entry.get("generatorURL"), field="generatorURL"),
    )


def read_span(entry: Mapping[str, Any], now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when an alert began and when it ends, None for what is not said. Raises ReportInvalid."""
    starts_at = read_moment(entry.get("startsAt"), field="startsAt", now=now)
    ends_at = read_moment(entry.get("endsAt"), field="endsAt", now=now)
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        raise ReportInvalid("endsAt", ENDS_EARLY)
    return starts_at, ends_at


def join_reasons(refused: tuple[Refused, ...], *, shown: int = 20) -> str:
    """Return in one line why entries were refused, as Alertmanager does, with their places."""
    reasons = [f"alert {one.index}: {one.field}: {one.reason}" for one in refused[:shown]]
    more = [f"and {len(refused) - shown} more"] if len(refused) > shown else []
    return "; ".join([*reasons, *more])
