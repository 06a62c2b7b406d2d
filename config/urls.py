"""Addresses. Rooms are wired by name; each keeps its own `urls` and `api.urls`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

handler400 = "config.pages.failures.show_bad_request"
handler403 = "config.pages.failures.show_forbidden"
handler404 = "config.pages.failures.show_not_found"
handler500 = "config.pages.failures.show_server_error"

urlpatterns = [
    path("", include("config.pages.urls")),
    path("api/v1/", include("config.deliveries.api.urls")),
    path("", include("monitoring.urls")),
    path("", include("alerts.urls")),
    path("", include("incidents.urls")),
    path("admin/", admin.site.urls),
]
