"""The names this engine knows; whatever is not here is refused when a query is parsed."""

from __future__ import annotations

RANGE_FUNCTIONS = frozenset(
    {
        "absent_over_time",
        "avg_over_time",
        "changes",
        "count_over_time",
        "delta",
        "deriv",
        "idelta",
        "increase",
        "irate",
        "last_over_time",
        "mad_over_time",
        "max_over_time",
        "min_over_time",
        "predict_linear",
        "present_over_time",
        "quantile_over_time",
        "rate",
        "resets",
        "stddev_over_time",
        "stdvar_over_time",
        "sum_over_time",
    }
)

VALUE_FUNCTIONS = frozenset(
    {"abs", "ceil", "clamp", "clamp_max", "clamp_min", "exp", "floor", "ln", "log10", "log2", "round", "sgn", "sqrt"}
)
"""Functions of each element's value alone."""

VECTOR_FUNCTIONS = frozenset(
    {
        "absent",
        "histogram_quantile",
        "label_replace",
        "scalar",
        "sort",
        "sort_desc",
        "time",
        "timestamp",
        "vector",
    }
)

FUNCTIONS = RANGE_FUNCTIONS | VALUE_FUNCTIONS | VECTOR_FUNCTIONS

AGGREGATIONS = frozenset(
    {
        "avg",
        "bottomk",
        "count",
        "count_values",
        "group",
        "max",
        "min",
        "quantile",
        "stddev",
        "stdvar",
        "sum",
        "topk",
    }
)

ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^", "atan2"})
COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS = frozenset({"and", "or", "unless"})
OPERATORS = ARITHMETIC | COMPARISONS | SET_OPERATORS
