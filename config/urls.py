"""Addresses. Rooms are wired by name; each keeps its own `urls` and `api.urls`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("config.pages.urls")),
    path("", include("monitoring.urls")),
    path("admin/", admin.site.urls),
]
