"""The application a reader of the admin has chosen at the top; it stays for the session.

A link to a page of an application says which one it means, `?application=<id>` (`links.page_url`): what is chosen at the top
may be another. Following it chooses that application too, so that forms and links of the page go on with it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from config.admin.pages import admin_page
from monitoring.applications.links import PARAMETER
from monitoring.applications.models import Application

SESSION_KEY = "application_id"
_KNOWN = "_applications"


def list_choices(request: HttpRequest) -> list[Application]:
    """Return all applications by name, read once per request."""
    known: list[Application] | None = getattr(request, _KNOWN, None)
    if known is None:
        known = list(Application.objects.all())
        setattr(request, _KNOWN, known)
    return known


def find_current_application(request: HttpRequest, *, chosen: str | int | None = None) -> Application | None:
    """Return the application named by `chosen` (an id) or by the address; without, the one the reader chose, else the oldest.

    The oldest is this host, whose figures are there from the first minute. None if there is none at all, or none with that id.
    """
    applications = list_choices(request)
    named = request.GET.get(PARAMETER, "") if chosen in (None, "") else str(chosen)
    if named:
        return next((one for one in applications if str(one.pk) == named), None)
    remembered = request.session.get(SESSION_KEY)
    oldest = min(applications, key=lambda one: one.pk, default=None)
    return next((one for one in applications if one.pk == remembered), oldest)


def remember_application(request: HttpRequest, application: Application) -> None:
    """Keep the reader's choice for the session."""
    request.session[SESSION_KEY] = application.pk


def describe_switch(request: HttpRequest) -> dict[str, Any]:
    """Return what the switch at the top of every admin page needs; nothing for people who are not signed in.

    An application that the address names is remembered: its page goes on with it.
    """
    user = getattr(request, "user", None)
    if user is None or not user.is_active or not user.has_perm("monitoring.view_application"):
        return {}
    current = find_current_application(request)
    if current is not None and PARAMETER in request.GET and request.session.get(SESSION_KEY) != current.pk:
        remember_application(request, current)
    return {"applications": list_choices(request), "current_application": current}


@admin_page(
    "monitoring/choose-application/", name="monitoring_choose_application", permission="monitoring.view_application"
)
@require_POST
def choose_application(request: HttpRequest) -> HttpResponseBase:
    """Remember the choice and go back to the page it was made on."""
    application = find_current_application(request, chosen=request.POST.get("application"))
    if application is not None:
        remember_application(request, application)
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(_unname(back) if is_ours else "admin:index")


def _unname(address: str) -> str:
    """Return an address without the application it names: the reader has just chosen another."""
    parts = urlsplit(address)
    query = QueryDict(parts.query, mutable=True)
    if PARAMETER not in query:
        return address
    del query[PARAMETER]
    return urlunsplit(parts._replace(query=query.urlencode()))
