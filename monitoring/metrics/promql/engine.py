"""Queries from their text to their answer.

`parse` once, then evaluate at one time (`evaluate_instant`) or at many (`evaluate_range`) against any `Storage`.
Division by zero, overflow and NaN are ordinary answers of PromQL, so numpy's warnings are off for the whole evaluation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from monitoring.metrics.promql import syntax
from monitoring.metrics.promql.data import IntArray, Matcher, Storage
from monitoring.metrics.promql.errors import EvaluationError, LimitExceeded
from monitoring.metrics.promql.evaluate import Evaluation, Limits
from monitoring.metrics.promql.parse import parse_expression
from monitoring.metrics.promql.values import InstantVector, RangeElement, RangeMatrix, Scalar, String, Value
from monitoring.metrics.promql.vectors import StepScalar, StepText, StepValue, StepVector, sort_key
from monitoring.metrics.promql.windows import build_windows, without_stale

LOOKBACK_MS = 300_000
"""How old a series' newest sample may be and still count as its value."""
MAX_TIME_MS = 8_640_000_000_000_000
"""The furthest time that JavaScript's dates have as well."""
DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class SelectorNeed:
    """Samples that a query will ask for.

    `range_ms` is the window's length, 0 for an instant selector, which reaches back by the lookback instead.
    `offset_ms` is how far the window lies before the evaluation time. `function` is as in `SelectHint`.
    """

    matchers: tuple[Matcher, ...]
    range_ms: int
    offset_ms: int
    function: str | None

    def span(self, time_ms: int, lookback_ms: int = LOOKBACK_MS) -> tuple[int, int]:
        """Times of the first and last sample (epoch ms, both included) that an instant query at `time_ms` can use."""
        end = time_ms - self.offset_ms
        return end - (self.range_ms or lookback_ms), end


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is sure to be supported: its text and its nodes."""

    text: str
    expression: syntax.Expression

    @property
    def type(self) -> syntax.ValueType:
        """The type of the query's answer at one time."""
        return syntax.type_of(self.expression)

    def selectors(self) -> list[SelectorNeed]:
        """Everything that evaluating the query will select, in the order it is written; equal needs once."""
        return list(dict.fromkeys(find_needs(self.expression, None)))


def find_needs(node: syntax.Expression, function: str | None) -> Iterator[SelectorNeed]:
    """The needs of an expression that stands directly in a call of `function`."""
    match node:
        case syntax.MatrixSelector():
            yield SelectorNeed(node.vector.matchers, node.range_ms, node.vector.offset_ms, function)
        case syntax.VectorSelector():
            yield SelectorNeed(node.matchers, 0, node.offset_ms, "timestamp" if function == "timestamp" else None)
        case _:
            inside = node.function if isinstance(node, syntax.Call) else None
            for child in syntax.children_of(node):
                yield from find_needs(child, inside)


@lru_cache(maxsize=2048)
def parse(text: str) -> Query:
    """The query; raises ParseError for what is not PromQL and Unsupported, by name, for what is not evaluated here."""
    return Query(text, parse_expression(text))


def evaluate_instant(
    query: Query,
    storage: Storage,
    time_ms: int,
    lookback_ms: int = LOOKBACK_MS,
    limits: Limits = DEFAULT_LIMITS,
) -> Value:
    """The query's answer at one time (epoch ms); raises EvaluationError or LimitExceeded."""
    check_times(time_ms)
    at = np.array([time_ms], dtype=np.int64)
    evaluation = Evaluation(storage, at, lookback_ms, limits)
    with np.errstate(all="ignore"):
        if isinstance(query.expression, syntax.MatrixSelector):
            return collect_samples(query.expression, evaluation)
        return answer_at(evaluation.evaluate(query.expression), time_ms)


def collect_samples(node: syntax.MatrixSelector, evaluation: Evaluation) -> RangeMatrix:
    """The samples themselves; where storage answers with buckets, their last values."""
    found = []
    for series in evaluation.select(node.vector, node.range_ms, None):
        window = build_windows([series], evaluation.at, range_ms=node.range_ms, offset_ms=node.vector.offset_ms)
        window = without_stale(window)
        lo, hi = int(window.lo[0]), int(window.hi[0])
        if hi > lo:
            found.append(RangeElement(series.labels, window.times[lo:hi], window.values[lo:hi]))
    return RangeMatrix(sorted(found, key=lambda series: sort_key(series.labels)))


def answer_at(value: StepValue, time_ms: int) -> Value:
    """The answer of a query of a single step."""
    match value:
        case StepScalar():
            return Scalar(time_ms, float(value.values[0]))
        case StepText():
            return String(time_ms, value.value)
        case StepVector():
            rows = zip(value.labels, value.values[:, 0].tolist(), value.present[:, 0].tolist(), strict=True)
            return InstantVector(time_ms, [(labels, number) for labels, number, present in rows if present])


def evaluate_range(
    query: Query,
    storage: Storage,
    start_ms: int,
    end_ms: int,
    step_ms: int,
    lookback_ms: int = LOOKBACK_MS,
    limits: Limits = DEFAULT_LIMITS,
) -> RangeMatrix:
    """The query's answers at start, start + step ... up to and including end (epoch ms).

    Raises EvaluationError or LimitExceeded.
    """
    if query.type not in {"scalar", "instant vector"}:
        raise EvaluationError(
            f'invalid expression type "{query.type}" for range query, must be Scalar or instant Vector'
        )
    at = list_steps(start_ms, end_ms, step_ms, limits)
    with np.errstate(all="ignore"):
        value = Evaluation(storage, at, lookback_ms, limits).evaluate(query.expression)
    return answer_over(value, at)


def list_steps(start_ms: int, end_ms: int, step_ms: int, limits: Limits) -> IntArray:
    """The times of a range query; raises EvaluationError for an impossible range, LimitExceeded for too many."""
    if step_ms <= 0:
        raise EvaluationError("zero or negative query resolution step widths are not accepted. Try a positive integer")
    check_times(start_ms, end_ms)
    if end_ms < start_ms:
        raise EvaluationError("end timestamp must not be before start time")
    if (end_ms - start_ms) // step_ms > limits.max_steps:
        raise LimitExceeded(
            f"exceeded maximum resolution of {limits.max_steps:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)


def check_times(*times_ms: int) -> None:
    """Refuse times whose windows would leave 64 bits; raises EvaluationError."""
    if any(abs(time_ms) > MAX_TIME_MS for time_ms in times_ms):
        raise EvaluationError("times are limited to 275,760 years around 1970")


def answer_over(value: StepValue, at: IntArray) -> RangeMatrix:
    """The answer of a query of many steps, ordered by labels; a number is one series without labels."""
    if isinstance(value, StepScalar):
        return RangeMatrix([RangeElement({}, at, value.values)])
    assert isinstance(value, StepVector)
    rows = zip(value.labels, value.values, value.present, strict=True)
    found = [RangeElement(labels, at[present], values[present]) for labels, values, present in rows if present.any()]
    return RangeMatrix(sorted(found, key=lambda series: sort_key(series.labels)))
