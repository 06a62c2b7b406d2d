"""Prometheus' HTTP query API."""

from __future__ import annotations

from django.urls import path

from monitoring.metrics import prometheus_api

urlpatterns = [
    path("query", prometheus_api.query, name="prometheus-query"),
    path("query_range", prometheus_api.query_range, name="prometheus-query-range"),
    path("series", prometheus_api.series, name="prometheus-series"),
    path("labels", prometheus_api.labels, name="prometheus-labels"),
    path("label/<str:name>/values", prometheus_api.label_values, name="prometheus-label-values"),
    path("metadata", prometheus_api.metadata, name="prometheus-metadata"),
    path("status/buildinfo", prometheus_api.buildinfo, name="prometheus-buildinfo"),
]
