"""The Incidents room: incidents from declaration to postmortem."""

from __future__ import annotations

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    """Wires the room into Django."""

    name = "incidents"
    verbose_name = "Incidents"
