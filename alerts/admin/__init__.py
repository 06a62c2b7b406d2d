"""The room in the admin: alerts (queue and case), rules (list and editor), channels, silences."""

from __future__ import annotations

from alerts.admin import alerts, cases, channels, previews, rulefiles, rules, silences

__all__ = ["alerts", "cases", "channels", "previews", "rulefiles", "rules", "silences"]
