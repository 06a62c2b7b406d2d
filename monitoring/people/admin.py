"""The page of one person, and looking for one by id or e-mail."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone

from config.admin.pages import admin_page
from monitoring.applications.current import find_current_application
from monitoring.applications.links import page_url, release_url
from monitoring.errors.models import ErrorEvent
from monitoring.people.selectors import LOOKED_BACK, find_known_key, read_person
from monitoring.performance.admin.cases import describe_request
from monitoring.releases.records import Outcome
from monitoring.user_reports.selectors import list_reports_of_person

VIEW, VIEW_REPORTS = "monitoring.view_errorissue", "monitoring.view_userreport"
VIEW_REQUESTS = "monitoring.view_application"
REPORTS_SHOWN = 10
_OUTCOMES = {
    Outcome.HEALTHY: ("well", "went well"),
    Outcome.ERRORED: ("watch", "met errors"),
    Outcome.ABNORMAL: ("watch", "ended oddly"),
    Outcome.CRASHED: ("bad", "crashed"),
}


@admin_page("monitoring/people/", name="monitoring_people", permission=VIEW)
def find_person(request: HttpRequest) -> HttpResponseBase:
    """Look for a person of the chosen application; lead to their page."""
    application = find_current_application(request)
    text = request.GET.get("q", "").replace("\x00", "").strip()
    if application is not None and text:
        key = find_known_key(application_id=application.pk, text=text, now=timezone.now())
        if key is not None:
            return redirect(page_url("monitoring_person", key.hex(), application_id=application.pk))
    context = {**_context(request, "People"), "search": text}
    return render(request, "monitoring/people/search.html", context)


@admin_page("monitoring/people/<str:key>/", name="monitoring_person", permission=VIEW)
def show_person(request: HttpRequest, key: str) -> HttpResponseBase:
    """Show what is known of a person, what they said to those who may read that."""
    application = find_current_application(request)
    try:
        user_key = bytes.fromhex(key)
    except ValueError as error:
        raise Http404("There is no such person.") from error
    if application is None or len(user_key) != 16:
        raise Http404("There is no such person.")
    person = read_person(application_id=application.pk, key=user_key, now=timezone.now())
    can_see_reports = request.user.has_perm(VIEW_REPORTS)
    can_see_requests = request.user.has_perm(VIEW_REQUESTS)
    context = {
        **_context(request, f"Person {key[:8]}"),
        "key": key,
        "person": person,
        "can_see_requests": can_see_requests,
        "requests": [describe_request(one) for one in person.requests] if can_see_requests else [],
        "releases": [(version, release_url(version, application_id=application.pk)) for version in person.releases],
        "people_url": page_url("monitoring_people", application_id=application.pk),
        "can_see_reports": can_see_reports,
        "reports": (
            list_reports_of_person(
                application_id=application.pk,
                user_key=user_key,
                event_ids=_list_event_ids(application.pk, user_key),
                limit=REPORTS_SHOWN,
            )
            if can_see_reports
            else []
        ),
        "days": [(day, *_OUTCOMES[Outcome(worst)]) for day, worst in person.days],
    }
    return render(request, "monitoring/people/person.html", context)


def _list_event_ids(application_id: int, key: bytes) -> list[Any]:
    since = timezone.now() - LOOKED_BACK
    found = ErrorEvent.objects.filter(application_id=application_id, user_key=key, received_at__gte=since)
    return list(found.order_by("-id").values_list("event_id", flat=True)[:200])


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": title,
        "application": find_current_application(request),
        "days_back": LOOKED_BACK.days,
        "is_fullwidth": "1",
    }
