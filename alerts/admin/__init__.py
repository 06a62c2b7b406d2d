"""The room in the admin: alerts (queue and case), rules (list and editor), channels."""

from __future__ import annotations

from alerts.admin import alerts, cases, channel_previews, channels, people, previews, rulefiles, rules

__all__ = ["alerts", "cases", "channel_previews", "channels", "people", "previews", "rulefiles", "rules"]
