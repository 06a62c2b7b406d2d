"""Metrics of OTLP, as points of series named as Prometheus names them. Pure.

A data point that can't be kept is refused by itself. The resource says whose the series are: `job` (its service), `instance`
(service.instance.id) and `host` (host.name); the rest of it stands in the labels of target_info.
Source: opentelemetry-proto, metrics/v1/metrics.proto; OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import numpy as np
from google.protobuf.message import DecodeError
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric as Message

from monitoring.ingestion.otlp.metric_names import name_labels, name_metric, write_unit
from monitoring.ingestion.otlp.values import (
    JsonKeyValue,
    Number,
    read_integer,
    read_json_attributes,
    read_message_attributes,
)
from monitoring.ingestion.otlp.wire import ExportTooLarge, Group
from monitoring.metrics.labels import NAME_LABEL, SeriesInvalid, identify_series, shorten
from monitoring.metrics.points import Description, PointBatch, Refusal, RefusalLog, SeriesIdentity
from monitoring.metrics.promql.data import STALE_BITS

MAX_POINTS = 100_000
"""Points of series that one request may make; a histogram makes one a bucket."""
MAX_BUCKETS = 500
INFO = "target_info"

_NO_VALUE = 1
"""Flag of a data point: the series ends here."""
_STALE = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
_KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
_NUMBERS = {"gauge", "sum"}
_TEMPORALITIES = AggregationTemporality.keys()
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_IS_DELTA = "has delta temporality; set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative"
_IS_EXPONENTIAL = "is an exponential histogram; use explicit buckets (OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=explicit_bucket_histogram)"
_OWNERS = frozenset({"service.name", "service.namespace", "service.instance.id", "host.name"})
_NANOSECONDS = 1_000_000


@dataclass(slots=True)
class ReadMetrics:
    """What an export of metrics holds. `data_points` counts those of the request, readable or not."""

    batch: PointBatch
    descriptions: list[Description]
    data_points: int


_Part = tuple[str, tuple[str, str] | None, float]
"""What one series of a data point adds to the metric's name and labels, and its value."""


@dataclass(slots=True)
class _DataPoint:
    """A data point of either encoding and any kind, as the series that it makes."""

    nanoseconds: int
    flags: int
    attributes: dict[str, Any]
    parts: list[_Part]


@dataclass(slots=True)
class _Metric:
    """A metric of either encoding, its data points still as they came. `refusal` says why none of them can be kept."""

    name: str
    unit: str
    help: str
    type: str
    points: Sequence[Any]
    read: Callable[[Any], _DataPoint]
    refusal: str = ""


class _Unreadable(Exception):
    """A metric or data point can't be read."""


class _JsonQuantile(msgspec.Struct):
    quantile: Number = 0.0
    value: Number = 0.0


class _JsonPoint(msgspec.Struct, rename="camel"):
    """A data point of any kind in JSON."""

    time_unix_nano: Number | None = None
    flags: int | None = None
    attributes: list[JsonKeyValue] | None = None
    as_double: Number | None = None
    as_int: Number | None = None
    count: Number | None = None
    sum: Number | None = None
    bucket_counts: list[Number] | None = None
    explicit_bounds: list[Number] | None = None
    quantile_values: list[_JsonQuantile] | None = None


class _JsonData(msgspec.Struct, rename="camel"):
    data_points: list[_JsonPoint] | None = None
    aggregation_temporality: int | str | None = None
    is_monotonic: bool | None = None


class _JsonMetric(msgspec.Struct, rename="camel"):
    """A metric in JSON: whichever kind is there."""

    name: str = ""
    description: str | None = None
    unit: str | None = None
    gauge: _JsonData | None = None
    sum: _JsonData | None = None
    histogram: _JsonData | None = None
    exponential_histogram: _JsonData | None = None
    summary: _JsonData | None = None


_decoder = msgspec.json.Decoder(_JsonMetric)


def read_metrics(groups: Sequence[Group], known: Mapping[bytes, int], *, is_json: bool) -> ReadMetrics:
    """Return the points of an export; `known` maps spellings of series to ids.

    Raises ExportTooLarge beyond MAX_POINTS.
    """
    reader = _Reader(known)
    for group in groups:
        reader.enter(group.resource)
        if group.oversized:
            reader.refuse("metric", "takes more than 1 MiB; send smaller batches", count=group.oversized)
        for item in group.items:
            try:
                metric = _read_json(item) if is_json else _read_message(item)
            except _Unreadable as error:
                reader.refuse("metric", str(error))
            else:
                reader.read(metric)
    return reader.finish()


class _Reader:
    """Gathers the points of one request. A data point's place among all of them is its index."""

    def __init__(self, known: Mapping[bytes, int]) -> None:
        self.known = known
        self.columns: list[tuple[int, int, float, int]] = []  # series, time, value, index
        self.unresolved: list[SeriesIdentity] = []
        self.places: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self.refusals = RefusalLog()
        self.descriptions: dict[str, Description] = {}
        self.index = 0
        self.base: dict[str, str] = {}
        self.info: dict[str, str] = {}
        self.is_told = True

    def enter(self, resource: Mapping[str, Any]) -> None:
        """Take the labels of a resource; what follows is its own."""
        self.base = _name_owner(resource)
        self.info = name_labels({name: value for name, value in resource.items() if name not in _OWNERS})
        self.is_told = not self.info

    def refuse(self, name: str, reason: str, *, field: str = "metric", count: int = 1) -> None:
        """Count data points that can't be kept, and why."""
        self.refusals.add(Refusal(self.index, field, reason, shorten(name), count))
        self.index += count

    def read(self, metric: _Metric) -> None:
        """Take a metric's data points."""
        if metric.refusal:
            self.refuse(metric.name, metric.refusal, count=len(metric.points))
            return
        name = name_metric(
            metric.name, metric.unit, is_counter=metric.type == "counter", is_gauge=metric.type == "gauge"
        )
        if metric.points and name not in self.descriptions:
            self.descriptions[name] = Description(name, metric.type, metric.help, write_unit(metric.unit))
        for point in metric.points:
            try:
                self._keep(name, metric.read(point))
            except (SeriesInvalid, _Unreadable) as error:
                field = error.field if isinstance(error, SeriesInvalid) else "data point"
                reason = error.reason if isinstance(error, SeriesInvalid) else str(error)
                self.refuse(metric.name, reason, field=field)
            else:
                self.index += 1
            if len(self.columns) > MAX_POINTS:
                raise ExportTooLarge(f"more than {MAX_POINTS} points; send smaller batches")

    def _keep(self, name: str, point: _DataPoint) -> None:
        """Take a data point, or nothing of it. Raises SeriesInvalid, _Unreadable."""
        if point.nanoseconds <= 0:
            raise _Unreadable("has no time")
        time = point.nanoseconds // _NANOSECONDS
        labels = name_labels(point.attributes) | self.base
        rows = []
        for suffix, extra, value in point.parts:
            series = self._place_of(name + suffix, labels if extra is None else labels | dict([extra]))
            rows.append((series, time, _STALE if point.flags & _NO_VALUE else value, self.index))
        if not self.is_told and rows:
            rows.append((self._place_of(INFO, self.info | self.base), time, 1.0, self.index))
            self.is_told = True
        self.columns += rows

    def _place_of(self, name: str, labels: dict[str, str]) -> int:
        """Return the id of a known series, -(n + 1) for the n-th unresolved one. Raises SeriesInvalid."""
        pairs = tuple(sorted(labels.items()))
        place = self.places.get((name, pairs))
        if place is not None:
            return place
        # No other protocol's spelling begins like this.
        spelling = "\x00".join(["\x01", name, *itertools.chain.from_iterable(pairs)]).encode(errors="replace")
        place = self.known.get(spelling)
        if place is None:
            self.unresolved.append(identify_series([(NAME_LABEL, name), *pairs], cache_key=spelling))
            place = -len(self.unresolved)
        self.places[(name, pairs)] = place
        return place

    def finish(self) -> ReadMetrics:
        """Return what was gathered."""
        series, times, values, indexes = zip(*self.columns, strict=True) if self.columns else ((), (), (), ())
        batch = PointBatch(
            series=np.array(series, np.int64),
            times=np.array(times, np.int64),
            values=np.array(values, np.float64),
            indexes=np.array(indexes, np.int64),
            unresolved=self.unresolved,
            refusals=self.refusals,
        )
        return ReadMetrics(batch, list(self.descriptions.values()), self.index)


def _name_owner(resource: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that every series of a resource has."""
    service, space = resource.get("service.name"), resource.get("service.namespace")
    labels = {
        "job": f"{space}/{service}" if space else service,
        "instance": resource.get("service.instance.id"),
        "host": resource.get("host.name"),
    }
    return {name: value for name, value in labels.items() if isinstance(value, str) and value}


def _read_message(item: bytes) -> _Metric:
    try:
        message = Message.FromString(item)
    except DecodeError:
        raise _Unreadable("is not valid protobuf") from None
    kind = message.WhichOneof("data") or ""
    data = getattr(message, kind) if kind else None
    return _Metric(
        message.name,
        message.unit,
        message.description,
        _name_type(kind, is_monotonic=getattr(data, "is_monotonic", False)),
        data.data_points if data is not None else (),
        partial(_read_message_point, kind),
        _judge(kind, getattr(data, "aggregation_temporality", 0)),
    )


def _read_message_point(kind: str, point: Any) -> _DataPoint:
    if kind in _NUMBERS:
        held = point.WhichOneof("value")
        parts: list[_Part] = [("", None, math.nan if held is None else float(getattr(point, held)))]
    elif kind == "summary":
        quantiles = [(each.quantile, each.value) for each in point.quantile_values[:MAX_BUCKETS]]
        parts = _split_summary(point.count, point.sum, quantiles)
    else:
        total = point.sum if point.HasField("sum") else None
        parts = _split_histogram(point.count, total, point.bucket_counts, point.explicit_bounds)
    return _DataPoint(point.time_unix_nano, point.flags, read_message_attributes(point.attributes), parts)


def _read_json(item: bytes) -> _Metric:
    try:
        found = _decoder.decode(item)
    except RecursionError:
        raise _Unreadable("is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Unreadable(f"can't be read: {error}") from None
    kind = next((kind for kind in _KINDS if getattr(found, kind) is not None), "")
    data: _JsonData = getattr(found, kind) if kind else _JsonData()
    return _Metric(
        found.name,
        found.unit or "",
        found.description or "",
        _name_type(kind, is_monotonic=bool(data.is_monotonic)),
        data.data_points or (),
        partial(_read_json_point, kind),
        _judge(kind, _read_temporality(data.aggregation_temporality)),
    )


def _read_json_point(kind: str, point: _JsonPoint) -> _DataPoint:
    count = read_integer(point.count)
    if kind in _NUMBERS:
        value = point.as_double if point.as_double is not None else point.as_int
        parts: list[_Part] = [("", None, _read_number(value))]
    elif kind == "summary":
        quantiles = [
            (_read_number(each.quantile), _read_number(each.value))
            for each in (point.quantile_values or ())[:MAX_BUCKETS]
        ]
        parts = _split_summary(count, _read_number(point.sum or 0), quantiles)
    else:
        total = None if point.sum is None else _read_number(point.sum)
        counts = [read_integer(each) for each in point.bucket_counts or ()]
        parts = _split_histogram(count, total, counts, [_read_number(each) for each in point.explicit_bounds or ()])
    attributes = read_json_attributes(point.attributes)
    return _DataPoint(read_integer(point.time_unix_nano), point.flags or 0, attributes, parts)


def _name_type(kind: str, *, is_monotonic: bool) -> str:
    if kind == "sum":
        return "counter" if is_monotonic else "gauge"
    return kind or "unknown"


def _judge(kind: str, temporality: int) -> str:
    """Return why nothing of a metric can be kept, "" if it can."""
    if kind == "exponential_histogram":
        return _IS_EXPONENTIAL
    return _IS_DELTA if kind in {"sum", "histogram"} and temporality != _CUMULATIVE else ""


def _split_histogram(count: int, total: float | None, counts: Sequence[int], bounds: Sequence[float]) -> list[_Part]:
    """Return cumulative buckets (the last holds all), count and, where it is known, sum. Raises _Unreadable."""
    if len(counts) > MAX_BUCKETS:
        raise _Unreadable(f"has more than {MAX_BUCKETS} buckets")
    if len(counts) != len(bounds) + 1 and (counts or bounds):
        raise _Unreadable(f"has {len(counts)} buckets and {len(bounds)} bounds; there is one bucket more than bounds")
    if not all(map(math.isfinite, bounds)) or any(low >= high for low, high in itertools.pairwise(bounds)):
        raise _Unreadable("has bounds that do not rise")
    below = itertools.accumulate(counts)
    parts: list[_Part] = [
        ("_bucket", ("le", _write_bound(bound)), float(sum_below))
        for bound, sum_below in zip(bounds, below, strict=False)
    ]
    parts.append(("_bucket", ("le", "+Inf"), float(count)))
    parts.append(("_count", None, float(count)))
    if total is not None:
        parts.append(("_sum", None, total))
    return parts


def _split_summary(count: int, total: float, quantiles: Iterable[tuple[float, float]]) -> list[_Part]:
    parts: list[_Part] = [("", ("quantile", _write_bound(quantile)), value) for quantile, value in quantiles]
    return [*parts, ("_count", None, float(count)), ("_sum", None, total)]


def _write_bound(bound: float) -> str:
    """Return a bound as Prometheus writes it in a label: the shortest form, without an exponent or a zero behind a dot."""
    return np.format_float_positional(bound, trim="-")


def _read_number(value: Number | None) -> float:
    """Return a number that may be written as a text, as "NaN" and "Infinity" always are. Raises _Unreadable."""
    try:
        return math.nan if value is None else float(value)
    except (ValueError, OverflowError):
        raise _Unreadable(f"has {shorten(str(value))!r} where a number belongs") from None


def _read_temporality(value: int | str | None) -> int:
    """Return a number, also for the name that some clients send."""
    if isinstance(value, str):
        return int(AggregationTemporality.Value(value)) if value in _TEMPORALITIES else 0
    return value or 0
