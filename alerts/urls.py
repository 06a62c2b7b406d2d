"""Addresses of the room: REST, Prometheus' view of rules and alerts, calendars of who is on call."""

from __future__ import annotations

from django.urls import include, path

from alerts.api import prometheus
from alerts.views import show_feed

urlpatterns = [
    path("api/v1/", include("alerts.api.urls")),
    path("on-call/<str:token>.ics", show_feed, name="on-call-feed"),
    path("prometheus/api/v1/rules", prometheus.rules, name="prometheus_rules"),
    path("prometheus/api/v1/alerts", prometheus.alerts, name="prometheus_alerts"),
]
