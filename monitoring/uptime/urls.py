"""Where heartbeats call; with or without the slash, because a redirect would lose a POST."""

from __future__ import annotations

from django.urls import path, re_path

from monitoring.uptime.views import receive_ping

_KEY = r"^api/v1/checks/(?P<ping_key>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})/ping"

urlpatterns = [
    path("api/v1/checks/<uuid:ping_key>/ping/", receive_ping, name="check-ping"),
    re_path(rf"{_KEY}/?$", receive_ping),
    re_path(rf"{_KEY}/(?P<ping>start|fail)/?$", receive_ping, name="check-ping-about"),
]
