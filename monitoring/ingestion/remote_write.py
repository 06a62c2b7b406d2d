"""Prometheus remote write 1.0: from a snappy block to points. Pure: no database, no HTTP.

Senders repeat the same label bytes with every sample, and label bytes are most of a request. So the hot path looks only
at the frame: a time series whose leading bytes are a known spelling of labels and whose remaining 18 (or, for the value
0, which protobuf leaves out, 9) bytes are one sample needs no decoding of its own; the samples of a request are then
decoded together. Whatever is framed differently goes through the protobuf library.
Source: prometheus.io/docs/specs/prw/remote_write_spec (1.0); protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cramjam
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from monitoring.ingestion import prometheus_pb2 as wire
from monitoring.metrics.labels import NAME_LABEL, SeriesInvalid, check_label_count, identify_series, shorten
from monitoring.metrics.points import Description, PointBatch, Refusal, RefusalLog, SeriesIdentity

_SERIES_TAG, _METADATA_TAG, _LABEL_TAG = 0x0A, 0x1A, 0x0A
_SAMPLE_BYTES, _ZERO_SAMPLE_BYTES = 18, 9
_SAMPLE_HEAD = b"\x12\x10\x09"
_ZERO_HEAD = b"\x12\x07\x10"
_ZERO_AS_SAMPLE = b"\x12\x10\x09" + bytes(8) + b"\x10"
_DIGIT_WEIGHTS = np.array([1 << 7 * place for place in range(6)], np.int64)
_CONTINUES = np.array([0x80] * 5 + [0], np.uint8)
_MAX_VARINT_SHIFT = 63

MAX_SERIES_PER_REQUEST = 100_000
"""Time series in one request; senders send thousands. Unknown ones cost some 20 microseconds each."""
MAX_OTHER_FIELDS = 100_000
"""Metadata and unknown fields in one request; senders send some hundreds."""
MAX_LABELS_BYTES = 256 * 1024
"""Labels of one series: more than the most and longest that are kept take up. Reading takes fifty times as much memory."""
MAX_UNUSUAL_SERIES_BYTES = 1024 * 1024
"""One series whose samples are framed in an unusual way."""


class MalformedRequest(Exception):
    """The body is not what the protocol says; nothing of it was read."""


class RequestTooLarge(Exception):
    """The body would inflate beyond the limit, or holds too much."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A decoded request."""

    batch: PointBatch
    descriptions: list[Description]


def inflate_snappy(body: bytes, *, max_bytes: int) -> bytes:
    """Return the content of a snappy block. The size it promises is checked before anything is inflated.

    Raises RequestTooLarge beyond ``max_bytes`` and MalformedRequest when the block is broken.
    """
    try:
        promised = cramjam.snappy.decompress_raw_len(body)
    except (cramjam.DecompressionError, ValueError) as error:
        raise MalformedRequest(f"the body is not a snappy block: {error}") from None
    if promised > max_bytes:
        raise RequestTooLarge(f"the body would inflate to {promised} bytes; at most {max_bytes} are read")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise MalformedRequest(f"the body is not a snappy block: {error}") from None


def decode_write_request(body: bytes, known: Mapping[bytes, int]) -> WriteRequest:
    """Return the points of an inflated request; ``known`` maps label bytes to series ids.

    Series that can't be read are refused one by one. Raises MalformedRequest when the frame itself is broken,
    RequestTooLarge when unknown series stand beyond MAX_SERIES_PER_REQUEST, or one of the limits above is exceeded.
    """
    reader = _Reader(body, known)
    try:
        reader.read_all()
        return reader.finish()
    except _UnusualSample:
        # Known labels followed by 18 bytes that are no plain sample: possible, never seen. Read it all the slow way.
        careful = _Reader(body, {})
        careful.read_all()
        return careful.finish()


class _UnusualSample(Exception):
    """What stood behind known label bytes is no plain sample."""


class _Reader:
    """One pass over a request. Plain samples stay bytes until the end; those read by the library are numbers at once."""

    def __init__(self, body: bytes, known: Mapping[bytes, int]) -> None:
        self.body = body
        self.known = known
        self.index = 0
        self.series: list[int] = []
        self.indexes: list[int] = []
        self.samples: list[bytes] = []
        self.odd_series: list[int] = []
        self.odd_indexes: list[int] = []
        self.odd_samples: list[tuple[int, float]] = []
        self.unresolved: list[SeriesIdentity] = []
        self.places: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self.refusals = RefusalLog()
        self.descriptions: list[Description] = []
        self.other_fields = 0

    def read_all(self) -> None:
        """Walk the request's fields. Raises MalformedRequest."""
        body, known_get = self.body, self.known.get
        add_series, add_index, add_sample = self.series.append, self.indexes.append, self.samples.append
        size, place, index = len(body), 0, 0
        try:
            while place < size:
                if body[place] != _SERIES_TAG:
                    place = self._read_other(place)
                    continue
                length, start = body[place + 1], place + 2
                if length >= 0x80:
                    high = body[start]
                    if high < 0x80:
                        length += (high << 7) - 0x80
                        start += 1
                    else:
                        length, start = _read_varint(body, place + 1)
                place = start + length
                if place > size:
                    raise MalformedRequest("the body ends within a time series")
                split = place - _SAMPLE_BYTES
                found = known_get(body[start:split]) if split >= start else None
                if found is None:
                    if index >= MAX_SERIES_PER_REQUEST:
                        raise RequestTooLarge(f"more than {MAX_SERIES_PER_REQUEST} time series; send smaller batches")
                    self._read_series(index, start, place)
                else:
                    add_series(found)
                    add_index(index)
                    add_sample(body[split:place])
                index += 1
        except IndexError:
            raise MalformedRequest("the body ends within a field") from None

    def _read_other(self, place: int) -> int:
        """Read metadata, pass over anything else; return where the next field begins. Raises RequestTooLarge."""
        self.other_fields += 1
        if self.other_fields > MAX_OTHER_FIELDS:
            raise RequestTooLarge(f"more than {MAX_OTHER_FIELDS} fields beside time series; send smaller batches")
        tag, after_tag = _read_varint(self.body, place)
        if tag == _SERIES_TAG:
            raise MalformedRequest("a field's tag is spelled in an unusual way")
        if tag != _METADATA_TAG:
            return _skip_field(self.body, tag, after_tag)
        length, start = _read_varint(self.body, after_tag)
        end = start + length
        if end > len(self.body):
            raise MalformedRequest("the body ends within metadata")
        self.descriptions.append(_describe(self.body[start:end]))
        return end

    def _read_series(self, index: int, start: int, end: int) -> None:
        """Read a time series that the hot path did not take."""
        if self.body.startswith(_ZERO_HEAD, end - _ZERO_SAMPLE_BYTES) and self._read_zero(index, start, end):
            return
        split = _end_of_labels(self.body, start, end)
        plain = _plain_samples(self.body[split:end])
        if plain is None:
            self._read_with_library(index, self.body[start:end])
            return
        key = self.body[start:split]
        found = self.known.get(key)
        if found is None:
            found = self._place_of(_parse_series(key), index, samples=len(plain), key=key)
        if found is not None:
            self.series.extend([found] * len(plain))
            self.indexes.extend([index] * len(plain))
            self.samples.extend(plain)

    def _read_zero(self, index: int, start: int, end: int) -> bool:
        """Take known labels followed by one sample of value 0; return False if it is not that."""
        split = end - _ZERO_SAMPLE_BYTES
        found = self.known.get(self.body[start:split]) if split >= start else None
        if found is None:
            return False
        self.series.append(found)
        self.indexes.append(index)
        self.samples.append(_ZERO_AS_SAMPLE + self.body[split + 3 : end])
        return True

    def _read_with_library(self, index: int, data: bytes) -> None:
        """Read a time series whose samples are framed in an unusual way, or that carries more than samples."""
        if len(data) > MAX_UNUSUAL_SERIES_BYTES:
            raise RequestTooLarge(f"time series {index} takes more than {MAX_UNUSUAL_SERIES_BYTES} bytes")
        message = _parse_series(data)
        if message.histograms:
            reason = "native histograms are not kept; send classic buckets"
            self.refusals.add(Refusal(index, "histograms", reason, _show(message), len(message.histograms)))
        if not message.samples:
            return
        found = self._place_of(message, index, samples=len(message.samples), key=None)
        if found is not None:
            self.odd_series.extend([found] * len(message.samples))
            self.odd_indexes.extend([index] * len(message.samples))
            self.odd_samples.extend((sample.timestamp, sample.value) for sample in message.samples)

    def _place_of(self, message: wire.TimeSeries, index: int, *, samples: int, key: bytes | None) -> int | None:
        """Return -(n + 1) for the n-th unresolved series; None if its labels are refused."""
        try:
            check_label_count(len(message.labels))
            identity = identify_series(
                ((label.name.decode(), label.value.decode()) for label in message.labels), cache_key=key
            )
        except UnicodeDecodeError:
            self.refusals.add(Refusal(index, "labels", "is not UTF-8", _show(message), samples))
            return None
        except SeriesInvalid as error:
            self.refusals.add(Refusal(index, error.field, error.reason, _show(message), samples))
            return None
        place = self.places.setdefault((identity.name, identity.labels), len(self.unresolved))
        if place == len(self.unresolved):
            self.unresolved.append(identity)
        return -(place + 1)

    def finish(self) -> WriteRequest:
        """Decode the gathered samples together. Raises _UnusualSample."""
        times, values = _decode_samples(b"".join(self.samples), len(self.samples))
        odd_times = np.array([time for time, _ in self.odd_samples], np.int64)
        odd_values = np.array([value for _, value in self.odd_samples], np.float64)
        batch = PointBatch(
            series=np.array(self.series + self.odd_series, np.int64),
            times=np.concatenate([times, odd_times]),
            values=np.concatenate([values, odd_values]),
            indexes=np.array(self.indexes + self.odd_indexes, np.int64),
            unresolved=self.unresolved,
            refusals=self.refusals,
        )
        return WriteRequest(batch, self.descriptions)


def _decode_samples(data: bytes, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (times, values) of plain samples laid end to end. Raises _UnusualSample if one is not plain."""
    rows = np.frombuffer(data, np.uint8).reshape(count, _SAMPLE_BYTES)
    framed = (rows[:, :3] == np.frombuffer(_SAMPLE_HEAD, np.uint8)).all() and (rows[:, 11] == 0x10).all()
    if not framed or ((rows[:, 12:18] & 0x80) != _CONTINUES).any():
        raise _UnusualSample
    values = np.ascontiguousarray(rows[:, 3:11]).view("<f8").reshape(count)
    digits = (rows[:, 12:18] & 0x7F).astype(np.int64)
    return digits @ _DIGIT_WEIGHTS, values


def _plain_samples(data: bytes) -> list[bytes] | None:
    """Return the samples that ``data`` consists of, each in the 18-byte form; None if there is anything else in it."""
    samples, place, size = [], 0, len(data)
    while place < size:
        if data.startswith(_SAMPLE_HEAD, place):
            sample = data[place : place + _SAMPLE_BYTES]
            place += _SAMPLE_BYTES
        elif data.startswith(_ZERO_HEAD, place):
            sample = _ZERO_AS_SAMPLE + data[place + 3 : place + _ZERO_SAMPLE_BYTES]
            place += _ZERO_SAMPLE_BYTES
        else:
            return None
        if len(sample) != _SAMPLE_BYTES or sample[11] != 0x10 or not _is_plain_time(sample):
            return None
        samples.append(sample)
    return samples


def _is_plain_time(sample: bytes) -> bool:
    return sample[17] < 0x80 and min(sample[12:17]) >= 0x80


def _end_of_labels(body: bytes, start: int, end: int) -> int:
    """Return where the leading label fields of a time series end. Raises MalformedRequest, RequestTooLarge."""
    place = start
    while place < end and body[place] == _LABEL_TAG:
        length, after = _read_varint(body, place + 1)
        place = after + length
        if place - start > MAX_LABELS_BYTES:
            raise RequestTooLarge(f"the labels of a time series take more than {MAX_LABELS_BYTES} bytes")
    if place > end:
        raise MalformedRequest("a label reaches beyond its time series")
    return place


def _read_varint(body: bytes, place: int) -> tuple[int, int]:
    """Return the number at ``place`` and where the next field begins. Raises MalformedRequest, IndexError at the end."""
    number, shift = 0, 0
    while True:
        byte = body[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > _MAX_VARINT_SHIFT:
            raise MalformedRequest("a number is longer than ten bytes")


def _skip_field(body: bytes, tag: int, place: int) -> int:
    """Return where the field after an unknown one begins. Raises MalformedRequest."""
    kind = tag & 7
    if not tag >> 3:
        raise MalformedRequest("a field has the number 0")
    if kind == 0:
        _, end = _read_varint(body, place)
    elif kind == 1:
        end = place + 8
    elif kind == 2:
        length, start = _read_varint(body, place)
        end = start + length
    elif kind == 5:
        end = place + 4
    else:
        raise MalformedRequest(f"wire type {kind} is not used by this protocol")
    if end > len(body):
        raise MalformedRequest("the body ends within a field")
    return end


def _parse_series(data: bytes) -> wire.TimeSeries:
    try:
        return wire.TimeSeries.FromString(data)
    except DecodeError:
        raise MalformedRequest("a time series is not valid protobuf") from None


def _describe(data: bytes) -> Description:
    try:
        message = wire.MetricMetadata.FromString(data)
    except DecodeError:
        raise MalformedRequest("metadata is not valid protobuf") from None
    known = wire.MetricMetadata.MetricType.values()
    kind = wire.MetricMetadata.MetricType.Name(message.type) if message.type in known else "UNKNOWN"
    return Description(
        name=message.metric_family_name.decode(errors="replace"),
        type=kind.lower(),
        help=message.help.decode(errors="replace"),
        unit=message.unit.decode(errors="replace"),
    )


def _show(message: wire.TimeSeries) -> str:
    """Return labels, readable or not, short enough for a message."""
    pairs = [
        (label.name.decode(errors="replace"), label.value.decode(errors="replace")) for label in message.labels[:8]
    ]
    name = next((value for label, value in pairs if label == NAME_LABEL), "")
    inner = ", ".join(f'{shorten(label)}="{shorten(value)}"' for label, value in pairs if label != NAME_LABEL)
    return f"{shorten(name)}{{{inner}}}"
