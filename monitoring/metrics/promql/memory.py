"""Samples held in memory, as a `Storage`: for what was fetched ahead of many queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from monitoring.metrics.promql.data import METRIC_NAME, Buckets, Matcher, SelectHint, SeriesData


class MemoryStorage:
    """Series by name, and by the labels that were asked for; answers share the columns they were made of."""

    def __init__(self, series: Iterable[SeriesData]) -> None:
        self.by_name: dict[str, list[SeriesData]] = defaultdict(list)
        for item in series:
            self.by_name[item.labels.get(METRIC_NAME, "")].append(item)
        self._by_label: dict[tuple[str, str], dict[str, list[SeriesData]]] = {}

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
        """The fewest series that one of the matchers leaves, by look-up where the name is given."""
        name = next((each.value for each in matchers if each.name == METRIC_NAME and each.op == "="), None)
        if name is None:
            return (item for items in self.by_name.values() for item in items)
        fewest = self.by_name.get(name, [])
        for matcher in matchers:
            # The empty value also stands for a label that is not there, which no look-up finds.
            if matcher.op == "=" and matcher.value and matcher.name != METRIC_NAME and len(fewest) > 1:
                fewest = min(fewest, self._look_up(name, matcher.name).get(matcher.value, []), key=len)
        return fewest

    def _look_up(self, name: str, label: str) -> dict[str, list[SeriesData]]:
        """The series of a name by their values of a label; sorted out when it is first asked for."""
        if (name, label) not in self._by_label:
            found: dict[str, list[SeriesData]] = defaultdict(list)
            for item in self.by_name.get(name, []):
                if value := item.labels.get(label):
                    found[value].append(item)
            self._by_label[name, label] = found
        return self._by_label[name, label]


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
