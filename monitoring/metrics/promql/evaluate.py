"""Evaluation of a query's nodes, all steps at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from monitoring.metrics.promql import functions, syntax
from monitoring.metrics.promql.aggregate import aggregate, count_values
from monitoring.metrics.promql.binary import combine_scalars, combine_sets, combine_vectors, combine_with_scalar
from monitoring.metrics.promql.catalogue import RANGE_FUNCTIONS, SET_OPERATORS, VALUE_FUNCTIONS
from monitoring.metrics.promql.data import FloatArray, IntArray, Matcher, SelectHint, SeriesData, Storage
from monitoring.metrics.promql.deadline import check_time
from monitoring.metrics.promql.errors import EvaluationError, LimitExceeded, Unsupported
from monitoring.metrics.promql.histogram import histogram_quantile
from monitoring.metrics.promql.range_functions import KEEP_NAME, SCALAR_ARGUMENT, SELECTOR_ARGUMENT, WRITTEN_OUT
from monitoring.metrics.promql.range_functions import RANGE_FUNCTIONS as COMPUTE
from monitoring.metrics.promql.vectors import (
    StepScalar,
    StepText,
    StepValue,
    StepVector,
    concatenate,
    drop_absent,
    drop_name,
    merge_same_labels,
    single_element,
)
from monitoring.metrics.promql.windows import (
    RangeFunction,
    RangeResult,
    Windows,
    build_windows,
    find_stale,
    split_batches,
    without_stale,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may cost.

    `max_steps` counts points per series, `max_samples` the samples read from storage, and apart from them the
    elements times steps of any vector, `max_window_samples` the samples in all windows, overlaps counted again and
    functions that cost ten times as much counted ten times.
    """

    max_steps: int = 11_000
    max_samples: int = 50_000_000
    max_window_samples: int = 2_000_000_000


@dataclass(slots=True, eq=False)
class Evaluation:
    """One query's run: where samples come from, the steps' times (epoch ms, ascending), lookback and limits."""

    storage: Storage
    at: IntArray
    lookback_ms: int
    limits: Limits
    read: int = 0
    windowed: int = 0
    selected: dict[tuple[tuple[Matcher, ...], int, int, SelectHint], list[SeriesData]] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """The number of steps."""
        return len(self.at)

    @property
    def step_ms(self) -> int:
        """The distance of steps, 0 if there is only one."""
        return int(self.at[1] - self.at[0]) if self.steps > 1 else 0

    def evaluate(self, node: syntax.Expression) -> StepValue:
        """The node's value at every step; raises EvaluationError, LimitExceeded or QueryTimeout."""
        check_time()
        match node:
            case syntax.Number():
                return StepScalar(np.full(self.steps, node.value))
            case syntax.Text():
                return StepText(node.value)
            case syntax.VectorSelector():
                return self.select_instant(node, timestamps=False)
            case syntax.Negation():
                return self.negate(node)
            case syntax.Call():
                return self.call(node)
            case syntax.Aggregate():
                return self.aggregate(node)
            case syntax.Binary():
                return self.combine(node)
            case syntax.MatrixSelector():
                raise EvaluationError("a range vector has no value at a step")

    def scalar(self, node: syntax.Expression) -> FloatArray:
        """The value of a node of type scalar."""
        value = self.evaluate(node)
        assert isinstance(value, StepScalar)
        return value.values

    def vector(self, node: syntax.Expression) -> StepVector:
        """The value of a node of type instant vector."""
        value = self.evaluate(node)
        assert isinstance(value, StepVector)
        return value

    def select(self, node: syntax.VectorSelector, range_ms: int, function: str | None) -> list[SeriesData]:
        """The selector's series with all samples that any step needs; asked of storage once."""
        start = int(self.at[0]) - node.offset_ms - (range_ms or self.lookback_ms)
        end = int(self.at[-1]) - node.offset_ms
        hint = SelectHint(function, range_ms, self.step_ms)
        key = (node.matchers, start, end, hint)
        if key not in self.selected:
            self.selected[key] = self.storage.select(node.matchers, start, end, hint)
            self.read += sum(len(series.times) for series in self.selected[key])
            self.check_samples(self.read)
        series = self.selected[key]
        self.check_samples(len(series) * self.steps)
        return series

    def check_samples(self, samples: int) -> None:
        """Refuse a query that handles too many samples; raises LimitExceeded."""
        if samples > self.limits.max_samples:
            raise LimitExceeded(
                "query processing would load too many samples into memory in query execution: "
                f"more than {self.limits.max_samples:,}; ask for fewer series, a shorter time or larger steps"
            )

    def count_windows(self, windows: Windows, function: str | None) -> None:
        """Refuse a query whose windows overlap too much to be computed in a few seconds; raises LimitExceeded."""
        self.windowed += int((windows.hi - windows.lo).sum()) * (10 if function in WRITTEN_OUT else 1)
        if self.windowed > self.limits.max_window_samples:
            raise LimitExceeded(
                f"the windows of this query hold more than {self.limits.max_window_samples:,} samples; "
                "ask for fewer series, shorter windows or larger steps"
            )

    def over_windows(
        self,
        node: syntax.VectorSelector,
        range_ms: int,
        function: str | None,
        compute: RangeFunction,
        argument: FloatArray,
    ) -> StepVector:
        """A function of the selector's windows, series by series in batches; `argument` is its number per step."""
        series = self.select(node, range_ms, function)
        parts = []
        for batch in split_batches(series, self.steps):
            check_time()
            windows = build_windows(batch, self.at, range_ms=range_ms or self.lookback_ms, offset_ms=node.offset_ms)
            self.count_windows(windows, function)
            values, present = compute(windows, np.tile(argument, len(batch)))
            shape = (len(batch), self.steps)
            parts.append(StepVector([item.labels for item in batch], values.reshape(shape), present.reshape(shape)))
        return drop_absent(concatenate(parts, self.steps))

    def select_instant(self, node: syntax.VectorSelector, *, timestamps: bool) -> StepVector:
        """The newest sample of each series at each step, or its time in seconds; a stale marker ends the series."""
        function = "timestamp" if timestamps else None
        compute = newest_times if timestamps else newest_values
        return self.over_windows(node, 0, function, compute, np.zeros(self.steps))

    def negate(self, node: syntax.Negation) -> StepScalar | StepVector:
        """Unary minus."""
        value = self.evaluate(node.operand)
        if isinstance(value, StepScalar):
            return StepScalar(-value.values)
        assert isinstance(value, StepVector)
        labels = [drop_name(each) for each in value.labels]
        return merge_same_labels(StepVector(labels, -value.values, value.present), across_steps=False)

    def aggregate(self, node: syntax.Aggregate) -> StepVector:
        """An aggregation."""
        vector = self.vector(node.operand)
        if node.operator == "count_values":
            assert isinstance(node.parameter, syntax.Text)
            return count_values(
                vector, node.parameter.value, node.grouping, without=node.without, max_samples=self.limits.max_samples
            )
        parameter = None if node.parameter is None else self.scalar(node.parameter)
        return aggregate(node.operator, vector, parameter, node.grouping, without=node.without)

    def combine(self, node: syntax.Binary) -> StepScalar | StepVector:
        """An operation of two operands."""
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        match left, right:
            case StepScalar(), StepScalar():
                return StepScalar(combine_scalars(node.operator, left.values, right.values))
            case StepVector(), StepScalar():
                return combine_with_scalar(
                    node.operator, left, right.values, scalar_first=False, returns_bool=node.returns_bool
                )
            case StepScalar(), StepVector():
                return combine_with_scalar(
                    node.operator, right, left.values, scalar_first=True, returns_bool=node.returns_bool
                )
            case StepVector(), StepVector() if node.operator in SET_OPERATORS:
                return combine_sets(node.operator, left, right, node.matching)
            case StepVector(), StepVector():
                return combine_vectors(node.operator, left, right, node.matching, returns_bool=node.returns_bool)
            case _:
                raise EvaluationError(f"operator {node.operator} takes numbers and instant vectors only")

    def call(self, node: syntax.Call) -> StepScalar | StepVector:
        """A function's call."""
        name, arguments = node.function, node.arguments
        if name in RANGE_FUNCTIONS:
            return self.call_range(node)
        if name in VALUE_FUNCTIONS:
            scalars = [self.scalar(argument) for argument in arguments[1:]]
            return functions.apply_to_values(name, self.vector(arguments[0]), scalars)
        match name:
            case "time":
                return StepScalar(self.at / 1000)
            case "vector":
                return single_element({}, self.scalar(arguments[0]))
            case "scalar":
                return StepScalar(functions.to_scalar(self.vector(arguments[0])))
            case "timestamp":
                return self.timestamp(arguments[0])
            case "absent":
                return functions.absence(matchers_of(arguments[0]), self.vector(arguments[0]).present)
            case "sort" | "sort_desc":
                return functions.sort_elements(self.vector(arguments[0]), descending=name == "sort_desc")
            case "histogram_quantile":
                return histogram_quantile(self.scalar(arguments[0]), self.vector(arguments[1]))
            case "label_replace":
                texts = [argument.value for argument in arguments[1:] if isinstance(argument, syntax.Text)]
                return functions.replace_label(self.vector(arguments[0]), *texts)
            case _:
                raise Unsupported("function", name)

    def call_range(self, node: syntax.Call) -> StepVector:
        """A function of a range vector."""
        name = node.function
        selector = node.arguments[SELECTOR_ARGUMENT.get(name, 0)]
        assert isinstance(selector, syntax.MatrixSelector)
        scalar = SCALAR_ARGUMENT.get(name)
        argument = np.zeros(self.steps) if scalar is None else self.scalar(node.arguments[scalar])
        compute = COMPUTE["present_over_time" if name == "absent_over_time" else name]

        def over_values(windows: Windows, numbers: FloatArray) -> RangeResult:
            return compute(without_stale(windows), numbers)

        answer = self.over_windows(selector.vector, selector.range_ms, name, over_values, argument)
        if name == "absent_over_time":
            return functions.absence(selector.vector.matchers, answer.present)
        if name in KEEP_NAME:
            return answer
        labels = [drop_name(each) for each in answer.labels]
        return merge_same_labels(StepVector(labels, answer.values, answer.present), across_steps=False)

    def timestamp(self, node: syntax.Expression) -> StepVector:
        """Seconds since 1970: of a selector's elements those of the samples, of any other those of the step."""
        if isinstance(node, syntax.VectorSelector):
            vector = self.select_instant(node, timestamps=True)
        else:
            computed = self.vector(node)
            times = np.broadcast_to(self.at / 1000, computed.values.shape)
            vector = StepVector(computed.labels, times, computed.present)
        return merge_same_labels(StepVector([drop_name(each) for each in vector.labels], vector.values, vector.present))


def newest_values(windows: Windows, _: FloatArray) -> RangeResult:
    """Each window's newest value, unless that is a stale marker."""
    newest = windows.values[windows.last]
    return newest, windows.occupied & ~find_stale(newest)


def newest_times(windows: Windows, _: FloatArray) -> RangeResult:
    """The time of each window's newest value in seconds."""
    return windows.times[windows.last] / 1000, newest_values(windows, _)[1]


def matchers_of(node: syntax.Expression) -> tuple[Matcher, ...]:
    """The matchers of a plain selector; none of anything else."""
    return node.matchers if isinstance(node, syntax.VectorSelector) else ()
