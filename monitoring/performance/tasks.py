"""Work on requests and queries that nobody waits for."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from monitoring.performance.services.measuring import record_performance
from monitoring.performance.services.rolling_up import KINDS, prune_hours, roll_up

RUN_SECONDS = 10.0
"""How long one run goes on while more is marked; then the next one takes over."""


@shared_task(ignore_result=True)
def roll_up_performance() -> None:
    """Sum up marked minutes until none is left, then record what rules and charts read."""
    until = time.monotonic() + RUN_SECONDS
    for kind in KINDS:
        while roll_up(kind, now=timezone.now()) and time.monotonic() < until:
            pass
    record_performance(now=timezone.now())


@shared_task(ignore_result=True)
def prune_performance_hours() -> None:
    """Remove hours whose time is over."""
    for kind in KINDS:
        prune_hours(kind, now=timezone.now())
