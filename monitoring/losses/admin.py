"""The page that says what became of everything an application sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from config.admin.pages import admin_page
from config.exports import make_csv
from monitoring.applications.current import find_current_application
from monitoring.errors.selectors import list_set_aside, measure_inbox
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import COLUMNS, list_accounts, sum_by_signal

RANGES = {"24h": ("Last 24 hours", 1), "7d": ("Last 7 days", 7), "30d": ("Last 30 days", 30)}
HOURS_SHOWN = 24 * 7


@admin_page("monitoring/losses/", name="monitoring_losses", permission="monitoring.view_application")
def show_losses(request: HttpRequest) -> HttpResponseBase:
    """Show the loss account of the chosen application by kind of signal, of one kind by hours; `?as=csv` downloads it."""
    application = find_current_application(request)
    chosen = request.GET.get("range", "24h")
    chosen = chosen if chosen in RANGES else "24h"
    signal = request.GET.get("signal", "")
    signal = signal if signal in Signal.values else ""
    since = timezone.now() - timedelta(days=RANGES[chosen][1])
    if application is not None and request.GET.get("as") == "csv":
        return _export(application.pk, since, signal)
    inbox = measure_inbox()
    context = {
        **admin.site.each_context(request),
        "title": "What came in",
        "application": application,
        "ranges": [(key, words, key == chosen) for key, (words, _) in RANGES.items()],
        "range": chosen,
        "signal": signal,
        "inbox": inbox,
        "set_aside": list_set_aside() if inbox.set_aside else [],
        "export_query": urlencode({"range": chosen, "signal": signal, "as": "csv"}),
        "is_fullwidth": "1",
    }
    if application is not None:
        context |= _describe(application.pk, since, signal)
    return render(request, "monitoring/losses.html", context)


def _describe(application_id: int, since: datetime, signal: str) -> dict[str, Any]:
    totals = sum_by_signal(application_id=application_id, since=since)
    hours = list_accounts(application_id=application_id, since=since, signal=signal)[:HOURS_SHOWN] if signal else []
    return {
        "rows": [(kind.value, kind.label, total) for kind, total in totals.items()],
        "hours": hours,
        "signal_label": Signal(signal).label if signal else "",
    }


def _export(application_id: int, since: datetime, signal: str) -> HttpResponseBase:
    rows = [
        (one.hour.isoformat(), one.signal, *(getattr(one, column) for column in COLUMNS))
        for one in list_accounts(application_id=application_id, since=since, signal=signal)
    ]
    return make_csv("what-came-in", ("hour", "signal", *COLUMNS), rows)
