"""The Alerts room: rules, evaluation, alerts and who is told."""

from __future__ import annotations

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Wires the room into Django."""

    name = "alerts"
    verbose_name = "Alerts"
