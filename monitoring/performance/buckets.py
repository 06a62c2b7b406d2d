"""The histogram's limits, and what a group of durations adds up to. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitoring.metrics.sketch import Sketch, sketch_groups

#: Seconds, upper limits included. Source: OpenTelemetry semantic conventions, http.server.request.duration; 30 s is the
#: product's limit for a server that counts as down.
LIMITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZE = len(LIMITS) + 1

SLOW_REQUEST_SECONDS, SLOW_QUERY_SECONDS = 5.0, 1.0


@dataclass(frozen=True, slots=True)
class Sum:
    """What happened in a stretch of time. `buckets` is not added up, its last number is beyond the last limit."""

    count: int
    failed: int
    slow: int
    seconds: float
    longest: float
    buckets: tuple[int, ...]
    sketch: Sketch

    @classmethod
    def merge(cls, parts: list[Sum]) -> Sum:
        """Return what parts are together."""
        return cls(
            count=sum(part.count for part in parts),
            failed=sum(part.failed for part in parts),
            slow=sum(part.slow for part in parts),
            seconds=sum(part.seconds for part in parts),
            longest=max((part.longest for part in parts), default=0.0),
            buckets=tuple(sum(numbers) for numbers in zip(*(part.buckets for part in parts), strict=True)),
            sketch=Sketch.merge(part.sketch for part in parts),
        )


def sum_groups(
    durations: NDArray[np.float64],
    failed: NDArray[np.bool_],
    groups: NDArray[np.int64],
    size: int,
    *,
    slow_seconds: float,
) -> list[Sum]:
    """Return one sum for each of `size` groups; `groups` names the group of every duration, ascending.

    A duration of exactly a limit belongs to that limit's bucket; slow is what takes longer than `slow_seconds`.
    """
    places = np.searchsorted(np.array(LIMITS), durations, side="left")
    buckets = np.bincount(groups * SIZE + places, minlength=size * SIZE).reshape(size, SIZE)
    counts = np.bincount(groups, minlength=size)
    failures = np.bincount(groups, weights=failed, minlength=size)
    slow = np.bincount(groups, weights=durations > slow_seconds, minlength=size)
    seconds = np.bincount(groups, weights=durations, minlength=size)
    longest = np.zeros(size)
    np.maximum.at(longest, groups, durations)
    sketches = sketch_groups(durations, groups, size)
    return [
        Sum(
            count=int(counts[place]),
            failed=int(failures[place]),
            slow=int(slow[place]),
            seconds=float(seconds[place]),
            longest=float(longest[place]),
            buckets=tuple(buckets[place].tolist()),
            sketch=sketches[place],
        )
        for place in range(size)
    ]
