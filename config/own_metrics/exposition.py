"""Own metrics in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from config.own_metrics.registry import Metric, Sample, collect_samples


class OwnMetricsCollector(Collector):
    """Reads every source when it is asked."""

    def collect(self) -> Iterable[Family]:
        """Return the metrics with their present values."""
        return build_families(collect_samples())


def build_families(samples: Iterable[Sample]) -> list[Family]:
    """Return samples grouped by metric, in the order the metrics first appear."""
    families: dict[Metric, CounterMetricFamily | GaugeMetricFamily] = {}
    for sample in samples:
        family = families.get(sample.metric) or families.setdefault(sample.metric, _make_family(sample.metric))
        family.add_metric([str(sample.labels[label]) for label in sample.metric.labels], sample.value)
    return list(families.values())


def write_exposition() -> bytes:
    """Return the text that /metrics answers with."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OwnMetricsCollector())
    return generate_latest(registry)


def _make_family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    return make(metric.name, metric.help, labels=metric.labels)
