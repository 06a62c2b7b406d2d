"""The room in the admin: alerts (queue and case), rules (list and editor), channels."""

from __future__ import annotations

from alerts.admin import alerts, cases, channels, noise, policies, previews, rulefiles, rules, unusual, why

__all__ = ["alerts", "cases", "channels", "noise", "policies", "previews", "rulefiles", "rules", "unusual", "why"]
