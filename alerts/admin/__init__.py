"""The room in the admin: alerts (queue and case), rules (list and editor), channels, who is on call."""

from __future__ import annotations

from alerts.admin import alerts, cases, channels, oncall, oncall_mine, oncall_page, previews, rulefiles, rules

__all__ = ["alerts", "cases", "channels", "oncall", "oncall_mine", "oncall_page", "previews", "rulefiles", "rules"]
