"""Addresses of the room: REST, Prometheus' view of alerts, doors for other systems' alerts, pages behind links, calendars."""

from __future__ import annotations

from django.urls import include, path, re_path

from alerts import views
from alerts.api import incoming, incoming_schema, prometheus
from alerts.feeds import show_feed

__all__ = ["incoming_schema", "urlpatterns"]

urlpatterns = [
    path("a/<str:token>/", views.act, name="alerts_act"),
    path("alertmanager/api/v2/alerts", incoming.receive_v2, name="alertmanager_v2"),
    path("alertmanager/api/v1/alerts", incoming.receive_v1, name="alertmanager_v1"),
    path("alertmanager/api/v2/status", incoming.show_status_v2, name="alertmanager_status_v2"),
    path("alertmanager/api/v1/status", incoming.show_status_v1, name="alertmanager_status_v1"),
    path("alertmanager/-/ready", incoming.answer_probe, name="alertmanager_ready"),
    path("alertmanager/-/healthy", incoming.answer_probe, name="alertmanager_healthy"),
    # With or without the slash: a redirect would lose the body.
    re_path(r"^api/v1/alerts/incoming/alertmanager/?$", incoming.receive_alertmanager, name="incoming_alertmanager"),
    re_path(r"^api/v1/alerts/incoming/grafana/?$", incoming.receive_grafana, name="incoming_grafana"),
    re_path(r"^api/v1/alerts/incoming/?$", incoming.receive_any, name="incoming_alerts"),
    path("api/v1/", include("alerts.api.urls")),
    path("on-call/<str:token>.ics", show_feed, name="on-call-feed"),
    path("prometheus/api/v1/rules", prometheus.rules, name="prometheus_rules"),
    path("prometheus/api/v1/alerts", prometheus.alerts, name="prometheus_alerts"),
]
