"""What metrics say right now, for the figures beside charts."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from monitoring.metrics import promql
from monitoring.metrics.selectors import RecentSnapshot

Found = list[tuple[dict[str, str], float]]


def read_now(application_id: int, queries: Mapping[str, str]) -> dict[str, Found]:
    """Return for each query its (labels, value) pairs now, largest first; NaN and infinities left out.

    All queries share one pass over the recent points. Raises promql.PromQLError for a query that has no answer.
    """
    now_ms = int(time.time() * 1000)
    parsed = {key: promql.parse(query) for key, query in queries.items()}
    needs = [need for query in parsed.values() for need in query.selectors()]
    snapshot = RecentSnapshot(application_id, needs, now_ms=now_ms)
    return {key: _pairs(promql.evaluate_instant(query, snapshot, now_ms)) for key, query in parsed.items()}


def _pairs(value: promql.Value) -> Found:
    match value:
        case promql.InstantVector():
            found = [(dict(labels), one) for labels, one in value.elements if math.isfinite(one)]
            return sorted(found, key=lambda pair: -pair[1])
        case promql.Scalar():
            return [({}, value.value)] if math.isfinite(value.value) else []
        case _:
            return []


def largest(found: Found) -> float | None:
    """Return the largest value, None if there is none."""
    return found[0][1] if found else None
