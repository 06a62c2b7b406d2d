"""What expressions evaluate to: for every step of the query at once, one number, or one number per labelled element."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from monitoring.metrics.promql.data import METRIC_NAME, BoolArray, FloatArray, IntArray, Labels
from monitoring.metrics.promql.errors import EvaluationError

SAME_LABELS = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True, eq=False)
class StepScalar:
    """One number per step: `values` has shape (steps,)."""

    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class StepText:
    """A string, the same at every step."""

    value: str


@dataclass(frozen=True, slots=True, eq=False)
class StepVector:
    """Elements by labels; `values` and `present` have shape (elements, steps).

    Where `present` is False there is no element at that step and its value means nothing. NaN is a value.
    """

    labels: list[Labels]
    values: FloatArray
    present: BoolArray

    @property
    def steps(self) -> int:
        """The number of steps of the query."""
        return int(self.values.shape[1])


StepValue = StepScalar | StepText | StepVector
LabelKey = frozenset[tuple[str, str]]


def key_of(labels: Labels) -> LabelKey:
    """A label set as something to compare and to look up by."""
    return frozenset(labels.items())


def sort_key(labels: Labels) -> list[tuple[str, str]]:
    """The order in which label sets are listed."""
    return sorted(labels.items())


def drop_name(labels: Labels) -> Labels:
    """The labels without the metric's name."""
    return {name: value for name, value in labels.items() if name != METRIC_NAME}


def empty_vector(steps: int) -> StepVector:
    """A vector without elements."""
    return StepVector([], np.zeros((0, steps)), np.zeros((0, steps), dtype=np.bool_))


def single_element(labels: Labels, values: FloatArray, present: BoolArray | None = None) -> StepVector:
    """A vector of one element; without `present` it is there at every step."""
    mask = np.ones(len(values), dtype=np.bool_) if present is None else present
    return StepVector([labels], values[np.newaxis, :], mask[np.newaxis, :])


def take_rows(vector: StepVector, rows: IntArray) -> StepVector:
    """The vector's elements of the given numbers, in their order."""
    return StepVector([vector.labels[row] for row in rows.tolist()], vector.values[rows], vector.present[rows])


def drop_absent(vector: StepVector) -> StepVector:
    """The vector without the elements that are there at no step."""
    kept = vector.present.any(axis=1)
    return vector if kept.all() else take_rows(vector, np.flatnonzero(kept))


def number_groups(keys: Iterable[LabelKey]) -> tuple[IntArray, list[int]]:
    """Each key's group number, counted in order of first appearance, and each group's first member."""
    numbers: dict[LabelKey, int] = {}
    firsts: list[int] = []
    groups = []
    for row, key in enumerate(keys):
        group = numbers.setdefault(key, len(numbers))
        if group == len(firsts):
            firsts.append(row)
        groups.append(group)
    return np.array(groups, dtype=np.int64), firsts


def merge_same_labels(vector: StepVector, *, across_steps: bool = True) -> StepVector:
    """The vector with one element per label set.

    Elements whose labels became equal are one element if they are never there at the same step, as when one series
    ends and another goes on; raises EvaluationError where they meet, or always if `across_steps` is False.
    """
    groups, firsts = number_groups(key_of(labels) for labels in vector.labels)
    if len(firsts) == len(vector.labels):
        return vector
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(len(firsts)))
    counts = np.add.reduceat(vector.present[order].astype(np.int64), starts, axis=0)
    if not across_steps or (counts > 1).any():
        raise EvaluationError(SAME_LABELS)
    values = np.add.reduceat(np.where(vector.present, vector.values, 0.0)[order], starts, axis=0)
    return StepVector([vector.labels[first] for first in firsts], values, counts > 0)


def concatenate(vectors: Sequence[StepVector], steps: int) -> StepVector:
    """All elements of several vectors, one after another."""
    if not vectors:
        return empty_vector(steps)
    if len(vectors) == 1:
        return vectors[0]
    labels = [element for vector in vectors for element in vector.labels]
    values = np.concatenate([vector.values for vector in vectors])
    return StepVector(labels, values, np.concatenate([vector.present for vector in vectors]))
