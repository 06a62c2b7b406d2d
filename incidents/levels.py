"""What each level means and asks for, and which level an alert gives. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a level means, within what time somebody responds and it is resolved, and how often those concerned hear of it."""

    meaning: str
    respond_within: timedelta
    resolve_within: timedelta
    communication: str


#: By level, the worst first.
REQUIREMENTS: dict[str, Requirements] = {
    "P1": Requirements("the system is unavailable", timedelta(minutes=15), timedelta(hours=4), "immediately"),
    "P2": Requirements("a major feature is unavailable", timedelta(minutes=30), timedelta(hours=8), "within 1 hour"),
    "P3": Requirements("minor features have issues", timedelta(hours=2), timedelta(hours=24), "daily"),
    "P4": Requirements("cosmetic", timedelta(hours=24), timedelta(weeks=1), "weekly"),
}

#: A critical alert is a critical symptom, and that alone makes P1. P2 takes many affected people or lost revenue, of which
#: an alert says nothing; so a warning is P3 until somebody, or a measurement, knows more. Info wakes nobody: P4.
_BY_SEVERITY = {"critical": "P1", "warning": "P3", "info": "P4"}
_REASONS = {
    "critical": "a critical alert is a critical symptom",
    "warning": "a warning alone does not say how many people it affects",
    "info": "it is only for information",
}


def judge_severity(severity: str) -> tuple[str, str]:
    """Return the level that an alert of a severity (info, warning, critical) gives, and why in words."""
    return _BY_SEVERITY[severity], _REASONS[severity]


def is_worse(level: str, than: str) -> bool:
    """Say whether a level is more urgent than another."""
    order = list(REQUIREMENTS)
    return order.index(level) < order.index(than)
