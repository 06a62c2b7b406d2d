"""The page that says what became of everything an application sent."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from config.admin.pages import admin_page
from monitoring.applications.current import find_current_application
from monitoring.errors.selectors import list_set_aside, measure_inbox
from monitoring.losses.selectors import sum_by_signal

RANGES = {"24h": ("Last 24 hours", 1), "7d": ("Last 7 days", 7), "30d": ("Last 30 days", 30)}


@admin_page("monitoring/losses/", name="monitoring_losses", permission="monitoring.view_application")
def show_losses(request: HttpRequest) -> HttpResponseBase:
    """Show the loss account of the chosen application, by kind of signal."""
    application = find_current_application(request)
    chosen = request.GET.get("range", "24h")
    chosen = chosen if chosen in RANGES else "24h"
    since = timezone.now() - timedelta(days=RANGES[chosen][1])
    totals = sum_by_signal(application_id=application.pk, since=since) if application is not None else {}
    inbox = measure_inbox()
    context = {
        **admin.site.each_context(request),
        "title": "What came in",
        "application": application,
        "rows": [(signal.label, total) for signal, total in totals.items()],
        "ranges": [(key, words, key == chosen) for key, (words, _) in RANGES.items()],
        "inbox": inbox,
        "set_aside": list_set_aside() if inbox.set_aside else [],
        "is_fullwidth": "1",
    }
    return render(request, "monitoring/losses.html", context)
