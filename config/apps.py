"""The kernel: what every room needs and no room owns."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

# Imported here so that tasks bind to the project's Celery application in every process that runs Django.
from config import celery  # noqa: F401

#: The kernel's own declarations, which stand beside what they declare: names such as `config.schedules` are the registries.
KERNEL_DECLARATIONS = (
    "config.administrators",
    "config.api.schedules",
    "config.deliveries.schedules",
    "config.heartbeats",
    "config.outbox.schedules",
    "config.own_metrics.sources",
)


class KernelConfig(AppConfig):
    """Wires the kernel into Django and lets every room register its parts."""

    name = "config"
    label = "config"
    verbose_name = "System"

    def ready(self) -> None:
        """Load what rooms declare in modules of fixed names.

        `checks` hold system checks, `schedules` recurring tasks, `handlers` event subscribers, `panels` parts of the
        admin home, `bootstrapping` what the first start must create, `own_metrics` what the room measures of itself.
        """
        for name in KERNEL_DECLARATIONS:
            import_module(name)
        autodiscover_modules("checks", "schedules", "handlers", "panels", "bootstrapping", "own_metrics")
