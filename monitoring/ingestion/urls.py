"""Doors for telemetry."""

from __future__ import annotations

from django.urls import path, re_path

from monitoring.ingestion import schema, views
from monitoring.ingestion.sentry import views as sentry

__all__ = ["schema", "urlpatterns"]

urlpatterns = [
    path("prometheus/api/v1/write", views.receive_remote_write, name="remote-write"),
    # With or without the slash: a redirect would lose the body.
    re_path(r"^api/v1/metrics/?$", views.receive_metrics, name="receive-metrics"),
    re_path(r"^api/(?P<application_id>[0-9]{1,18})/envelope/?$", sentry.receive_envelope, name="sentry-envelope"),
    re_path(r"^api/(?P<application_id>[0-9]{1,18})/store/?$", sentry.receive_store, name="sentry-store"),
]
