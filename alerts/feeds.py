"""Calendars of who is on call, for whoever has their secret address: no sign-in, nothing else at it."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from alerts.services.oncall_calendars import find_feed, write_feed

CACHED_SECONDS = 60


@require_safe
def show_feed(request: HttpRequest, token: str) -> HttpResponseBase:
    """Return the calendar of a feed; 304 if the caller has it already, 404 for an address that opens nothing."""
    feed = find_feed(token)
    if feed is None:
        return HttpResponse("There is no calendar at this address (any more).\n", status=404, content_type="text/plain")
    key = f"on-call-feed:{feed.pk}"
    body: bytes | None = cache.get(key)
    if body is None:
        body = write_feed(feed, now=timezone.now(), base_url=settings.PUBLIC_URL)
        cache.set(key, body, CACHED_SECONDS)
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    response["Cache-Control"] = f"private, max-age={CACHED_SECONDS}"
    response["X-Robots-Tag"] = "noindex"
    etag = _write_etag(body)
    response["ETag"] = etag
    answer: HttpResponseBase = get_conditional_response(request, etag=etag, response=response) or response
    return answer


def _write_etag(body: bytes) -> str:
    """Return what names the shifts: weak, because when the file was written (DTSTAMP) does not count."""
    lines = (line for line in body.split(b"\r\n") if not line.startswith(b"DTSTAMP"))
    return f'W/"{hashlib.sha256(b"".join(lines)).hexdigest()[:32]}"'
