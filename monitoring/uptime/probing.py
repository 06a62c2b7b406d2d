"""Looking at all checks that are due, with a bounded number of threads of this process.

A Celery worker's own threads must not wait for slow targets: they serve other work too. So the task only wakes threads
of its own kind. Each takes one check after the other until none is due. Claims have leases: what a killed process was looking at is
looked at again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connection
from django.utils import timezone

from config.settings import OPTION
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.judgement import Finding
from monitoring.uptime.models import Check
from monitoring.uptime.probes.looking import look
from monitoring.uptime.selectors import is_private_allowed
from monitoring.uptime.services.results import MISSING, Claim, claim_check, finish_claim

logger = logging.getLogger(__name__)

BROKEN = "The check itself broke; the log says how."


class ProbePool:
    """Threads that run `work` (look at one thing; return False when nothing is left), at most `limit` at a time."""

    def __init__(self, work: Callable[[], bool], *, limit: int) -> None:
        self._work, self._limit = work, limit
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def wake(self, wanted: int) -> int:
        """Start up to `wanted` threads; return how many there was room for."""
        with self._lock:
            number = max(0, min(wanted, self._limit - len(self._threads)))
            started = [threading.Thread(target=self._run, name="probe", daemon=True) for _ in range(number)]
            self._threads.update(started)
        for thread in started:
            thread.start()
        return number

    def wait(self, timeout_seconds: float) -> None:
        """Wait until the threads that run now have nothing left to do."""
        with self._lock:
            running = list(self._threads)
        for thread in running:
            thread.join(timeout_seconds)

    def _run(self) -> None:
        try:
            while self._work():
                pass
        except Exception:
            # The outermost edge of a thread: the database may be away; the next turn starts another.
            logger.exception("a probing thread ended early")
        finally:
            connection.close()
            with self._lock:
                self._threads.discard(threading.current_thread())


def probe_one() -> bool:
    """Look at the check that is due longest; return False if none is due. The database is not held while waiting."""
    claim = claim_check(now=timezone.now())
    if claim is None:
        return False
    if not connection.in_atomic_block:
        connection.close()
    finish_claim(claim=claim, finding=look_at(claim))
    return True


def look_at(claim: Claim) -> Finding:
    """Return what a look at a claimed check found; a heartbeat that is due is missing."""
    if claim.check.kind == CheckKind.HEARTBEAT:
        return Finding(False, MISSING)
    try:
        return look(claim.check.draft().target(allow_private=is_private_allowed()))
    except Exception:
        # One check's bug must not hold up the others, nor be quiet.
        logger.exception("check %s broke", claim.check.pk)
        return Finding(False, BROKEN)


def wake_probers() -> int:
    """Have the checks that are due looked at by this process's threads; return how many threads were started."""
    limit = max(1, int(OPTION["CHECK_THREADS"]))
    due = Check.objects.due(now=timezone.now()).values_list("pk")[:limit].count()
    return pool.wake(due)


pool = ProbePool(probe_one, limit=max(1, int(OPTION["CHECK_THREADS"])))
