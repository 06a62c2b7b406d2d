"""Operations of two operands: numbers, vectors with numbers, vectors with vectors by matching labels.

Source: Prometheus 2.42, "Operators" and "Vector matching".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from monitoring.metrics.promql.catalogue import COMPARISONS
from monitoring.metrics.promql.data import METRIC_NAME, BoolArray, FloatArray, IntArray, Labels
from monitoring.metrics.promql.errors import EvaluationError
from monitoring.metrics.promql.syntax import Matching
from monitoring.metrics.promql.vectors import (
    LabelKey,
    StepVector,
    concatenate,
    drop_absent,
    drop_name,
    empty_vector,
    merge_same_labels,
)


def power(base: FloatArray, exponent: FloatArray) -> FloatArray:
    """base ^ exponent; numpy takes a root for the exponent 0.5, which is NaN of -Inf where the power is +Inf."""
    return np.where(np.isneginf(base) & (exponent == 0.5), np.inf, np.power(base, exponent))


COMPUTE: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": power,
    "atan2": np.arctan2,
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


NAME_KEEPING = COMPARISONS | {"atan2"}
"""Operators whose answer keeps the metric's name; atan2 is among them in Prometheus 2.42, if by oversight."""


def combine_scalars(operator: str, left: FloatArray, right: FloatArray) -> FloatArray:
    """Two numbers; comparisons give 1 or 0."""
    return np.asarray(COMPUTE[operator](left, right), dtype=np.float64)


def combine_with_scalar(
    operator: str, vector: StepVector, scalar: FloatArray, *, scalar_first: bool, returns_bool: bool
) -> StepVector:
    """A vector with a number per step; a comparison without `bool` keeps the elements for which it holds."""
    left, right = (scalar, vector.values) if scalar_first else (vector.values, scalar)
    answer = COMPUTE[operator](left, right)
    if operator in COMPARISONS and not returns_bool:
        return drop_absent(StepVector(vector.labels, vector.values, vector.present & answer))
    keeps_name = operator in NAME_KEEPING and not returns_bool
    labels = vector.labels if keeps_name else [drop_name(each) for each in vector.labels]
    return merge_same_labels(StepVector(labels, answer.astype(np.float64), vector.present))


def signature_of(labels: Labels, matching: Matching) -> LabelKey:
    """What must be equal in two elements that belong together; a missing label equals an empty one."""
    if matching.on:
        return frozenset((name, labels[name]) for name in matching.labels if name in labels)
    return frozenset(item for item in labels.items() if item[0] not in matching.labels and item[0] != METRIC_NAME)


def number_signatures(left: StepVector, right: StepVector, matching: Matching) -> tuple[IntArray, IntArray, int]:
    """The number of each element's signature on both sides, and how many there are."""
    numbers: dict[LabelKey, int] = {}
    sides = [
        np.array(
            [numbers.setdefault(signature_of(labels, matching), len(numbers)) for labels in side.labels], dtype=np.int64
        )
        for side in (left, right)
    ]
    return sides[0], sides[1], len(numbers)


def count_by_number(present: BoolArray, numbers: IntArray, total: int) -> IntArray:
    """How many elements of each number are there at each step; shape (total, steps)."""
    counts = np.zeros((total, present.shape[1]), dtype=np.int64)
    if len(numbers):
        order = np.argsort(numbers, kind="stable")
        ordered = numbers[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        counts[ordered[starts]] = np.add.reduceat(present[order].astype(np.int64), starts, axis=0)
    return counts


def combine_sets(operator: str, left: StepVector, right: StepVector, matching: Matching) -> StepVector:
    """`and`, `or`, `unless`: elements of one side by whether the other has any with the same signature."""
    left_numbers, right_numbers, total = number_signatures(left, right, matching)
    if operator == "or":
        covered = count_by_number(left.present, left_numbers, total) > 0
        added = StepVector(right.labels, right.values, right.present & ~covered[right_numbers])
        return merge_same_labels(drop_absent(concatenate([left, added], left.steps)))
    covered = count_by_number(right.present, right_numbers, total) > 0
    wanted = covered[left_numbers] if operator == "and" else ~covered[left_numbers]
    return drop_absent(StepVector(left.labels, left.values, left.present & wanted))


def combine_vectors(
    operator: str, left: StepVector, right: StepVector, matching: Matching, *, returns_bool: bool
) -> StepVector:
    """Arithmetic or comparison of the elements that match, one to one or, by `group_left/right`, many to one.

    Raises EvaluationError where a match is not unique at some step.
    """
    many, one = (right, left) if matching.many == "right" else (left, right)
    one = unify_one_side(many, one, matching)
    many_numbers, one_numbers, total = number_signatures(many, one, matching)
    many_rows, one_rows = pair_rows(many_numbers, one_numbers)
    if not len(many_rows):
        return empty_vector(left.steps)
    present = many.present[many_rows] & one.present[one_rows]
    many_values, one_values = many.values[many_rows], one.values[one_rows]
    swapped = matching.many == "right"
    first, second = (one_values, many_values) if swapped else (many_values, one_values)
    values = COMPUTE[operator](first, second)
    if operator in COMPARISONS and not returns_bool:
        present, values = present & values, first
    keeps_name = operator in NAME_KEEPING and not returns_bool
    labels = [
        result_labels(many.labels[many_row], one.labels[one_row], matching, keeps_name=keeps_name)
        for many_row, one_row in zip(many_rows.tolist(), one_rows.tolist(), strict=True)
    ]
    if matching.many is None:
        check_one_to_one(present, many_numbers[many_rows], total)
    return merge_same_labels(drop_absent(StepVector(labels, values.astype(np.float64), present)))


def unify_one_side(many: StepVector, one: StepVector, matching: Matching) -> StepVector:
    """The side with one element in each match, elements that take turns (a series ends, another goes on) made one.

    Raises EvaluationError where two of them meet. Without this, a match of many restarted series would be computed
    for every pair of them.
    """
    _, numbers, total = number_signatures(many, one, matching)
    if len(numbers) == len(np.unique(numbers)):
        return one
    # A step at which the other side is empty has nothing to match and so nothing to refuse.
    used = StepVector(one.labels, one.values, one.present & many.present.any(axis=0))
    doubled = np.flatnonzero((count_by_number(used.present, numbers, total) > 1).any(axis=1))
    if len(doubled):
        first, second = [one.labels[row] for row in np.flatnonzero(numbers == doubled[0])[:2].tolist()]
        side = "left" if matching.many == "right" else "right"
        raise EvaluationError(
            f"found duplicate series for the match group {describe(dict(signature_of(first, matching)))} on the {side} "
            f"hand-side of the operation: [{describe(first)}, {describe(second)}];"
            "many-to-many matching not allowed: matching labels must be unique on one side"
        )
    labels = [
        {**dict(signature_of(each, matching)), **{name: each[name] for name in matching.include if name in each}}
        for each in one.labels
    ]
    return merge_same_labels(StepVector(labels, used.values, used.present))


def check_one_to_one(present: BoolArray, numbers: IntArray, total: int) -> None:
    """Refuse several elements of the left side that match one of the right; raises EvaluationError."""
    if (count_by_number(present, numbers, total) > 1).any():
        raise EvaluationError(
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
        )


def pair_rows(many_numbers: IntArray, one_numbers: IntArray) -> tuple[IntArray, IntArray]:
    """All pairs of elements with the same signature."""
    order = np.argsort(one_numbers, kind="stable")
    ordered = one_numbers[order]
    first = np.searchsorted(ordered, many_numbers, side="left")
    sizes = np.searchsorted(ordered, many_numbers, side="right") - first
    many_rows = np.repeat(np.arange(len(many_numbers)), sizes)
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return many_rows, order[np.repeat(first, sizes) + within]


def result_labels(many: Labels, one: Labels, matching: Matching, *, keeps_name: bool) -> Labels:
    """Labels of a match: those of the side with many elements, or the compared ones if both sides have one."""
    labels = dict(many) if keeps_name else drop_name(many)
    if matching.many is None:
        labels = {name: value for name, value in labels.items() if (name in matching.labels) == matching.on}
    for name in matching.include:
        if name in one:
            labels[name] = one[name]
        else:
            labels.pop(name, None)
    return labels


def describe(labels: Labels) -> str:
    """Labels as they are written in a query."""
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != METRIC_NAME)
    return f"{labels.get(METRIC_NAME, '')}{{{inner}}}"
