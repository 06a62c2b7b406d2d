"""The contract between whoever stores samples and the evaluator: numpy columns, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import re2

from monitoring.metrics.promql.errors import ParseError
from monitoring.metrics.sketch import Sketch as Sketch

Labels = dict[str, str]
"""A series' labels, its name included as `__name__`; a label with an empty value is never listed."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

METRIC_NAME = "__name__"
STALE_BITS = 0x7FF0000000000002
"""Bits of the NaN by which Prometheus says: this series ended here. Unlike any other NaN it is no value."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label; a series without the label is judged as if its value were empty.

    `op` is one of =, !=, =~, !~; for the last two, `value` is an RE2 expression that must match the whole value.
    """

    name: str
    op: str
    value: str

    def matches(self, label_value: str) -> bool:
        """Whether a series with this value of the label is selected; raises ParseError on a bad expression."""
        match self.op:
            case "=":
                return label_value == self.value
            case "!=":
                return label_value != self.value
            case "=~":
                return compile_anchored(self.value).fullmatch(label_value) is not None
            case "!~":
                return compile_anchored(self.value).fullmatch(label_value) is None
            case _:
                raise ValueError(f"matcher operator {self.op!r} is none of =, !=, =~, !~")

    def __str__(self) -> str:
        """As it is written in a query."""
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.op}"{escaped}"'


@lru_cache(maxsize=4096)
def compile_anchored(pattern: str) -> Any:
    """The compiled RE2 expression, to be used with `fullmatch`: RE2 runs in linear time on hostile patterns.

    Raises ParseError where RE2 refuses the pattern.
    """
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ParseError(f"invalid regular expression {pattern!r}: {describe_regex_error(error)}") from error


def describe_regex_error(error: Exception) -> str:
    """RE2's own words, which it hands out as bytes."""
    reason = error.args[0] if error.args else error
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """What lies under each element of a series, column by column, parallel to `SeriesData.times`.

    An element that is a single point has count 1, its value as sum, min, max and first, and increase 0.
    `increases` is the growth from the element's first sample to its last, counter resets corrected.
    """

    first_times: IntArray
    first: FloatArray
    counts: FloatArray
    sums: FloatArray
    mins: FloatArray
    maxs: FloatArray
    increases: FloatArray
    sketches: list[Sketch | None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SeriesData:
    """One series' elements, each a point or a bucket of points.

    `times` are epoch milliseconds, strictly ascending; a bucket's is that of its last sample. `values` are the
    points' or the buckets' last values. Stale markers stand among the values with their own NaN bits.
    `buckets` is None when every element is a point.
    """

    labels: Labels
    times: IntArray
    values: FloatArray
    buckets: Buckets | None = None


@dataclass(frozen=True, slots=True)
class SelectHint:
    """What the caller will do with the samples, so that storage may answer with buckets where these serve.

    `function` is the range function's name, "timestamp", or None for a plain instant selector.
    `range_ms` is the window's length (0 for an instant selector), `step_ms` the distance of steps (0: one step).
    """

    function: str | None
    range_ms: int
    step_ms: int


class Storage(Protocol):
    """Where samples come from."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint) -> list[SeriesData]:
        """Series that every matcher selects, with their samples of start_ms <= time <= end_ms."""
