"""Doors for metrics."""

from __future__ import annotations

from django.urls import path, re_path

from monitoring.ingestion import schema, views

__all__ = ["schema", "urlpatterns"]

urlpatterns = [
    path("prometheus/api/v1/write", views.receive_remote_write, name="remote-write"),
    # With or without the slash: a redirect would lose the body.
    re_path(r"^api/v1/metrics/?$", views.receive_metrics, name="receive-metrics"),
]
