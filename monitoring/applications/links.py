"""Addresses of pages of an application, and of pages that another part of the product may or may not have."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import Resolver404, resolve, reverse

PARAMETER = "application"
"""What names the application in the address of a page that is else of the one chosen at the top."""


def page_url(name: str, *args: Any, application_id: int, **query: Any) -> str:
    """Return the address of a page of the admin (`monitoring_requests`) as it is of an application."""
    return f"{reverse(f'admin:{name}', args=args)}?{urlencode({PARAMETER: application_id, **query})}"


def find_admin_url(path: str) -> str:
    """Return the address of an admin page by its path below the admin's, empty where no page answers there."""
    url = reverse("admin:index") + path
    try:
        match = resolve(url)
    except Resolver404:
        return ""
    # The admin has a nameless view for whatever nothing else answers.
    return url if match.url_name else ""


def find_trace_url(trace_id: str, *, application_id: int) -> str:
    """Return the address of a trace's page, empty without an id or where traces have no page."""
    url = find_admin_url(f"monitoring/traces/{trace_id}/") if trace_id.isalnum() else ""
    return url and f"{url}?{PARAMETER}={application_id}"


def find_person_url(user_key: bytes | memoryview | None, *, application_id: int) -> str:
    """Return the address of a person's page, empty without a key or where people have no page."""
    url = find_admin_url(f"monitoring/people/{bytes(user_key).hex()}/") if user_key is not None else ""
    return url and f"{url}?{PARAMETER}={application_id}"


def release_url(version: str, *, application_id: int) -> str:
    """Return the address that leads to the page of a release by its version, empty without one."""
    return page_url("monitoring_release_named", application_id=application_id, version=version) if version else ""


def find_release_url(pk: int | None) -> str:
    """Return the address of a release's page, empty without one or where releases have no page."""
    return find_admin_url(f"monitoring/release/{pk}/change/") if pk else ""
