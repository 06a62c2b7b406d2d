"""The list of single requests: who waited how long for what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from config.admin.pages import admin_page
from config.ids import read_id
from monitoring.applications.current import find_current_application
from monitoring.performance.admin.cases import describe_request
from monitoring.performance.admin.parts import VIEW
from monitoring.performance.models import Endpoint
from monitoring.performance.selectors import Wanted, is_reporting, list_requests
from monitoring.releases.records import make_user_key

SHOWN = 50
PAGES = 40
AGES = {"1h": ("Last hour", 1), "24h": ("Last 24 hours", 24), "7d": ("Last 7 days", 168), "30d": ("Last 30 days", 720)}
STATUSES = ("2xx", "3xx", "4xx", "5xx")
SLOWER = {"": "Any duration", "0.5": "Over 500 ms", "1": "Over 1 s", "5": "Over 5 s", "30": "Over 30 s"}
ORDERS = {"newest": "-started_at", "slowest": "-duration"}


@admin_page("monitoring/requests/", name="monitoring_requests", permission=VIEW)
def show_requests(request: HttpRequest) -> HttpResponseBase:
    """List single requests of the chosen application."""
    application = find_current_application(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Requests",
        "application": application,
        "is_fullwidth": "1",
    }
    if application is not None and is_reporting(application_id=application.pk):
        context |= _describe(request, application.pk)
    return render(request, "monitoring/performance/requests.html", context)


def _describe(request: HttpRequest, application_id: int) -> dict[str, Any]:
    age = request.GET.get("age", "24h")
    age = age if age in AGES else "24h"
    order = request.GET.get("order", "newest")
    order = order if order in ORDERS else "newest"
    wanted, shown_filters = read_wanted(request)
    page = int(text) if (text := request.GET.get("p", "1")).isdecimal() and 0 < len(text) < 4 else 1
    page = min(max(page, 1), PAGES)
    since = timezone.now() - timedelta(hours=AGES[age][1])
    found = list_requests(application_id=application_id, since=since, wanted=wanted).order_by(ORDERS[order])
    # One more than is shown tells whether there is a next page: counting them all would read them all.
    rows = list(found[(page - 1) * SHOWN : page * SHOWN + 1])
    kept = {**{name: value for name, value in request.GET.items() if name != "p" and value}, "age": age}
    return {
        "is_reporting": True,
        "rows": [describe_request(one) for one in rows[:SHOWN]],
        "page": page,
        "has_next": len(rows) > SHOWN and page < PAGES,
        "paging_query": urlencode(kept),
        "age": age,
        "ages": [(key, words) for key, (words, _) in AGES.items()],
        "order": order,
        "statuses": STATUSES,
        "slower": list(SLOWER.items()),
        "endpoint": Endpoint.objects.filter(application_id=application_id, pk=wanted.endpoint_id).first()
        if wanted.endpoint_id
        else None,
        "filters": shown_filters,
        "is_filtered": wanted != Wanted(),
    }


def read_wanted(request: HttpRequest) -> tuple[Wanted, dict[str, str]]:
    """Return what is looked for, and what the form shows of it. A user is named by id, or by the 32 digits of a key."""
    shown = {
        name: request.GET.get(name, "").strip()[:200]
        for name in ("endpoint", "status", "slower", "failed", "user", "release", "trace")
    }
    user = shown["user"]
    try:
        key = bytes.fromhex(user) if len(user) == 32 else make_user_key(user)
    except ValueError:
        key = make_user_key(user)
    endpoint = shown["endpoint"]
    wanted = Wanted(
        endpoint_id=read_id(endpoint) or None,
        status=shown["status"],
        at_least=float(shown["slower"]) if shown["slower"] in SLOWER and shown["slower"] else None,
        failed=shown["failed"] == "1",
        user_key=key,
        release=shown["release"].replace("\x00", ""),
        trace_id=shown["trace"].replace("\x00", "").lower(),
    )
    return wanted, shown
