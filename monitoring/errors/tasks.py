"""Work on errors that nobody waits for."""

from __future__ import annotations

import logging
import threading
import time

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from config.nudges import Nudge
from monitoring.errors.services.critical import record_critical_counts
from monitoring.errors.services.digesting import BATCH, digest_batch
from monitoring.errors.services.upkeep import (
    age_issues,
    end_silences,
    prune_relevant,
    prune_set_aside,
    record_counters,
)

logger = logging.getLogger(__name__)

RUN_SECONDS = 20.0
"""How long one run goes on while more waits; then the next one takes over."""


_digester = Nudge("monitoring.errors.tasks.digest_errors", "digest")
_running = threading.Lock()
_asked_again = threading.Event()


@shared_task(ignore_result=True)
def digest_errors() -> None:
    """Turn waiting events into issues.

    Of one process one thread does it: a second would only wait for the first, and keep other tasks waiting. What it was
    woken for is left to the first, which looks once more before it ends.
    """
    _asked_again.set()
    while _asked_again.is_set() and _running.acquire(blocking=False):
        try:
            _asked_again.clear()
            _digest_waiting()
        finally:
            _running.release()


def _digest_waiting() -> None:
    """Digest until a batch is not full: what arrives after that wakes a worker of its own, and gathers until then."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        done = digest_batch()
        if done.set_aside:
            logger.warning("%s error events were set aside", done.set_aside)
        if done.total < BATCH:
            return
    _digester.on_commit()


@shared_task(ignore_result=True)
def record_error_counters() -> None:
    """Record application_errors_total, and what was not recorded yet of application_critical_errors_total."""
    now = timezone.now()
    record_counters(now=now)
    with transaction.atomic():
        record_critical_counts(now=now)


@shared_task(ignore_result=True)
def settle_issues() -> None:
    """End silences whose time is over, and call old issues ongoing."""
    now = timezone.now()
    end_silences(now=now)
    age_issues(now=now)


@shared_task(ignore_result=True)
def prune_set_aside_errors() -> None:
    """Remove what was set aside long ago, and events that outlived the others long enough."""
    now = timezone.now()
    prune_set_aside(now=now)
    prune_relevant(now=now)
