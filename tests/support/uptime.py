"""Checks and targets for tests: real servers on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from monitoring.applications.models import Application
from monitoring.uptime.drafts import CheckDraft
from monitoring.uptime.judgement import Finding
from monitoring.uptime.models import Check
from monitoring.uptime.services.checks import create_check
from monitoring.uptime.services.results import claim_check, finish_claim
from tests.support.metrics import NOW, make_application

_made = iter(range(1_000_000))
UP = Finding(True, "Answered 200.", duration_seconds=0.2, status=200)
DOWN = Finding(False, "The connection is refused.")


def make_draft(application: Application | None = None, **fields: Any) -> CheckDraft:
    """Return a draft of an HTTP check; `fields` are its own."""
    values: dict[str, Any] = {
        "name": f"Check {next(_made)}",
        "kind": "http",
        "address": "https://erp.example.com/health",
        "application_id": (application or make_application()).pk,
        **fields,
    }
    return CheckDraft(**values)


def make_check(application: Application | None = None, **fields: Any) -> Check:
    """Return a new check that is due at NOW."""
    check = create_check(draft=make_draft(application, **fields))
    Check.objects.filter(pk=check.pk).exclude(due_at=None).update(due_at=NOW)
    check.refresh_from_db()
    return check


def find(check: Check, finding: Finding, *, at: float = 0) -> Check:
    """Have a look find something, `at` seconds after NOW; return the check as it stands then."""
    moment = NOW + timedelta(seconds=at)
    Check.objects.filter(pk=check.pk).update(due_at=moment, claim_token=None, lease_until=None)
    Check.objects.exclude(pk=check.pk).update(due_at=None)
    claim = claim_check(now=moment)
    assert claim is not None
    finish_claim(claim=claim, finding=finding, now=moment)
    return Check.objects.get(pk=check.pk)


@contextlib.contextmanager
def run_server(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run a TCP server on loopback that hands each connection to `handle`; give its port."""
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(5)
                handle(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        thread.join()
        server.close()
