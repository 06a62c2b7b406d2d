"""Addresses of web vitals in REST."""

from __future__ import annotations

from django.urls import path

from monitoring.browser.api.views import VitalPagesView, VitalSummaryView

urlpatterns = [
    path("vitals/summary/", VitalSummaryView.as_view(), name="vitals-summary"),
    path("vitals/pages/", VitalPagesView.as_view(), name="vitals-pages"),
]
