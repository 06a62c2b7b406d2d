"""Doors for telemetry."""

from __future__ import annotations

from django.urls import path, re_path

from monitoring.ingestion import error_schema, item_schema, item_views, performance_schema, schema, views
from monitoring.ingestion.otlp.log_views import receive_logs
from monitoring.ingestion.otlp.metric_views import receive_metrics
from monitoring.ingestion.otlp.trace_views import receive_traces
from monitoring.ingestion.sentry import views as sentry

__all__ = ["error_schema", "item_schema", "performance_schema", "schema", "urlpatterns"]

urlpatterns = [
    # The busiest first.
    re_path(r"^api/(?P<application_id>[0-9]{1,18})/envelope/?$", sentry.receive_envelope, name="sentry-envelope"),
    path("prometheus/api/v1/write", views.receive_remote_write, name="remote-write"),
    # With or without the slash: a redirect would lose the body.
    re_path(r"^api/v1/metrics/?$", views.receive_metrics, name="receive-metrics"),
    re_path(r"^api/v1/errors/?$", item_views.receive_errors, name="receive-errors"),
    re_path(r"^api/v1/browser/?$", item_views.receive_script, name="receive-browser"),
    re_path(r"^api/v1/vitals/?$", item_views.receive_vitals, name="receive-vitals"),
    re_path(r"^api/v1/events/?$", item_views.receive_events, name="receive-events"),
    re_path(r"^api/v1/logs/?$", item_views.receive_logs, name="receive-logs"),
    re_path(r"^api/v1/requests/?$", item_views.receive_requests, name="receive-requests"),
    re_path(r"^api/v1/queries/?$", item_views.receive_queries, name="receive-queries"),
    re_path(r"^api/(?P<application_id>[0-9]{1,18})/store/?$", sentry.receive_store, name="sentry-store"),
    re_path(
        r"^api/(?P<application_id>[0-9]{1,18})/(?:security|csp-report)/?$",
        sentry.receive_security,
        name="sentry-security",
    ),
    re_path(
        r"^api/(?P<application_id>[0-9]{1,18})/cron/(?P<slug>[^/]{1,100})(?:/(?P<key>[A-Za-z0-9_]{1,100}))?/?$",
        sentry.receive_cron,
        name="sentry-cron",
    ),
    re_path(r"^(?:otlp/)?v1/traces/?$", receive_traces, name="otlp-traces"),
    re_path(
        r"^api/(?P<application_id>[0-9]{1,18})/integration/otlp/v1/traces/?$",
        receive_traces,
        name="otlp-traces-of-application",
    ),
    re_path(r"^(?:otlp/)?v1/logs/?$", receive_logs, name="otlp-logs"),
    re_path(
        r"^api/(?P<application_id>[0-9]{1,18})/integration/otlp/v1/logs/?$",
        receive_logs,
        name="otlp-logs-of-application",
    ),
    re_path(r"^(?:otlp/)?v1/metrics/?$", receive_metrics, name="otlp-metrics"),
    re_path(
        r"^api/(?P<application_id>[0-9]{1,18})/integration/otlp/v1/metrics/?$",
        receive_metrics,
        name="otlp-metrics-of-application",
    ),
]
