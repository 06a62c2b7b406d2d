"""What every process takes while the installation idles: its own memory and its fair share of what it shares."""

from __future__ import annotations

import time
from collections import defaultdict

import psutil

from tests.benchmarks.report import Figure
from tests.support.product import Product

MEBIBYTE = 1024 * 1024
SETTLE_SECONDS = 30
#: How processes are recognised on their command lines, first match first.
KINDS = ("granian", "celery", "agent", "postgres", "valkey", "supervisor")


def measure(product: Product) -> list[Figure]:
    """Return the proportional set size by kind of process, and in all."""
    time.sleep(SETTLE_SECONDS)
    by_kind: dict[str, list[float]] = defaultdict(list)
    for process in product.processes():
        by_kind[_kind_of(process)].append(process.memory_full_info().pss / MEBIBYTE)
    figures = [
        Figure("memory", f"memory, idle: {kind} ({len(sizes)} processes)", sum(sizes), "MiB")
        for kind, sizes in by_kind.items()
    ]
    total = sum(figure.value for figure in figures)
    return [*figures, Figure("memory", "memory, idle: everything", total, "MiB", aim="< 1,024")]


def _kind_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline()) or process.name()
    return next((kind for kind in KINDS if kind in command), process.name())
