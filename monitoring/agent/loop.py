"""The agent's life: measure, report, wait for the next full interval."""

from __future__ import annotations

import logging
import threading
import time

from monitoring.agent.host import collect_host, prime_cpu_clock
from monitoring.agent.limits import Allocation
from monitoring.agent.postgres import PostgresCollector
from monitoring.agent.reporting import Reporter

logger = logging.getLogger(__name__)

ALLOCATION_EVERY_SECONDS = 300.0
#: The first CPU figure needs a moment to be measured over.
FIRST_MEASUREMENT_SECONDS = 1.0


def run_agent(
    *, reporter: Reporter, postgres: PostgresCollector | None, interval_seconds: float, stop: threading.Event
) -> None:
    """Measure and report every `interval_seconds` until `stop` is set. Raises KeyRefused when the server rejects the key."""
    prime_cpu_clock()
    stop.wait(FIRST_MEASUREMENT_SECONDS)
    allocation, asked_at = Allocation(), float("-inf")
    while not stop.is_set():
        started = time.monotonic()
        if started - asked_at > ALLOCATION_EVERY_SECONDS and (fetched := reporter.fetch_allocation()) is not None:
            allocation, asked_at = fetched, started
        samples = collect_host(allocation)
        if postgres is not None:
            samples.extend(postgres.collect(allocation))
        reporter.report(samples, now=time.time())
        stop.wait(max(0.0, interval_seconds - (time.monotonic() - started)))
