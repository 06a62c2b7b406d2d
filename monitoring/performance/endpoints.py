"""Routes of requests. Pure."""

from __future__ import annotations

from monitoring.browser.pages import template_path
from monitoring.performance.records import MAX_ENDPOINT

OTHER = "(other)"
"""What stands for the rest once an application has as many endpoints or statements as are told apart."""


def name_endpoint(route: str, *, address: str = "") -> str:
    """Return what a request is grouped by: its route, else its address with what names single things put as {id}."""
    route = route.strip()
    return (route or template_path(address) or "(unnamed)")[:MAX_ENDPOINT].replace("\x00", "")
