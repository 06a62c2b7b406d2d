"""The noise report: which rules disturb people, whom, and what would make it quieter."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from alerts.enums import Severity
from alerts.noise import list_disturbed, list_noisy_rules
from config.admin.pages import admin_page

RANGES = {"7d": ("7 days", 7), "30d": ("30 days", 30), "90d": ("90 days", 90)}


@admin_page("alerts/noise/", name="alerts_noise", permission="alerts.view_alert")
def show_noise(request: HttpRequest) -> HttpResponseBase:
    """Show how much alerts disturbed people in the last days (?range=7d, 30d or 90d)."""
    chosen = request.GET.get("range", "7d")
    chosen = chosen if chosen in RANGES else "7d"
    since = timezone.now() - timedelta(days=RANGES[chosen][1])
    noisy, disturbed = list_noisy_rules(since=since), list_disturbed(since=since)
    context = {
        **admin.site.each_context(request),
        "title": "Noise",
        "ranges": [(key, words) for key, (words, _) in RANGES.items()],
        "chosen": chosen,
        "words": RANGES[chosen][0],
        "noisy": noisy,
        "disturbed": disturbed,
        "rules": [(rule, Severity(rule.severity)) for rule in noisy.rules],
    }
    return render(request, "alerts/noise.html", context)
