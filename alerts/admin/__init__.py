"""The room in the admin: alerts (queue and case), rules (list and editor), channels."""

from __future__ import annotations

from alerts.admin import (
    alerts,
    cases,
    channel_previews,
    channels,
    noise,
    people,
    policies,
    previews,
    rulefiles,
    rules,
    unusual,
    why,
)

__all__ = [
    "alerts",
    "cases",
    "channel_previews",
    "channels",
    "noise",
    "people",
    "policies",
    "previews",
    "rulefiles",
    "rules",
    "unusual",
    "why",
]
