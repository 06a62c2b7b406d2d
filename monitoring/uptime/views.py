"""The address that heartbeats call: plain enough for curl in a crontab."""

from __future__ import annotations

from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from monitoring.uptime.enums import Ping
from monitoring.uptime.services.pings import note_ping

RETRY_SECONDS = "5"


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def receive_ping(request: HttpRequest, ping_key: UUID, ping: str = Ping.SUCCESS.value) -> HttpResponse:
    """Note what a heartbeat says, once that is durable: 200 noted, 404 unknown, 503 try again.

    The key in the address is the permission: 122 random bits. A body is not read.
    """
    try:
        is_known = note_ping(ping_key=ping_key, ping=Ping(ping), now=timezone.now())
    except (OperationalError, InterfaceError):
        return _say("try again\n", status=503, retry_after=RETRY_SECONDS)
    return _say("ok\n") if is_known else _say("not found\n", status=404)


def _say(text: str, *, status: int = 200, retry_after: str = "") -> HttpResponse:
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    if retry_after:
        response["Retry-After"] = retry_after
    return response
