"""Samples held in memory, as a `Storage`: for what was fetched ahead of many queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from monitoring.metrics.promql.data import METRIC_NAME, Buckets, Matcher, SelectHint, SeriesData


class MemoryStorage:
    """Series by name; answers share the columns they were made of."""

    def __init__(self, series: Iterable[SeriesData]) -> None:
        self.by_name: dict[str, list[SeriesData]] = defaultdict(list)
        for item in series:
            self.by_name[item.labels.get(METRIC_NAME, "")].append(item)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint) -> list[SeriesData]:
        """Series with samples of start_ms <= time <= end_ms that every matcher selects; the hint changes nothing."""
        found = []
        for item in self.candidates(matchers):
            if all(matcher.matches(item.labels.get(matcher.name, "")) for matcher in matchers):
                cut = cut_series(item, start_ms, end_ms)
                if len(cut.times):
                    found.append(cut)
        return found

    def candidates(self, matchers: Sequence[Matcher]) -> Iterable[SeriesData]:
        """Series that the matchers of the name leave, by look-up where the name is given."""
        for matcher in matchers:
            if matcher.name == METRIC_NAME and matcher.op == "=":
                return self.by_name.get(matcher.value, [])
        return (item for items in self.by_name.values() for item in items)


def cut_series(series: SeriesData, start_ms: int, end_ms: int) -> SeriesData:
    """The elements of start_ms <= time <= end_ms, without copying."""
    first, stop = np.searchsorted(series.times, (start_ms, end_ms + 1)).tolist()
    if first == 0 and stop == len(series.times):
        return series
    span = slice(first, stop)
    buckets = None if series.buckets is None else cut_buckets(series.buckets, span)
    return SeriesData(series.labels, series.times[span], series.values[span], buckets)


def cut_buckets(buckets: Buckets, span: slice) -> Buckets:
    """A stretch of the columns."""
    return Buckets(
        first_times=buckets.first_times[span],
        first=buckets.first[span],
        counts=buckets.counts[span],
        sums=buckets.sums[span],
        mins=buckets.mins[span],
        maxs=buckets.maxs[span],
        increases=buckets.increases[span],
        sketches=None if buckets.sketches is None else buckets.sketches[span],
    )
