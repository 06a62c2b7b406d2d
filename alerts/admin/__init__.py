"""The room in the admin: alerts (queue and case), rules (list and editor), channels, and what holds alerts back."""

from __future__ import annotations

from alerts.admin import (
    alerts,
    cases,
    channel_previews,
    channels,
    components,
    inhibitions,
    noise,
    people,
    policies,
    previews,
    rulefiles,
    rules,
    silences,
    unusual,
    why,
)

__all__ = [
    "alerts",
    "cases",
    "channel_previews",
    "channels",
    "components",
    "inhibitions",
    "noise",
    "people",
    "policies",
    "previews",
    "rulefiles",
    "rules",
    "silences",
    "unusual",
    "why",
]
