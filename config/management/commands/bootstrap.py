"""`manage.py bootstrap`: brings the database up to date and creates what a first start needs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from config.bootstrap import BootstrapContext, run_steps
from config.checks import SETTINGS_TAG
from config.engines.locations import find_run_dir
from config.schedules import sync_schedules
from config.secrets import write_secret

#: Any number, the same on every machine: "postlaun" in ASCII.
LOCK_ID = 0x706F73746C61756E
RETRY_SECONDS = 0.5


class Command(BaseCommand):
    """Prepare everything the other processes count on. Safe to run again, and on several machines at once."""

    help = (
        "Wait for the database, migrate it, write the schedules, create the first administrator and whatever rooms "
        "ship, and leave a summary in DATA_DIR/run/bootstrap.json."
    )
    requires_system_checks = (SETTINGS_TAG,)

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument("--wait", type=float, default=60.0, help="seconds to wait for the database (default 60)")

    def handle(self, *, wait: float, **options: Any) -> None:
        """Do it all under one lock."""
        wait_for_database(seconds=wait)
        context = BootstrapContext(say=self.stdout.write, summary={"url": settings.PUBLIC_URL})
        with hold_lock():
            call_command("migrate", interactive=False, verbosity=0, stdout=self.stdout)
            sync_schedules()
            run_steps(context)
        write_summary(context.summary)
        for name, value in context.summary.items():
            if name != "password":
                self.stdout.write(f"{name}: {value}")


def wait_for_database(*, seconds: float) -> None:
    """Return once the database answers; raise CommandError with its last words if it does not in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            if time.monotonic() >= deadline:
                raise CommandError(f"The database does not answer: {error}") from error
            time.sleep(RETRY_SECONDS)
        else:
            return


@contextmanager
def hold_lock() -> Iterator[None]:
    """Let one bootstrap at a time run on a database; the lock goes with its connection, however that ends."""
    own = connection.get_new_connection(connection.get_connection_params())
    # Without a transaction of its own: an index built concurrently by a migration would wait for that.
    own.autocommit = True
    try:
        own.execute("SELECT pg_advisory_lock(%s)", [LOCK_ID])
        yield
    finally:
        own.close()


def write_summary(summary: dict[str, Any]) -> None:
    """Write what the operator is told, readable by this user only: the first time it holds a password."""
    write_secret(find_run_dir(settings.DATA_DIR) / "bootstrap.json", json.dumps(summary, indent=2, default=str))
