"""What webhooks are sent: Alertmanager's version 4 body, so that whatever understands that understands us. Pure.

Beside its members stand `notification_reason`, in words (see dispatch.Reason) or "test", and `alertURL`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerts.labels import CAUSE

#: Alerts in one body; the others are counted in `truncatedAlerts`.
MAX_ALERTS = 500
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Notice:
    """One alert as the outside sees it. `labels` are complete; `fired_at` and `resolved_at` are UTC.

    `series` is what stays the same when what it is about ends and begins again.
    """

    series: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    fired_at: datetime
    resolved_at: datetime | None
    alert_url: str
    rule_url: str


def outside_labels(
    *, name: str, severity: str, application: str, environment: str, labels: Mapping[str, str], cause: str = ""
) -> dict[str, str]:
    """Return an alert's labels with those that only the outside needs, because inside they are fields.

    `cause` is empty for what everybody expects: that a condition is met.
    """
    return {
        **labels,
        **({CAUSE: cause} if cause else {}),
        "alertname": name,
        "severity": severity,
        "application": application,
        "environment": environment,
    }


def build_payload(
    notices: Sequence[Notice],
    *,
    receiver: str,
    public_url: str,
    group_key: str,
    group_labels: Mapping[str, str],
    reason: str,
) -> dict[str, Any]:
    """Return the body for the alerts of a group, at least one; those that fire first. Others than MAX_ALERTS are counted."""
    firing = [notice for notice in notices if notice.resolved_at is None]
    ordered = firing + [notice for notice in notices if notice.resolved_at is not None]
    shown = ordered[:MAX_ALERTS]
    return {
        "version": "4",
        "groupKey": group_key,
        "truncatedAlerts": len(ordered) - len(shown),
        "status": "firing" if firing else "resolved",
        "receiver": receiver,
        "groupLabels": dict(group_labels),
        "commonLabels": _common([notice.labels for notice in ordered]),
        "commonAnnotations": _common([notice.annotations for notice in ordered]),
        "externalURL": public_url,
        "notification_reason": reason,
        "alerts": [_describe(notice) for notice in shown],
        "alertURL": ordered[0].alert_url,
    }


def write_group_key(labels: Mapping[str, str], *, receiver: str) -> str:
    """Return what names a group outside, in Alertmanager's spelling."""
    described = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in sorted(labels.items()))
    return f"{{}}/{{{receiver}}}:{{{described}}}"


def _describe(notice: Notice) -> dict[str, Any]:
    return {
        "status": "firing" if notice.resolved_at is None else "resolved",
        "labels": dict(notice.labels),
        "annotations": dict(notice.annotations),
        "startsAt": write_time(notice.fired_at),
        "endsAt": NEVER if notice.resolved_at is None else write_time(notice.resolved_at),
        "generatorURL": notice.rule_url,
        "fingerprint": hashlib.sha256(notice.series.encode("utf-8", "surrogatepass")).hexdigest()[:16],
    }


def _common(sets: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return what all of them have."""
    first, *others = sets
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def build_test_payload(*, channel: str, public_url: str, now: datetime) -> dict[str, Any]:
    """Return a body that shows a receiver works; its one alert is resolved already, so that it wakes nobody."""
    notice = Notice(
        series="test",
        labels={"alertname": "Test", "severity": "info"},
        annotations={"summary": "This is a test. Nothing is wrong."},
        fired_at=now,
        resolved_at=now,
        alert_url=public_url,
        rule_url=public_url,
    )
    return build_payload(
        [notice],
        receiver=channel,
        public_url=public_url,
        group_key=write_group_key({"alertname": "Test"}, receiver=channel),
        group_labels={"alertname": "Test"},
        reason="test",
    )


def write_time(moment: datetime) -> str:
    """Return a time in RFC 3339, UTC, with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
