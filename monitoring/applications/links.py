"""Addresses of pages that another part of the product may or may not have."""

from __future__ import annotations

from django.urls import Resolver404, resolve, reverse


def find_admin_url(path: str) -> str:
    """Return the address of an admin page by its path below the admin's, empty where no page answers there."""
    url = reverse("admin:index") + path
    try:
        match = resolve(url)
    except Resolver404:
        return ""
    # The admin has a nameless view for whatever nothing else answers.
    return url if match.url_name else ""


def find_trace_url(trace_id: str) -> str:
    """Return the address of a trace's page, empty without an id or where traces have no page."""
    return find_admin_url(f"monitoring/traces/{trace_id}/") if trace_id.isalnum() else ""


def find_release_url(pk: int | None) -> str:
    """Return the address of a release's page, empty without one or where releases have no page."""
    return find_admin_url(f"monitoring/release/{pk}/change/") if pk else ""
