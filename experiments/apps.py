"""The Experiments room: A/B experiments."""

from __future__ import annotations

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Wires the room into Django."""

    name = "experiments"
    verbose_name = "Experiments"
