"""Every metric the host agent sends. One table: the collectors use its names and docs/metrics.md is printed from it.

Names and units follow OpenTelemetry's semantic conventions for systems and PostgreSQL, in Prometheus' spelling: base
units (seconds, bytes, ratios from 0 to 1) as suffix, `_total` for counters.
Source: https://opentelemetry.io/docs/specs/semconv/system/system-metrics/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name, kind, unit, labels beside `host`, and what it says."""

    name: str
    kind: Literal["gauge", "counter"]
    unit: str
    labels: tuple[str, ...]
    help: str


METRICS: tuple[Metric, ...] = (
    Metric(
        "system_cpu_utilization_ratio",
        "gauge",
        "1",
        (),
        "Share of all processors' time spent working since the last report.",
    ),
    Metric("system_cpu_count", "gauge", "processors", (), "Logical processors."),
    Metric("system_load_1m", "gauge", "1", (), "Load average over one minute."),
    Metric(
        "system_memory_utilization_ratio", "gauge", "1", (), "Share of memory that programs can't get without swapping."
    ),
    Metric("system_memory_usage_bytes", "gauge", "bytes", ("state",), "Memory by state: used, free, cached, buffered."),
    Metric("system_memory_limit_bytes", "gauge", "bytes", (), "Installed memory."),
    Metric(
        "system_disk_operations_total",
        "counter",
        "operations",
        ("device", "direction"),
        "Reads and writes of whole disks.",
    ),
    Metric(
        "system_disk_io_bytes_total",
        "counter",
        "bytes",
        ("device", "direction"),
        "Bytes read from and written to whole disks.",
    ),
    Metric(
        "system_filesystem_utilization_ratio",
        "gauge",
        "1",
        ("mountpoint", "device"),
        "Share of a file system that is full.",
    ),
    Metric(
        "system_filesystem_usage_bytes",
        "gauge",
        "bytes",
        ("mountpoint", "device", "state"),
        "File system space by state: used, free.",
    ),
    Metric(
        "system_network_io_bytes_total",
        "counter",
        "bytes",
        ("device", "direction"),
        "Bytes received and transmitted, without loopback.",
    ),
    Metric(
        "system_network_limit_bytes_per_second",
        "gauge",
        "bytes/s",
        (),
        "What the network may carry: the application's allocated bandwidth, else the speed of the cards that are up.",
    ),
    Metric("system_processes_count", "gauge", "processes", ("status",), "Processes by status: running, sleeping, ..."),
    Metric("system_boot_time_seconds", "gauge", "seconds", (), "When the machine started, seconds since 1970."),
    Metric("postgresql_up", "gauge", "1", (), "1 when the database answered, 0 when it did not."),
    Metric("postgresql_backends", "gauge", "connections", (), "Client connections that are open."),
    Metric("postgresql_connection_max", "gauge", "connections", (), "Connections the server accepts at most."),
    Metric(
        "postgresql_longest_query_seconds",
        "gauge",
        "seconds",
        (),
        "Age of the longest running query; 0 when none runs.",
    ),
    Metric(
        "postgresql_slow_queries", "gauge", "queries", (), "Queries that have been running for more than 5 seconds."
    ),
    Metric(
        "postgresql_replication_lag_seconds",
        "gauge",
        "seconds",
        ("replica",),
        "How far a replica is behind; only where there is one. On a replica: its own lag.",
    ),
    Metric("postgresql_database_size_bytes", "gauge", "bytes", ("database",), "Size on disk."),
    Metric(
        "postgresql_storage_limit_bytes",
        "gauge",
        "bytes",
        (),
        "What the databases may grow to: the application's allocated storage, else their size plus what the disk has free.",
    ),
    Metric("postgresql_commits_total", "counter", "transactions", ("database",), "Transactions committed."),
    Metric("postgresql_rollbacks_total", "counter", "transactions", ("database",), "Transactions rolled back."),
    Metric(
        "postgresql_blocks_hit_total", "counter", "blocks", ("database",), "Blocks found in the server's own cache."
    ),
    Metric(
        "postgresql_blocks_read_total",
        "counter",
        "blocks",
        ("database",),
        "Blocks the server had to ask the system for.",
    ),
)

METRICS_BY_NAME = {metric.name: metric for metric in METRICS}


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value. `labels` without `host`, which the sender adds."""

    name: str
    value: float
    labels: dict[str, str]


def make_sample(name: str, value: float, **labels: str) -> Sample:
    """Return a sample of a catalogued metric; raise ValueError if its labels are not the catalogued ones."""
    if set(METRICS_BY_NAME[name].labels) != set(labels):
        raise ValueError(f"{name} has the labels {METRICS_BY_NAME[name].labels}, not {tuple(labels)}")
    return Sample(name, float(value), labels)
