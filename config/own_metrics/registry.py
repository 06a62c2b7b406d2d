"""Own metrics and where they come from. Rooms register sources in `<room>/own_metrics.py`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

logger = logging.getLogger(__name__)

Kind = Literal["counter", "gauge"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One own metric: its name in Prometheus' spelling (counters end in _total), kind and meaning."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric now; `labels` has exactly the labels that the metric names."""

    metric: Metric
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


Source = Callable[[], Iterable[Sample]]

_sources: dict[str, tuple[tuple[Metric, ...], Source]] = {}


def own_metrics(name: str, *metrics: Metric) -> Callable[[Source], Source]:
    """Register a source of the given metrics under a unique name. It reads them from the database, where all processes'
    work is counted together. Raises ValueError for a name that is taken.
    """

    def register(source: Source) -> Source:
        if name in _sources and _sources[name][1] is not source:
            raise ValueError(f"two sources of own metrics are named {name!r}")
        _sources[name] = (metrics, source)
        return source

    return register


def registered_metrics() -> tuple[Metric, ...]:
    """Return every own metric, by name."""
    return tuple(sorted((metric for metrics, _ in _sources.values() for metric in metrics), key=lambda each: each.name))


def collect_samples() -> list[Sample]:
    """Return what every source says now; a source that fails is logged and left out."""
    samples: list[Sample] = []
    for name in sorted(_sources):
        try:
            samples.extend(_sources[name][1]())
        except Exception:
            # The outermost edge: one broken source must not blind the others.
            logger.exception("own metrics of %s can't be read", name)
    return samples
