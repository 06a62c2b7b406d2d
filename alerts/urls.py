"""Addresses of the room: REST, and Prometheus' view of rules and alerts."""

from __future__ import annotations

from django.urls import include, path

from alerts.api import prometheus

urlpatterns = [
    path("api/v1/", include("alerts.api.urls")),
    path("prometheus/api/v1/rules", prometheus.rules, name="prometheus_rules"),
    path("prometheus/api/v1/alerts", prometheus.alerts, name="prometheus_alerts"),
]
