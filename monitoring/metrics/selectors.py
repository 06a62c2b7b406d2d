"""What PromQL reads: series with their samples, out of fresh points, chunks and rollups as the question needs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from config.settings import OPTION
from monitoring.metrics import reading
from monitoring.metrics.catalogue import find_named_series, find_series
from monitoring.metrics.labels import NAME_LABEL
from monitoring.metrics.promql.data import Labels, Matcher, SelectHint, SeriesData
from monitoring.metrics.promql.engine import SelectorNeed
from monitoring.metrics.promql.memory import MemoryStorage, cut_series
from monitoring.metrics.reading import Found, Span, count_packed, read_chunks, read_fresh, read_hours, read_minutes
from monitoring.metrics.rollup import DAY_MS, HOUR_MS, Times, Values, join_elements, merge_points, pick

DENSEST_MS = 1000
"""Interval between a series' samples below which the number of samples in a span is not worth counting."""

SKETCHED = frozenset({"mad_over_time", "quantile_over_time", "stddev_over_time", "stdvar_over_time"})
"""Functions that look at the distribution within a bucket."""

SERVED_BY_HOURS = SKETCHED | {
    "avg_over_time",
    "count_over_time",
    "increase",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "rate",
    "sum_over_time",
}
"""Functions whose answer over whole hours is the same from hour rollups as from points."""


NEAR_MS = HOUR_MS
"""How far back a snapshot for many queries reads ahead."""


class SeriesStorage:
    """One application's samples, for the evaluator. Reads the database at every ``select``.

    Points answer as far back as they are kept, minutes before that, hours before those. Questions that reach back
    further than the points and look at whole hours at a time are answered from hours throughout: 240 times less to read.
    """

    def __init__(self, application_id: int, *, now_ms: int | None = None) -> None:
        self._application_id = application_id
        self._now_ms = int(time.time() * 1000) if now_ms is None else now_ms

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint) -> list[SeriesData]:
        """Return the selected series with their samples of start_ms <= time <= end_ms, those without any left out."""
        series = dict(find_series(application_id=self._application_id, matchers=matchers))
        if not series or end_ms < start_ms:
            return []
        span = Span(self._application_id, list(series), start_ms, end_ms)
        sketches = hint.function in SKETCHED
        if _serves_by_hours(hint, start_ms, end_ms):
            found, fresh = self._read_by_hours(span, sketches=sketches)
        else:
            found, fresh = self._read_finest(span, sketches=sketches)
        return self._assemble_all(series, found, fresh, span)

    def read_points(self, series: Mapping[int, Labels], start_ms: int, end_ms: int) -> list[SeriesData]:
        """Return the samples of known series, in the finest form there is."""
        if not series:
            return []
        span = Span(self._application_id, list(series), start_ms, end_ms)
        found, fresh = self._read_finest(span, sketches=True)
        return self._assemble_all(series, found, fresh, span)

    def _assemble_all(
        self,
        series: Mapping[int, Labels],
        found: dict[int, Found],
        fresh: dict[int, tuple[Times, Values]],
        span: Span,
    ) -> list[SeriesData]:
        answers = (_assemble(labels, found[key], fresh.get(key), span) for key, labels in series.items())
        return [answer for answer in answers if answer is not None]

    def _read_finest(self, span: Span, *, sketches: bool) -> tuple[dict[int, Found], dict[int, tuple[Times, Values]]]:
        """Read the finest that is kept of every day."""
        fresh, slots = read_fresh(span)
        found = {series: Found() for series in span.series}
        self._read_points_and_minutes(span, found, sketches=sketches)
        hours_until = self._now_ms - int(OPTION["ROLLUP_MINUTE_RETENTION_DAYS"]) * DAY_MS
        if span.start_ms < hours_until:
            hours = Span(span.application_id, span.series, _floor_hour(span.start_ms), min(span.end_ms, hours_until))
            read_hours(hours, found, sketches=sketches, without_slots=slots, where_missing=True)
        return found, fresh

    def _read_by_hours(self, span: Span, *, sketches: bool) -> tuple[dict[int, Found], dict[int, tuple[Times, Values]]]:
        """Read hours where they lie wholly within the span, and what is finer at its two ends."""
        fresh, slots = read_fresh(span)
        found = {series: Found() for series in span.series}
        first, after = -(-span.start_ms // HOUR_MS) * HOUR_MS, _floor_hour(span.end_ms)
        for start, end in ((span.start_ms, first - 1), (after, span.end_ms)):
            if start <= end:
                self._read_edge(Span(span.application_id, span.series, start, end), found, sketches=sketches)
        hours = Span(span.application_id, span.series, first, after - 1)
        read_hours(hours, found, sketches=sketches, without_slots=slots, where_missing=False)
        return found, fresh

    def _read_edge(self, span: Span, found: dict[int, Found], *, sketches: bool) -> None:
        """Read points and minutes of part of an hour, nothing of the rest of its day."""
        edge = {series: Found() for series in span.series}
        self._read_points_and_minutes(span, edge, sketches=sketches)
        for series, entry in edge.items():
            found[series].points += [_clip(times, values, span) for times, values in entry.points]
            for rollups in entry.rollups:
                within = (rollups.last_times >= span.start_ms) & (rollups.last_times <= span.end_ms)
                found[series].rollups.append(pick(rollups, within))

    def _read_points_and_minutes(self, span: Span, found: dict[int, Found], *, sketches: bool) -> None:
        _check_size(span)
        read_chunks(span, found)
        if span.start_ms < self._now_ms - int(OPTION["POINT_RETENTION_DAYS"]) * DAY_MS:
            read_minutes(span, found, sketches=sketches)


def _check_size(span: Span) -> None:
    """Raise LimitExceeded when the answer would not fit in memory. Counts only where it might not."""
    at_most = len(span.series) * (span.end_ms - span.start_ms) // DENSEST_MS
    if at_most > reading.MAX_SAMPLES and count_packed(span) > reading.MAX_SAMPLES:
        raise reading.too_large()


def _floor_hour(time_ms: int) -> int:
    return time_ms // HOUR_MS * HOUR_MS


def _serves_by_hours(hint: SelectHint, start_ms: int, end_ms: int) -> bool:
    if hint.function not in SERVED_BY_HOURS or end_ms - start_ms <= int(OPTION["POINT_RETENTION_DAYS"]) * DAY_MS:
        return False
    on_the_hour = not any(number % HOUR_MS for number in (start_ms, hint.range_ms, hint.step_ms))
    return hint.range_ms >= DAY_MS or (on_the_hour and hint.range_ms >= HOUR_MS)


def _clip(times: Times, values: Values, span: Span) -> tuple[Times, Values]:
    first, after = np.searchsorted(times, [span.start_ms, span.end_ms + 1])
    return times[first:after], values[first:after]


def _assemble(labels: Labels, found: Found, fresh: tuple[Times, Values] | None, span: Span) -> SeriesData | None:
    """Return one series' answer, None if it has no samples in the span."""
    parts = found.points if fresh is None else [*found.points, fresh]
    points = _clip(*merge_points(parts), span)
    if not found.rollups:
        return SeriesData(labels, *points) if points[0].size else None
    joined = SeriesData(labels, *join_elements(points, found.rollups))
    answer = cut_series(joined, span.start_ms, span.end_ms)
    return answer if answer.times.size else None


class RecentSnapshot:
    """The samples that many instant queries at one time need, read in one pass, then asked from memory.

    What the queries ask for is known beforehand (``needs``), so the database is asked a handful of questions for a
    thousand rules. Windows longer than an hour are read one by one when they are asked for.
    """

    def __init__(self, application_id: int, needs: Sequence[SelectorNeed], *, now_ms: int) -> None:
        self._storage = SeriesStorage(application_id, now_ms=now_ms)
        spans = [(need, *need.span(now_ms)) for need in needs]
        near = [(need, start, end) for need, start, end in spans if start >= now_ms - NEAR_MS]
        self._start_ms = min((start for _, start, _ in near), default=now_ms)
        self._end_ms = max((end for _, _, end in near), default=now_ms)
        series = _find_needed(application_id, [need for need, _, _ in near])
        self._memory = MemoryStorage(self._storage.read_points(series, self._start_ms, self._end_ms))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint) -> list[SeriesData]:
        """Return the selected series with their samples of start_ms <= time <= end_ms."""
        near = start_ms >= self._start_ms and end_ms <= self._end_ms
        return (self._memory if near else self._storage).select(matchers, start_ms, end_ms, hint)


def _find_needed(application_id: int, needs: Sequence[SelectorNeed]) -> dict[int, Labels]:
    """Return every series of the metrics that the needs name; all series if one names none."""
    names = {_named(need.matchers) for need in needs}
    if not names:
        return {}
    wanted = None if None in names else sorted(name for name in names if name is not None)
    return dict(find_named_series(application_id=application_id, names=wanted))


def _named(matchers: Sequence[Matcher]) -> str | None:
    return next((matcher.value for matcher in matchers if matcher.name == NAME_LABEL and matcher.op == "="), None)
