"""Where the thing that a delivery tells of has its page. Wired by name, because the kernel knows no room."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse

#: Source → name of its admin page, which takes the source's id.
SOURCE_PAGES = {
    "notice": "admin:alerts_notice",
    "rule": "admin:alerts_rule_change",
    "incident": "admin:incidents_incident_change",
}


def find_source_url(source: str, source_id: str) -> str:
    """Return the address of a source's page, empty if it has none."""
    name = SOURCE_PAGES.get(source)
    if not name or not source_id:
        return ""
    try:
        return reverse(name, args=[source_id])
    except NoReverseMatch:
        return ""


def name_source(source: str, source_id: str) -> str:
    """Return what a delivery tells of, in words."""
    words = source.replace("_", " ").capitalize()
    return f"{words} {source_id}".strip()
