"""Work on errors that nobody waits for."""

from __future__ import annotations

import logging
import time

from celery import shared_task
from django.utils import timezone

from monitoring.errors.services.digesting import digest_batch
from monitoring.errors.services.upkeep import (
    age_issues,
    end_silences,
    maintain_partitions,
    prune_set_aside,
    record_counters,
)

logger = logging.getLogger(__name__)

RUN_SECONDS = 20.0
"""How long one run goes on while more waits; then the next one takes over."""


@shared_task(ignore_result=True)
def digest_errors() -> None:
    """Turn waiting events into issues."""
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        done = digest_batch()
        if done.set_aside:
            logger.warning("%s error events were set aside", done.set_aside)
        if not done.total:
            return


@shared_task(ignore_result=True)
def record_error_counters() -> None:
    """Record application_errors_total."""
    record_counters(now=timezone.now())


@shared_task(ignore_result=True)
def settle_issues() -> None:
    """End silences whose time is over, and call old issues ongoing."""
    now = timezone.now()
    end_silences(now=now)
    age_issues(now=now)


@shared_task(ignore_result=True)
def maintain_errors() -> None:
    """Make partitions ahead, drop old ones, remove what was set aside long ago."""
    now = timezone.now()
    for name in maintain_partitions(now=now):
        logger.info("dropped %s", name)
    prune_set_aside(now=now)
