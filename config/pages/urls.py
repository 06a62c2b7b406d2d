"""Addresses of the kernel."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from config.pages import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.open_front_door, name="front-door"),
    path("health/live", views.show_live, name="health-live"),
    path("health/ready", views.show_ready, name="health-ready"),
    path("metrics", views.show_metrics, name="own-metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="api-docs"),
    path("api/docs/errors/", views.show_errors, name="api-errors"),
]
