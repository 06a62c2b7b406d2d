"""`manage.py up`: the same as `make up`, in an environment that is installed already."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Start engines, web, workers, beat and the host agent; Ctrl-C ends all of them."""

    help = "Start everything and keep it running until Ctrl-C."
    # The database is not up yet, and the supervisor reports problems itself.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Become the supervisor: replaced rather than called, so that it does not carry Django's memory."""
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, [sys.executable, "-m", "config.supervisor"])  # noqa: S606
