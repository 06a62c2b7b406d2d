"""Putting points into the store and getting them out again, in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from monitoring.applications.models import Application
from monitoring.applications.services import create_application
from monitoring.metrics.labels import NAME_LABEL, identify_series
from monitoring.metrics.packing import pack_slot
from monitoring.metrics.points import PointBatch, StoreResult
from monitoring.metrics.promql import Matcher, SelectHint, SeriesData
from monitoring.metrics.selectors import SeriesStorage
from monitoring.metrics.services import store_points
from monitoring.metrics.slots import seal_open_slot

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
RAW = SelectHint(function=None, range_ms=0, step_ms=0)

_made = iter(range(1_000_000))


def make_application(**fields: object) -> Application:
    """Return a new application; `fields` are set on it."""
    application = create_application(name=f"ERP {next(_made)}")
    for name, value in fields.items():
        setattr(application, name, value)
    application.save()
    return application


def make_batch(points: Sequence[tuple[Mapping[str, str] | str, int, float]]) -> PointBatch:
    """Return a batch of (metric name or labels, time in ms, value)."""
    identities, places = [], []
    for labels, _, _ in points:
        named = {NAME_LABEL: labels} if isinstance(labels, str) else dict(labels)
        identity = identify_series(named.items())
        if identity not in identities:
            identities.append(identity)
        places.append(-identities.index(identity) - 1)
    return PointBatch(
        series=np.array(places, np.int64),
        times=np.array([time for _, time, _ in points], np.int64),
        values=np.array([value for _, _, value in points], np.float64),
        indexes=np.arange(len(points)),
        unresolved=identities,
    )


def store(
    application: Application, points: Sequence[tuple[Mapping[str, str] | str, int, float]], *, now: datetime = NOW
) -> StoreResult:
    """Store points as if they arrived at `now`."""
    return store_points(application_id=application.pk, batch=make_batch(points), now=now)


def pack(*, now: datetime = NOW) -> int | None:
    """Seal and pack everything that has arrived."""
    slot_id = seal_open_slot(now=now)
    return None if slot_id is None else pack_slot(slot_id=slot_id)


def read(
    application: Application,
    name: str,
    start_ms: int = 0,
    end_ms: int = 1 << 52,
    hint: SelectHint = RAW,
    *,
    now_ms: int = NOW_MS,
) -> list[SeriesData]:
    """Return the series of a metric, by the PromQL storage."""
    storage = SeriesStorage(application.pk, now_ms=now_ms)
    return storage.select([Matcher(NAME_LABEL, "=", name)], start_ms, end_ms, hint)


def read_pairs(application: Application, name: str) -> list[tuple[int, float]]:
    """Return (time, value) of a metric with one series."""
    (series,) = read(application, name)
    return list(zip(series.times.tolist(), series.values.tolist(), strict=True))
