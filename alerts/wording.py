"""Alerts in people's words: durations, subjects, summaries. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from alerts.evaluation import GONE_AFTER
from alerts.labels import describe_labels
from config.lengths import describe_seconds

#: In hours, as people say it.
GONE_AFTER_WORDS = f"{GONE_AFTER // timedelta(hours=1)} h"


def summarise(*, rule_name: str, annotations: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Return what is wrong in one line: the annotation `summary`, else the rule's name and the labels."""
    summary = " ".join(annotations.get("summary", "").split())
    if summary:
        return summary
    described = describe_labels(labels)
    return f"{rule_name} ({described})" if described else rule_name


def add_gone(summary: str) -> str:
    """Return the summary of an alert that was let go of, saying so."""
    return f"{summary}; without data for {GONE_AFTER_WORDS}, taken as gone for good"


def summarise_no_data(*, rule_name: str, labels: Mapping[str, str], seconds: float = 0) -> str:
    """Return what is wrong with a series that is missing: “No data from host web-1 for 10 min (rule “CPU busy”)”.

    `labels` are those of the series. `seconds` 0: not for how long, because it only begins.
    """
    origin = ", ".join(f"{name} {value}" for name, value in sorted(labels.items()))
    words = ["No data", f"from {origin}" if origin else "", f"for {describe_seconds(seconds)}" if seconds else ""]
    return f"{' '.join(word for word in words if word)} (rule “{rule_name}”)"


def annotate_no_data(*, rule_name: str, labels: Mapping[str, str], seconds: float = 0) -> dict[str, str]:
    """Return the annotations of an alert of missing data: the rule's own speak of its condition."""
    return {
        "summary": summarise_no_data(rule_name=rule_name, labels=labels, seconds=seconds),
        "description": f"The rule “{rule_name}” can't be judged: what it watches has stopped coming. Whether its condition is "
        "met now, nobody knows.",
        "runbook": "Is what reports this still running, and does it reach Postlaunch? If it was taken out of service, close "
        f"the alert by hand; {GONE_AFTER_WORDS} after people were told it ends by itself.",
    }


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
