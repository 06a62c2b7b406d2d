"""The room's reference page: what the host agent measures."""

from __future__ import annotations

from config.reference_pages import reference, write_table
from monitoring.agent.catalogue import METRICS


@reference("docs/metrics.md")
def write_metrics() -> str:
    """Every metric of the host agent."""
    rows = [
        (f"`{metric.name}`", metric.kind, metric.unit, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in METRICS
    ]
    return (
        "# Metrics of the host agent\n\n"
        "The agent (`manage.py agent`, and the one that `make up` runs for this host) sends these every ten seconds. Names "
        "and units follow OpenTelemetry's semantic conventions in Prometheus' spelling: base units, shares from 0 to 1, "
        "`_total` for counters. Every series also carries `host`, the machine's name. The `postgresql_…` ones are there "
        "where a database is measured; its role needs `pg_monitor`. Those of Prometheus exporters keep their own names.\n\n"
        + write_table(("metric", "kind", "unit", "labels beside `host`", "what it says"), rows)
    )
