"""Functions of range vectors by name."""

from __future__ import annotations

from monitoring.metrics.promql import over_time, regression
from monitoring.metrics.promql.counters import COUNTER_FUNCTIONS
from monitoring.metrics.promql.windows import RangeFunction

RANGE_FUNCTIONS: dict[str, RangeFunction] = {
    **COUNTER_FUNCTIONS,
    "avg_over_time": over_time.avg_over_time,
    "count_over_time": over_time.count_over_time,
    "deriv": regression.deriv,
    "last_over_time": over_time.last_over_time,
    "max_over_time": over_time.max_over_time,
    "min_over_time": over_time.min_over_time,
    "predict_linear": regression.predict_linear,
    "present_over_time": over_time.present_over_time,
    "mad_over_time": over_time.mad_over_time,
    "quantile_over_time": over_time.quantile_over_time,
    "stddev_over_time": over_time.stddev_over_time,
    "stdvar_over_time": over_time.stdvar_over_time,
    "sum_over_time": over_time.sum_over_time,
}
"""`absent_over_time` is not among them: it asks of all series together whether there is any sample."""

SELECTOR_ARGUMENT = {"quantile_over_time": 1}
"""Which argument is the range vector, where it is not the first."""
SCALAR_ARGUMENT = {"quantile_over_time": 0, "predict_linear": 1}
"""Which argument is the scalar, of those that take one."""
WRITTEN_OUT = frozenset(
    {"deriv", "mad_over_time", "predict_linear", "quantile_over_time", "stddev_over_time", "stdvar_over_time"}
)
"""Functions that write every window out or sort it, at ten times the cost of a reduction (10 ns a sample and more)."""
KEEP_NAME = frozenset({"last_over_time"})
"""The function whose answer still is the metric itself."""
