"""The native JSON form of metrics: one point, or a batch under ``points``. Pure: bytes in, points out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from monitoring.lenient import mend_halves
from monitoring.metrics.labels import MAX_LABELS, NAME_LABEL, SeriesInvalid, identify_series, shorten
from monitoring.metrics.points import Description, PointBatch, Refusal, RefusalLog, SeriesIdentity

MAX_UNIT_LENGTH = 64
MAX_POINTS_PER_BODY = 100_000
MAX_COMMAS_PER_BODY = 1_000_000
"""Bounds what is read apart before anything can be counted: the smallest members take seventy bytes of memory each."""
MAX_SENT_LABELS = 1000
"""Labels of one point, those with an empty value, which are left out, among them."""
_LATEST_SECONDS = 1e11  # a time beyond that (the year 5138) is one in milliseconds
_WORDS = {"NaN": math.nan, "+Inf": math.inf, "Inf": math.inf, "-Inf": -math.inf}


class Point(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One measurement as it is sent. ``timestamp``: RFC 3339 with zone, or epoch seconds; None: now."""

    name: str
    value: float | str
    timestamp: float | str | None = None
    labels: dict[str, str | int | bool] | None = None
    unit: str | None = None


class Batch(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Several measurements; one by one, so that a bad one leaves the others readable."""

    points: list[msgspec.Raw]


class BodyMalformed(Exception):
    """The body is no JSON, or neither a point nor a batch."""


class TooManyPoints(Exception):
    """The batch holds more points than one body may."""


class _PointInvalid(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason


def decode_points(body: bytes, known: Mapping[bytes, int], *, now_ms: int) -> tuple[PointBatch, list[Description]]:
    """Return the points of a body and what it says about units; ``known`` maps spellings of series to ids.

    Points that can't be read are refused one by one. Raises BodyMalformed, and TooManyPoints beyond MAX_POINTS_PER_BODY
    or MAX_COMMAS_PER_BODY.
    """
    points = _split(body)
    if len(points) > MAX_POINTS_PER_BODY:
        raise TooManyPoints(f"{len(points)} points; at most {MAX_POINTS_PER_BODY} are read. Send smaller batches.")
    reader = _Reader(known, now_ms)
    for index, raw in enumerate(points):
        reader.read(index, raw)
    return reader.finish(), [Description(name, "unknown", "", unit) for name, unit in sorted(reader.units.items())]


def _split(body: bytes) -> list[msgspec.Raw]:
    """Return the raw points of a body."""
    if body.count(b",") > MAX_COMMAS_PER_BODY:
        raise TooManyPoints(f"More than {MAX_COMMAS_PER_BODY} commas. Send smaller batches.")
    body = mend_halves(body)
    try:
        whole = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        if "points" not in whole:
            return [msgspec.Raw(body)]
        return msgspec.json.decode(body, type=Batch).points
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BodyMalformed(f'The body is neither a point nor {{"points": [...]}}: {error}') from error
    except RecursionError as error:
        raise BodyMalformed("The body is nested too deeply.") from error


class _Reader:
    """Gathers the points of one body."""

    def __init__(self, known: Mapping[bytes, int], now_ms: int) -> None:
        self.known = known
        self.now_ms = now_ms
        self.columns: list[tuple[int, int, float, int]] = []  # series, time, value, index
        self.unresolved: list[SeriesIdentity] = []
        self.places: dict[bytes, int] = {}
        self.refusals = RefusalLog()
        self.units: dict[str, str] = {}

    def read(self, index: int, raw: msgspec.Raw) -> None:
        """Read one point, or refuse it."""
        name = ""
        try:
            point = _decode(raw)
            name = point.name
            value, time = _read_value(point.value), _read_time(point.timestamp, self.now_ms)
            if point.unit is not None and len(point.unit) > MAX_UNIT_LENGTH:
                raise _PointInvalid("unit", f"is longer than {MAX_UNIT_LENGTH} characters")
            series = self._place_of(point)
        except (_PointInvalid, SeriesInvalid) as error:
            self.refusals.add(Refusal(index, error.field, error.reason, shorten(name)))
            return
        if point.unit:
            self.units[point.name] = point.unit
        self.columns.append((series, time, value, index))

    def _place_of(self, point: Point) -> int:
        """Return the id of a known series, -(n + 1) for the n-th unresolved one. Raises SeriesInvalid."""
        if point.labels is not None and len(point.labels) > MAX_SENT_LABELS:
            raise SeriesInvalid("labels", f"{len(point.labels)} labels; at most {MAX_LABELS} are kept")
        labels = {name: _as_text(value) for name, value in (point.labels or {}).items()}
        # Zero bytes occur in no name and no value that is kept, nor at the start of another protocol's spelling.
        spelling = "\x00".join(["", point.name, *(part for pair in sorted(labels.items()) for part in pair)]).encode()
        found = self.known.get(spelling)
        if found is not None:
            return found
        place = self.places.get(spelling)
        if place is None:
            if NAME_LABEL in labels:
                raise SeriesInvalid(f"labels.{NAME_LABEL}", "is what `name` is for")
            # An empty label means the same as none; templates and log contexts send them a lot.
            pairs = [(name, value) for name, value in labels.items() if value]
            identity = identify_series([(NAME_LABEL, point.name), *pairs], cache_key=spelling)
            place = self.places[spelling] = len(self.unresolved)
            self.unresolved.append(identity)
        return -(place + 1)

    def finish(self) -> PointBatch:
        """Return what was gathered."""
        series, times, values, indexes = zip(*self.columns, strict=True) if self.columns else ((), (), (), ())
        return PointBatch(
            series=np.array(series, np.int64),
            times=np.array(times, np.int64),
            values=np.array(values, np.float64),
            indexes=np.array(indexes, np.int64),
            unresolved=self.unresolved,
            refusals=self.refusals,
        )


def _decode(raw: msgspec.Raw) -> Point:
    try:
        return msgspec.json.decode(raw, type=Point)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        field = path.removeprefix("$").removesuffix("`").strip(".") or "point"
        raise _PointInvalid(field, reason[:1].lower() + reason[1:]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _PointInvalid("point", f"can't be read: {error}") from None
    except RecursionError:
        raise _PointInvalid("point", "is nested too deeply") from None


def _read_value(value: float | str) -> float:
    if isinstance(value, str):
        if value not in _WORDS:
            raise _PointInvalid("value", f"{shorten(value)!r} is no number; as text only NaN, +Inf and -Inf are")
        return _WORDS[value]
    return float(value)


def _read_time(timestamp: float | str | None, now_ms: int) -> int:
    if timestamp is None:
        return now_ms
    if isinstance(timestamp, str):
        return _read_rfc3339(timestamp)
    if abs(timestamp) > _LATEST_SECONDS:
        raise _PointInvalid("timestamp", f"{timestamp:g} is no time in seconds; were milliseconds sent?")
    return round(timestamp * 1000)


def _read_rfc3339(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _PointInvalid(
            "timestamp", f"{shorten(text)!r} is no RFC 3339 time such as 2026-01-31T12:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise _PointInvalid("timestamp", f"{shorten(text)!r} has no time zone; end it with Z or an offset")
    return round(moment.timestamp() * 1000)


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
