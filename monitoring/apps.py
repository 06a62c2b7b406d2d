"""The Monitoring room: what the ERP's servers, database, application and browsers report."""

from __future__ import annotations

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Wires the room into Django."""

    name = "monitoring"
    verbose_name = "Monitoring"

    def ready(self) -> None:
        """Have the settings checked, and this process notice what it does itself."""
        import monitoring.checks  # noqa: F401  (registers itself)
        from monitoring.own_telemetry.wiring import watch_itself

        watch_itself()
