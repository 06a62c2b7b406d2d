"""Answers of queries, and how Prometheus' HTTP API writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from monitoring.metrics.promql.data import FloatArray, IntArray, Labels
from monitoring.metrics.promql.deadline import check_time
from monitoring.metrics.promql.errors import LimitExceeded


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number at a time (epoch ms)."""

    time_ms: int
    value: float


@dataclass(frozen=True, slots=True)
class String:
    """A text at a time (epoch ms)."""

    time_ms: int
    value: str


@dataclass(frozen=True, slots=True)
class InstantVector:
    """Labelled numbers at a time (epoch ms)."""

    time_ms: int
    elements: list[tuple[Labels, float]]


@dataclass(frozen=True, slots=True, eq=False)
class RangeElement:
    """One series of an answer: `times` (epoch ms, ascending) and the values at them."""

    labels: Labels
    times: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class RangeMatrix:
    """Labelled series, ordered by their labels."""

    series: list[RangeElement]


MAX_ANSWER_POINTS = 5_000_000
"""Values one answer may hold, some 30 bytes each as text."""

Value = Scalar | String | InstantVector | RangeMatrix


def to_prometheus_json(value: Value) -> dict[str, Any]:
    """The `data` member of an answer of `query` or `query_range`, ready for JSON: `resultType` and `result`."""
    match value:
        case Scalar():
            # Prometheus writes a lone number without an exponent, unlike the elements of a vector.
            return {"resultType": "scalar", "result": [to_seconds(value.time_ms), format_plain(value.value)]}
        case String():
            return {"resultType": "string", "result": [to_seconds(value.time_ms), value.value]}
        case InstantVector():
            at = to_seconds(value.time_ms)
            elements = [{"metric": labels, "value": [at, format_float(each)]} for labels, each in value.elements]
            return {"resultType": "vector", "result": elements}
        case RangeMatrix():
            series = [{"metric": each.labels, "values": list_points(each)} for each in value.series]
            return {"resultType": "matrix", "result": series}


def encode_prometheus_json(value: Value) -> bytes:
    """What `to_prometheus_json` returns, as JSON: written series by series, as numbers and texts take six times the room.

    Raises LimitExceeded beyond MAX_ANSWER_POINTS, QueryTimeout.
    """
    if not isinstance(value, RangeMatrix):
        return msgspec.json.encode(to_prometheus_json(value))
    points = sum(len(each.times) for each in value.series)
    if points > MAX_ANSWER_POINTS:
        raise LimitExceeded(
            f"the answer would hold {points:,} values, more than {MAX_ANSWER_POINTS:,}; "
            "ask for fewer series, a shorter time or larger steps"
        )
    return b'{"resultType":"matrix","result":[' + b",".join(map(encode_series, value.series)) + b"]}"


def encode_series(series: RangeElement) -> bytes:
    """One series of an answer, as JSON."""
    check_time()
    return msgspec.json.encode({"metric": series.labels, "values": list_points(series)})


def list_points(series: RangeElement) -> list[list[int | float | str]]:
    """Pairs of time in seconds and value as text."""
    points = zip(series.times.tolist(), series.values.tolist(), strict=True)
    return [[to_seconds(time_ms), format_float(value)] for time_ms, value in points]


def to_seconds(time_ms: int) -> int | float:
    """Epoch seconds, without a fraction where there is none."""
    return time_ms // 1000 if time_ms % 1000 == 0 else time_ms / 1000


def format_float(value: float) -> str:
    """A number as Prometheus' HTTP API prints it: shortest digits, an exponent only below 1e-6 and from 1e21."""
    magnitude = abs(value)
    if magnitude != 0 and math.isfinite(value) and (magnitude < 1e-6 or magnitude >= 1e21):
        return format_exponent(value)
    return format_plain(value)


def format_exponent(value: float) -> str:
    """Shortest digits with an exponent of at least two places: 1e-07, 1.5e+21."""
    digits, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    power = int(exponent)
    return f"{digits}e{'-' if power < 0 else '+'}{abs(power):02d}"


def format_plain(value: float) -> str:
    """Shortest digits without an exponent; NaN, +Inf and -Inf by these names."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" in text:
        text = f"{Decimal(text):f}"
    return text.removesuffix(".0")
