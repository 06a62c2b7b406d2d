"""The room in the admin: alerts, rules, channels, what holds alerts back, escalation, who is on call."""

from __future__ import annotations

from alerts.admin import (
    alerts,
    board,
    cases,
    chains,
    channel_previews,
    channels,
    components,
    inhibitions,
    noise,
    oncall,
    oncall_mine,
    oncall_page,
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
    "board",
    "cases",
    "chains",
    "channel_previews",
    "channels",
    "components",
    "inhibitions",
    "noise",
    "oncall",
    "oncall_mine",
    "oncall_page",
    "people",
    "policies",
    "previews",
    "rulefiles",
    "rules",
    "silences",
    "unusual",
    "why",
]
