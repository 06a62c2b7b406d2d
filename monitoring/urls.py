"""Addresses of the room: doors for telemetry, the Prometheus API, REST."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("prometheus/api/v1/", include("monitoring.metrics.urls")),
    path("api/v1/", include("monitoring.applications.api.urls")),
    path("api/v1/", include("monitoring.browser.api.urls")),
    path("api/v1/", include("monitoring.errors.api.urls")),
    path("api/v1/", include("monitoring.releases.api.urls")),
    path("", include("monitoring.sourcemaps.urls")),
    path("api/v1/", include("monitoring.sourcemaps.api.urls")),
    path("", include("monitoring.uptime.urls")),
    path("api/v1/", include("monitoring.uptime.api.urls")),
    path("api/v1/", include("monitoring.user_reports.api.urls")),
    path("api/v1/", include("monitoring.logs.api.urls")),
    path("api/v1/", include("monitoring.losses.api.urls")),
    path("api/v1/", include("monitoring.performance.api.urls")),
    # After REST: what is read where it was sent to has one address. What is sent takes the short way (DoorsFirst).
    path("", include("monitoring.ingestion.urls")),
]
