"""The Monitoring room: what the ERP's servers, database, application and browsers report."""

from __future__ import annotations

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Wires the room into Django."""

    name = "monitoring"
    verbose_name = "Monitoring"
