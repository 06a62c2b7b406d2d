"""Addresses of pages, put so that all orders are one page and not as many as there are orders. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from monitoring.browser.records import MAX_PAGE, MAX_URL, cut

MAX_SEGMENTS = 12
PLACEHOLDER = "{id}"

_NUMBER = re.compile(r"\d+")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{8,}", re.IGNORECASE)
_DIGITS = re.compile(r"\d")


def template_path(address: str) -> str:
    """Return the path of an address with what names a single thing put as {id}; empty for an empty address.

    Replaced are numbers, UUIDs, hexadecimal words, addresses of mail and words with four digits or more: /orders/4711 and
    /orders/INV-2026-00042 become /orders/{id}. Placeholders of routers (`:id`, `{order}`) stay. A route in the fragment
    (#/orders/4711), as older single-page applications have it, counts as the path.
    """
    path = _path_of(address)
    if not path:
        return ""
    segments = [segment for segment in path.split("/") if segment]
    kept = [_template(segment) for segment in segments[:MAX_SEGMENTS]]
    if len(segments) > MAX_SEGMENTS:
        kept.append("…")
    return cut("/" + "/".join(kept), MAX_PAGE)


def clean_url(address: str) -> str:
    """Return an address without query, fragment and login."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if not parts.netloc:
        return cut(parts.path, MAX_URL)
    return cut(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}", MAX_URL)


def _path_of(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.fragment.startswith(("/", "!/")):
        return parts.fragment.lstrip("!").partition("?")[0]
    return parts.path or ("/" if parts.netloc else "")


def _template(segment: str) -> str:
    if segment.startswith((":", "{")):
        return segment
    digits = len(_DIGITS.findall(segment))
    single = _NUMBER.fullmatch(segment) or _UUID.fullmatch(segment) or _HEX.fullmatch(segment)
    # A digit or two belong to a name (v1, oauth2); from four on they number things.
    return PLACEHOLDER if single or digits >= 4 or "@" in segment else segment
