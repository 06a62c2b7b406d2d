"""Addresses of the room: REST, Prometheus' view of rules and alerts, and the pages behind links in messages."""

from __future__ import annotations

from django.urls import include, path

from alerts import views
from alerts.api import prometheus

urlpatterns = [
    path("a/<str:token>/", views.act, name="alerts_act"),
    path("api/v1/", include("alerts.api.urls")),
    path("prometheus/api/v1/rules", prometheus.rules, name="prometheus_rules"),
    path("prometheus/api/v1/alerts", prometheus.alerts, name="prometheus_alerts"),
]
