"""Recording own metrics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from config.own_metrics.registry import Sample
from monitoring.applications.selectors import find_host_application
from monitoring.metrics.recording import Point, record_points


def record_samples(*, samples: Sequence[Sample], now: datetime) -> int:
    """Record samples for the application of the product's own host; return how many were stored, 0 while there is none."""
    application = find_host_application()
    if application is None or not samples:
        return 0
    time_ms = int(now.timestamp() * 1000)
    points = [
        Point(name=sample.metric.name, value=float(sample.value), time_ms=time_ms, labels=sample.labels)
        for sample in samples
    ]
    return record_points(application_id=application.pk, points=points).stored
