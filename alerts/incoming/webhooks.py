"""What Alertmanager's and Grafana's webhooks say. Pure.

Source: prometheus.io/docs/alerting/latest/configuration/#webhook_config (version 4);
grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.incoming.alertmanager import NO_LABELS, read_span
from alerts.incoming.reports import (
    MAX_TEXT_LENGTH,
    BodyMalformed,
    Reading,
    Refused,
    Report,
    ReportInvalid,
    check_count,
    cut,
    decode_body,
    read_annotations,
    read_labels,
    read_text,
    read_url,
    split_labels,
)
from alerts.rulefiles.mappings import name_runbook_from_file
from monitoring.ingestion.times import is_number

#: Members of an alert in Grafana's webhook that are kept as annotations.
GRAFANA_NOTES = ("valueString", "imageURL", "dashboardURL", "panelURL", "silenceURL")


def read_webhook(body: bytes, *, now: datetime, expire_after: timedelta | None = None) -> Reading:
    """Return what a webhook says; raise BodyMalformed for another body.

    `expire_after` is how long a firing alert goes on without news; None: until the sender says that it is over.
    """
    content = decode_body(body)
    if not isinstance(content, dict) or not isinstance(content.get("alerts"), list):
        raise BodyMalformed("The body is not that of a webhook: it has no list “alerts”.")
    entries = content["alerts"]
    check_count(entries)
    reports, refused = [], []
    for index, entry in enumerate(entries):
        try:
            reports.append(_read_entry(index, entry, now, expire_after))
        except ReportInvalid as error:
            refused.append(Refused(index, error.field, error.reason))
    return Reading(tuple(reports), tuple(refused))


def _read_entry(index: int, entry: Any, now: datetime, expire_after: timedelta | None) -> Report:
    if not isinstance(entry, dict):
        raise ReportInvalid("alert", "is not an object")
    status = entry.get("status")
    if status not in ("firing", "resolved"):
        raise ReportInvalid("status", "is neither firing nor resolved")
    # Newer Alertmanagers and Grafana let a label have any name.
    labels = read_labels(entry.get("labels"), any_name=True)
    if not labels:
        raise ReportInvalid("labels", NO_LABELS)
    starts_at, ends_at = read_span(entry, now)
    is_firing = status == "firing"
    if is_firing:
        ends_at = now + expire_after if expire_after is not None else None
    name, severity, rest = split_labels(labels)
    return Report(
        index=index,
        identity=labels,
        name=name,
        severity=severity,
        is_firing=is_firing,
        labels=rest,
        annotations=_read_annotations(entry),
        starts_at=starts_at,
        ends_at=ends_at,
        url=read_url(entry.get("generatorURL"), field="generatorURL"),
        value=_read_value(entry.get("values")),
    )


def _read_annotations(entry: Mapping[str, Any]) -> dict[str, str]:
    notes = {name: read_text(entry[name], name) for name in GRAFANA_NOTES if entry.get(name)}
    annotations = {name: cut(text, MAX_TEXT_LENGTH) for name, text in notes.items()}
    return {**annotations, **name_runbook_from_file(read_annotations(entry.get("annotations")))}


def _read_value(values: Any) -> float | None:
    """Return the value of an alert that has exactly one; Grafana sends those of all queries and expressions."""
    if not isinstance(values, dict) or len(values) != 1:
        return None
    (value,) = values.values()
    return float(value) if is_number(value) else None
