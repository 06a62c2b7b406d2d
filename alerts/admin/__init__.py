"""The room in the admin: alerts (queue and case), rules (list and editor), channels, and what holds alerts back."""

from __future__ import annotations

from alerts.admin import alerts, cases, channels, components, inhibitions, previews, rulefiles, rules, silences

__all__ = [
    "alerts",
    "cases",
    "channels",
    "components",
    "inhibitions",
    "previews",
    "rulefiles",
    "rules",
    "silences",
]
