"""`manage.py references`: writes the reference pages of docs/ from the code."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.reference_pages import render_references


class Command(BaseCommand):
    """Write every reference page whose text has changed."""

    help = "Write the reference pages of docs/ (settings, errors, events, metrics) from the tables in the code."

    def handle(self, **_: Any) -> None:
        """Write them and name those that changed."""
        for path, text in render_references().items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                path.write_text(text, encoding="utf-8")
                self.stdout.write(f"wrote {path.relative_to(settings.BASE_DIR)}")
