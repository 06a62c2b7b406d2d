"""Addresses of the room: doors for telemetry, the Prometheus API, REST."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
