"""Aggregations: elements of a vector put together in groups, at every step at once.

Source: Prometheus 2.42, "Aggregation operators".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitoring.metrics.promql.data import METRIC_NAME, BoolArray, FloatArray, IntArray, Labels
from monitoring.metrics.promql.deadline import check_time
from monitoring.metrics.promql.errors import EvaluationError, LimitExceeded
from monitoring.metrics.promql.quantiles import pick_quantile
from monitoring.metrics.promql.values import format_plain
from monitoring.metrics.promql.vectors import (
    StepVector,
    concatenate,
    drop_absent,
    empty_vector,
    key_of,
    number_groups,
    take_rows,
)

INT64_MIN, INT64_MAX = -(2**63), 2**63
OVERFLOW_SCALE = 2.0**-64


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """A vector's elements sorted by group: `starts` is where each group begins, `labels` what each is called."""

    labels: list[Labels]
    starts: IntArray
    values: FloatArray
    present: BoolArray

    @property
    def owner(self) -> IntArray:
        """The group of each element."""
        return np.repeat(np.arange(len(self.starts)), np.diff(np.append(self.starts, len(self.values))))

    def count(self) -> IntArray:
        """How many elements each group has at each step."""
        return np.asarray(np.add.reduceat(self.present.astype(np.int64), self.starts, axis=0))

    def sum(self, values: FloatArray) -> FloatArray:
        """Each group's sum of a number per element; absent elements do not count."""
        return np.asarray(np.add.reduceat(np.where(self.present, values, 0.0), self.starts, axis=0))


def group_labels(labels: Labels, grouping: tuple[str, ...], *, without: bool) -> Labels:
    """What is left of an element's labels in its group."""
    if without:
        return {name: value for name, value in labels.items() if name not in grouping and name != METRIC_NAME}
    return {name: labels[name] for name in grouping if name in labels}


def sort_into_groups(vector: StepVector, grouping: tuple[str, ...], *, without: bool) -> tuple[Groups, IntArray]:
    """The vector's groups, and the numbers of its elements in their order."""
    names = [group_labels(labels, grouping, without=without) for labels in vector.labels]
    numbers, firsts = number_groups(key_of(name) for name in names)
    order = np.argsort(numbers, kind="stable")
    starts = np.searchsorted(numbers[order], np.arange(len(firsts)))
    groups = Groups([names[first] for first in firsts], starts, vector.values[order], vector.present[order])
    return groups, order


def aggregate(
    operator: str,
    vector: StepVector,
    parameter: FloatArray | None,
    grouping: tuple[str, ...],
    *,
    without: bool,
) -> StepVector:
    """The aggregation's answer; `parameter` is the number for each step of those that take one."""
    vector = drop_absent(vector)
    if not vector.labels:
        return empty_vector(vector.steps)
    groups, order = sort_into_groups(vector, grouping, without=without)
    if operator in {"topk", "bottomk"}:
        assert parameter is not None
        return select_extremes(take_rows(vector, order), groups, parameter, largest=operator == "topk")
    if operator == "quantile":
        assert parameter is not None
        return StepVector(groups.labels, quantiles_of(groups, parameter), groups.count() > 0)
    return StepVector(groups.labels, REDUCTIONS[operator](groups), groups.count() > 0)


def mean_of(groups: Groups) -> FloatArray:
    """Mean, finite also where the sum overflows, and exactly the value where all values are equal."""
    counts = np.maximum(groups.count(), 1)
    sums = groups.sum(groups.values)
    means = sums / counts
    if np.isinf(sums).any():
        scaled = groups.sum(groups.values * OVERFLOW_SCALE) / counts / OVERFLOW_SCALE
        means = np.where(np.isinf(sums), scaled, means)
    return np.clip(means, smallest_of(groups), greatest_of(groups))


def variance_of(groups: Groups) -> FloatArray:
    """Population variance around the mean; of a single element 0, even of one that is NaN or infinite."""
    counts = np.maximum(groups.count(), 1)
    deviations = groups.values - mean_of(groups)[groups.owner]
    return np.where(counts == 1, 0.0, groups.sum(deviations**2) / counts)


def smallest_of(groups: Groups) -> FloatArray:
    """Smallest value; NaN only where there is nothing else."""
    return np.asarray(np.fmin.reduceat(np.where(groups.present, groups.values, np.nan), groups.starts, axis=0))


def greatest_of(groups: Groups) -> FloatArray:
    """Greatest value; NaN only where there is nothing else."""
    return np.asarray(np.fmax.reduceat(np.where(groups.present, groups.values, np.nan), groups.starts, axis=0))


REDUCTIONS: dict[str, Callable[[Groups], FloatArray]] = {
    "sum": lambda groups: groups.sum(groups.values),
    "avg": mean_of,
    "min": smallest_of,
    "max": greatest_of,
    "count": lambda groups: groups.count().astype(np.float64),
    "group": lambda groups: np.ones((len(groups.starts), groups.values.shape[1])),
    "stdvar": variance_of,
    "stddev": lambda groups: np.sqrt(variance_of(groups)),
}


def quantiles_of(groups: Groups, quantiles: FloatArray) -> FloatArray:
    """The quantile of each group at each step."""
    answers = np.full((len(groups.starts), groups.values.shape[1]), np.nan)
    stops = np.append(groups.starts[1:], len(groups.values))
    for group, (start, stop) in enumerate(zip(groups.starts.tolist(), stops.tolist(), strict=True)):
        check_time()
        values, present = groups.values[start:stop], groups.present[start:stop]
        sizes = present.sum(axis=0)
        # Absent elements are sorted behind all others; steps with equally many present ones are answered together.
        front = np.take_along_axis(values, np.argsort(~present, axis=0, kind="stable"), axis=0)
        for size in np.unique(sizes[sizes > 0]).tolist():
            steps = np.flatnonzero(sizes == size)
            answers[group, steps] = pick_quantile(front[:size, steps].T, quantiles[steps])
    return answers


def select_extremes(vector: StepVector, groups: Groups, limits: FloatArray, *, largest: bool) -> StepVector:
    """The greatest or smallest elements of each group at each step, with all their labels; NaN is picked last.

    `vector` is sorted by group. At a single step the answer is sorted as well: by group, the most extreme first.
    """
    check_limits(limits)
    ranks = np.empty(vector.values.shape, dtype=np.int64)
    stops = np.append(groups.starts[1:], len(vector.values))
    for start, stop in zip(groups.starts.tolist(), stops.tolist(), strict=True):
        check_time()
        values, present = vector.values[start:stop], vector.present[start:stop]
        by_value = np.argsort(-values if largest else values, axis=0, kind="stable")
        absent_last = np.argsort(~np.take_along_axis(present, by_value, axis=0), axis=0, kind="stable")
        order = np.take_along_axis(by_value, absent_last, axis=0)
        positions = np.broadcast_to(np.arange(stop - start)[:, np.newaxis], order.shape)
        np.put_along_axis(ranks[start:stop], order, positions, axis=0)
    chosen = StepVector(vector.labels, vector.values, vector.present & (ranks < np.trunc(limits)))
    if vector.steps == 1:
        chosen = take_rows(chosen, np.lexsort((ranks[:, 0], groups.owner)))
    return drop_absent(chosen)


def check_limits(limits: FloatArray) -> None:
    """Refuse a number of elements that is none; raises EvaluationError."""
    wrong = ~((limits > INT64_MIN) & (limits < INT64_MAX))
    if wrong.any():
        raise EvaluationError(f"Scalar value {format_plain(float(limits[wrong][0]))} overflows int64")


def count_values(
    vector: StepVector, label: str, grouping: tuple[str, ...], *, without: bool, max_samples: int
) -> StepVector:
    """For every value that occurs in a group, how many elements have it; the value goes into `label`.

    Raises LimitExceeded when the values found, times the steps, are more than `max_samples`.
    """
    texts: dict[float, str] = {}
    counts: dict[tuple[tuple[str, str], ...], FloatArray] = {}
    for labels, values, present in zip(vector.labels, vector.values, vector.present, strict=True):
        check_time()
        name = group_labels(labels, tuple(each for each in grouping if each != label), without=without)
        for value in np.unique(values[present]).tolist():
            text = texts.setdefault(value, format_plain(value))
            key = tuple(sorted({**name, label: text}.items()))
            matches = np.isnan(values) if np.isnan(value) else values == value
            counts[key] = counts.get(key, np.zeros(vector.steps)) + (matches & present)
        if len(counts) * vector.steps > max_samples:
            raise LimitExceeded(f"count_values() found more than {max_samples // vector.steps:,} different values")
    rows = [StepVector([dict(key)], row[np.newaxis], row[np.newaxis] > 0) for key, row in counts.items()]
    return concatenate(rows, vector.steps)
