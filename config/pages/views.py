"""Front door, health, own metrics, the page of API errors."""

from __future__ import annotations

import ipaddress
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from config.api.authentication import authenticate_key
from config.api.catalogue import describe_error, list_errors
from config.api.errors import ApiError, problem_response
from config.health.judgement import Health, judge_together
from config.health.selectors import run_checks
from config.own_metrics.exposition import write_exposition

#: What proxies add, each its own choice of them.
PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


@never_cache
@require_safe
def open_front_door(request: HttpRequest) -> HttpResponseRedirect:
    """Lead staff to the admin home, others to the status page if there is one, else to the login."""
    if not (request.user.is_authenticated and request.user.is_staff):
        try:
            return HttpResponseRedirect(reverse("status"))
        except NoReverseMatch:
            pass
    return HttpResponseRedirect(reverse("admin:index"))


@never_cache
@require_safe
def show_live(request: HttpRequest) -> JsonResponse:
    """Say that this process answers requests; touches nothing else, so that a slow database gets no process killed."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def show_ready(request: HttpRequest) -> JsonResponse:
    """Say whether this process can do its work: 200 if it can (also when something else is amiss), 503 if it can't."""
    checks = run_checks()
    health = judge_together(checks)
    body: dict[str, Any] = {"status": health.value, "checks": {check.name: check.as_dict() for check in checks}}
    return JsonResponse(body, status=503 if health == Health.FAILING else 200)


@never_cache
@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Show own metrics to this machine, and to others with a key that may read."""
    if not is_local(request):
        try:
            authenticate_key(request, scope="read")
        except ApiError as error:
            return problem_response(error)
    return HttpResponse(write_exposition(), content_type=CONTENT_TYPE_LATEST)


@require_safe
def show_errors(request: HttpRequest) -> HttpResponse:
    """List every error the API can answer with, each under its own anchor."""
    errors = [
        {"slug": kind.slug, "status": kind.status, "title": kind.title, "description": mark_code(describe_error(kind))}
        for kind in list_errors()
    ]
    return render(request, "config/errors.html", {"errors": errors})


def mark_code(text: str) -> SafeString:
    """Return escaped text with what stands between backticks set as code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if i % 2 else part,) for i, part in enumerate(parts))
    )


def is_local(request: HttpRequest) -> bool:
    """Say whether a request comes from this very machine, and not through a proxy on it."""
    if any(request.headers.get(name) for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
