"""Alerts in people's words: durations, subjects, summaries. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from alerts.labels import describe_labels
from config.lengths import describe_seconds


def summarise(*, rule_name: str, annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Return what is wrong in one line: the annotation `summary`, else the rule's name and the labels."""
    summary = " ".join(annotations.get("summary", "").split())
    if summary:
        return summary
    described = describe_labels(labels)
    return f"{rule_name} ({described})" if described else rule_name


def write_firing_subject(*, severity: str, summary: str, hold_seconds: int) -> str:
    """Return a subject that says it all: “Critical: CPU of erp1 above 95 % for 2 min”."""
    held = f" for {describe_seconds(hold_seconds)}" if hold_seconds else ""
    return f"{severity}: {summary}{held}"


def write_resolved_subject(*, summary: str, lasted_seconds: float) -> str:
    """Return the subject of the good news: “Resolved after 12 min: CPU of erp1 above 95 %”."""
    return f"Resolved after {describe_seconds(lasted_seconds)}: {summary}"


def write_group_subject(*, severity: str, firing: int, resolved: int, summary: str) -> str:
    """Return the subject of a message about several alerts: “Critical: 3 alerts, 1 resolved: CPU of erp1 above 95 %, …”."""
    if not firing:
        return f"Resolved: {resolved} alerts: {summary}, …"
    ended = f", {resolved} resolved" if resolved else ""
    return f"{severity}: {firing} alert{'' if firing == 1 else 's'}{ended}: {summary}, …"
