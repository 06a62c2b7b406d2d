"""PromQL: parsed by a library, evaluated here over columns of points and rollup buckets. Free of Django.

`data` is the contract with whoever stores samples, `engine` the way in, docs/promql.md the list of what is supported.
"""

from __future__ import annotations

from monitoring.metrics.promql.data import Buckets, Labels, Matcher, SelectHint, SeriesData, Storage
from monitoring.metrics.promql.deadline import check_time, seconds_left, time_limit
from monitoring.metrics.promql.engine import (
    LOOKBACK_MS,
    Query,
    SelectorNeed,
    evaluate_instant,
    evaluate_range,
    parse,
)
from monitoring.metrics.promql.errors import (
    EvaluationError,
    LimitExceeded,
    ParseError,
    PromQLError,
    QueryTimeout,
    Unsupported,
)
from monitoring.metrics.promql.evaluate import Limits
from monitoring.metrics.promql.memory import MemoryStorage
from monitoring.metrics.promql.values import (
    InstantVector,
    RangeElement,
    RangeMatrix,
    Scalar,
    String,
    Value,
    encode_prometheus_json,
    to_prometheus_json,
)

__all__ = [
    "LOOKBACK_MS",
    "Buckets",
    "EvaluationError",
    "InstantVector",
    "Labels",
    "LimitExceeded",
    "Limits",
    "Matcher",
    "MemoryStorage",
    "ParseError",
    "PromQLError",
    "Query",
    "QueryTimeout",
    "RangeElement",
    "RangeMatrix",
    "Scalar",
    "SelectHint",
    "SelectorNeed",
    "SeriesData",
    "Storage",
    "String",
    "Unsupported",
    "Value",
    "check_time",
    "encode_prometheus_json",
    "evaluate_instant",
    "evaluate_range",
    "parse",
    "seconds_left",
    "time_limit",
    "to_prometheus_json",
]
