"""Addresses of log lines in REST."""

from __future__ import annotations

from django.urls import path

from monitoring.logs.api.views import LogsView

urlpatterns = [path("logs/", LogsView.as_view(), name="logs")]
