"""`manage.py retry_errors`: try again to read the error events that were set aside."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from monitoring.errors.services.upkeep import retry_set_aside


class Command(BaseCommand):
    """Put what was set aside back into the inbox."""

    help = "Try again to read the error events that were set aside; the digest takes them within seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how many there are."""
        count = retry_set_aside()
        self.stdout.write(f"{count} error event{'' if count == 1 else 's'} will be tried again.")
