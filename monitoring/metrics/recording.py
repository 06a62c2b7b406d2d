"""Points that the product itself records: for other rooms, which have values at hand and no request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from django.utils import timezone

from monitoring.metrics.labels import NAME_LABEL, identify_series
from monitoring.metrics.points import PointBatch, StoreResult
from monitoring.metrics.services import store_points


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series at a time (epoch milliseconds)."""

    name: str
    value: float
    time_ms: int
    labels: Mapping[str, str] = field(default_factory=dict)


def record_points(*, application_id: int, points: Sequence[Point]) -> StoreResult:
    """Store points of the product's own making; return what became of them, as `store_points` does.

    Raises SeriesInvalid for a name or label that can't be one: here that is a mistake in the caller, not in data.
    """
    identities = [identify_series([(NAME_LABEL, point.name), *point.labels.items()]) for point in points]
    places = {identity: place for place, identity in enumerate(dict.fromkeys(identities))}
    batch = PointBatch(
        series=np.array([-(places[identity] + 1) for identity in identities], np.int64),
        times=np.array([point.time_ms for point in points], np.int64),
        values=np.array([point.value for point in points], np.float64),
        indexes=np.arange(len(points), dtype=np.int64),
        unresolved=list(places),
    )
    return store_points(application_id=application_id, batch=batch, now=timezone.now())
