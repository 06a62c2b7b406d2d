"""`manage.py agent`: watch the machine this runs on."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from psycopg.conninfo import make_conninfo

from config.settings import OPTION
from monitoring.agent.loop import run_agent
from monitoring.agent.postgres import PostgresCollector
from monitoring.agent.reporting import KeyRefused, Reporter


class Command(BaseCommand):
    """Run the host agent in the foreground."""

    help = "Measure this host and its PostgreSQL and report to a Postlaunch server until stopped."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the command line."""
        parser.add_argument(
            "--url", required=True, help="address of the Postlaunch server, such as https://watch.example"
        )
        key = parser.add_mutually_exclusive_group(required=True)
        key.add_argument("--key", help="a secret key of the application, with the scope ingest")
        key.add_argument("--key-file", type=Path, help="a file that holds the key")
        parser.add_argument(
            "--interval", type=float, default=float(OPTION["AGENT_INTERVAL_SECONDS"]), help="seconds between reports"
        )
        parser.add_argument(
            "--host-name", default=socket.gethostname(), help="value of the label `host` (default: this host's name)"
        )
        parser.add_argument(
            "--database-url",
            default="",
            help="PostgreSQL to measure, as postgres://...; default: this installation's own; `none`: no database",
        )

    def handle(
        self,
        *,
        url: str,
        key: str | None,
        key_file: Path | None,
        interval: float,
        host_name: str,
        database_url: str,
        **options: Any,
    ) -> None:
        """Run until SIGTERM or SIGINT."""
        if interval <= 0:
            raise CommandError("--interval must be more than 0 seconds.")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        reporter = Reporter(url=url, key=key or _read_key(key_file), host=host_name)
        postgres = None if database_url == "none" else PostgresCollector(database_url or _own_conninfo())
        try:
            run_agent(reporter=reporter, postgres=postgres, interval_seconds=interval, stop=stop)
        except KeyRefused as error:
            raise CommandError(f"The server refused the key: {error}") from error
        finally:
            reporter.close()
            if postgres is not None:
                postgres.close()


def _read_key(path: Path | None) -> str:
    try:
        return path.read_text(encoding="ascii").strip() if path else ""
    except OSError as error:
        raise CommandError(f"The key file can't be read: {error}") from error


def _own_conninfo() -> str:
    """Return how this installation reaches its own database."""
    parameters = {
        name: value for name, value in connection.get_connection_params().items() if isinstance(value, str | int)
    }
    parameters.pop("application_name", None)
    parameters.pop("connect_timeout", None)
    return make_conninfo("", **parameters)
