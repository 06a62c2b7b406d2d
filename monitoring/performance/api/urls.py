"""Addresses of requests, queries and traces in REST."""

from __future__ import annotations

from django.urls import path, re_path

from monitoring.performance.api.views import EndpointsView, QueriesView, RequestsView, StatementsView, TraceView

urlpatterns = [
    path("endpoints/", EndpointsView.as_view(), name="endpoints"),
    path("statements/", StatementsView.as_view(), name="statements"),
    path("requests/", RequestsView.as_view(), name="requests"),
    path("queries/", QueriesView.as_view(), name="queries"),
    re_path(r"^traces/(?P<trace_id>[0-9a-fA-F]{32})/$", TraceView.as_view(), name="trace"),
]
