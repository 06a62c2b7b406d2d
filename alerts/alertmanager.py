"""What webhooks are sent: Alertmanager's version 4 body, so that whatever understands that understands us. Pure.

Beside its members stands `notification_reason`: alert_firing, alert_resolved or test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert as the outside sees it. `labels` are complete; `fired_at` and `resolved_at` are UTC."""

    alert_id: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    fired_at: datetime
    resolved_at: datetime | None
    alert_url: str
    rule_url: str


def outside_labels(
    *, name: str, severity: str, application: str, environment: str, labels: Mapping[str, str]
) -> dict[str, str]:
    """Return an alert's labels with those that only the outside needs, because inside they are fields."""
    return {
        **labels,
        "alertname": name,
        "severity": severity,
        "application": application,
        "environment": environment,
    }


def build_payload(notice: Notice, *, receiver: str, public_url: str) -> dict[str, Any]:
    """Return the body for one alert that fires or was resolved."""
    status = "firing" if notice.resolved_at is None else "resolved"
    group = {name: notice.labels[name] for name in ("alertname", "application") if name in notice.labels}
    alert = {
        "status": status,
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": write_time(notice.fired_at),
        "endsAt": NEVER if notice.resolved_at is None else write_time(notice.resolved_at),
        "generatorURL": notice.rule_url,
        "fingerprint": f"{notice.alert_id:016x}",
    }
    return {
        "version": "4",
        "groupKey": "{}:{" + ", ".join(f'{name}="{value}"' for name, value in group.items()) + "}",
        "truncatedAlerts": 0,
        "status": status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": dict(notice.labels),
        "commonAnnotations": dict(notice.annotations),
        "externalURL": public_url,
        "notification_reason": f"alert_{status}",
        "alerts": [alert],
        "alertURL": notice.alert_url,
    }


def build_test_payload(*, channel: str, public_url: str, now: datetime) -> dict[str, Any]:
    """Return a body that shows a receiver works; its one alert is resolved already, so that it wakes nobody."""
    notice = Notice(
        alert_id=0,
        labels={"alertname": "Test", "severity": "info"},
        annotations={"summary": "This is a test. Nothing is wrong."},
        fired_at=now,
        resolved_at=now,
        alert_url=public_url,
        rule_url=public_url,
    )
    return {**build_payload(notice, receiver=channel, public_url=public_url), "notification_reason": "test"}


def write_time(moment: datetime) -> str:
    """Return a time in RFC 3339, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
