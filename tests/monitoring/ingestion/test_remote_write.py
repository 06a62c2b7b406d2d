"""The remote write adapter: both paths read the same, and nothing crashes it."""

from __future__ import annotations

import contextlib
import struct

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.ingestion import prometheus_pb2 as wire
from monitoring.ingestion import remote_write
from monitoring.ingestion.remote_write import (
    MalformedRequest,
    RequestTooLarge,
    WriteRequest,
    decode_write_request,
    inflate_snappy,
)

NAMES = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]{0,20}\Z")
VALUES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=200)
LABELS = st.dictionaries(NAMES.filter(lambda name: name != "__name__"), VALUES, max_size=6)
# Real times take six bytes; others, and negative ones, must take the slow path and come out the same.
TIMES = st.integers(1_600_000_000_000, 1_900_000_000_000) | st.integers(-(2**63), 2**63 - 1)
SAMPLES = st.lists(st.tuples(TIMES, st.floats() | st.just(0.0)), max_size=3)
REQUESTS = st.lists(st.tuples(NAMES, LABELS, SAMPLES), max_size=8)

Rows = list[tuple[str, tuple[tuple[str, str], ...], int, bytes]]


def encode(request: list[tuple[str, dict[str, str], list[tuple[int, float]]]]) -> bytes:
    message = wire.WriteRequest()
    for name, labels, samples in request:
        series = message.timeseries.add()
        for key, value in sorted({"__name__": name, **labels}.items()):
            series.labels.add(name=key.encode(), value=value.encode())
        for time, value in samples:
            series.samples.add(timestamp=time, value=value)
    return message.SerializeToString()


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


def rows_of(decoded: WriteRequest, known: dict[int, tuple[str, tuple[tuple[str, str], ...]]]) -> Rows:
    batch = decoded.batch
    rows = []
    for series, time, value in zip(batch.series.tolist(), batch.times.tolist(), batch.values, strict=True):
        if series < 0:
            identity = batch.unresolved[-series - 1]
            name, labels = identity.name, identity.labels
        else:
            name, labels = known[series]
        rows.append((name, labels, time, bits(value)))
    return sorted(rows)


@given(REQUESTS)
def test_decode__cold_and_warm__read_what_protobuf_wrote(
    request: list[tuple[str, dict[str, str], list[tuple[int, float]]]],
) -> None:
    body = encode(request)
    wanted = sorted(
        # protobuf leaves out a zero, also a negative one.
        (name, tuple(sorted(labels.items())), time, bits(value or value + 0.0))
        for name, labels, samples in request
        for time, value in samples
    )
    wanted = [(n, ls, t, bits(0.0) if v == bits(-0.0) else v) for n, ls, t, v in wanted]
    cold = decode_write_request(body, {})
    got = [(n, ls, t, bits(0.0) if v == bits(-0.0) else v) for n, ls, t, v in rows_of(cold, {})]
    assert got == wanted
    assert cold.batch.refusals.count == 0
    ids = {identity: place + 1 for place, identity in enumerate(cold.batch.unresolved)}
    known = {identity.cache_key: place for identity, place in ids.items() if identity.cache_key is not None}
    names = {place: (identity.name, identity.labels) for identity, place in ids.items()}
    warm = decode_write_request(body, known)
    got = [(n, ls, t, bits(0.0) if v == bits(-0.0) else v) for n, ls, t, v in rows_of(warm, names)]
    assert got == wanted


@given(REQUESTS, st.data())
def test_decode__truncated__is_read_or_refused_cleanly(
    request: list[tuple[str, dict[str, str], list[tuple[int, float]]]], data: st.DataObject
) -> None:
    body = encode(request)
    cut = data.draw(st.integers(0, len(body)))
    with contextlib.suppress(MalformedRequest):
        decode_write_request(body[:cut], {})


@given(st.binary(max_size=300), st.booleans())
def test_decode__garbage__is_read_or_refused_cleanly(body: bytes, framed: bool) -> None:
    if framed:
        body = b"\x0a" + bytes([len(body) & 0x7F]) + body
    with contextlib.suppress(MalformedRequest, RequestTooLarge):
        decode_write_request(body, {body[2:20]: 1, b"": 2})


@given(st.binary(max_size=300))
def test_inflate__garbage__is_read_or_refused_cleanly(body: bytes) -> None:
    with contextlib.suppress(MalformedRequest, RequestTooLarge):
        assert len(inflate_snappy(body, max_bytes=10_000)) <= 10_000


def test_inflate__bomb__is_refused_by_its_promise() -> None:
    body = bytes(cramjam.snappy.compress_raw(bytes(1_000_000)))
    with pytest.raises(RequestTooLarge):
        inflate_snappy(body, max_bytes=999_999)


def test_inflate__promise_without_content__is_refused() -> None:
    with pytest.raises(MalformedRequest):
        inflate_snappy(b"\xff\xff\x03", max_bytes=100_000)


def series_of(*pairs: tuple[bytes, bytes], samples: int = 1) -> bytes:
    message = wire.WriteRequest()
    series = message.timeseries.add()
    for name, value in pairs:
        series.labels.add(name=name, value=value)
    for place in range(samples):
        series.samples.add(timestamp=1_700_000_000_000 + place, value=1.0)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("pairs", "field"),
    [
        ([(b"job", b"x")], "name"),
        ([(b"__name__", b"")], "name"),
        ([(b"__name__", b"9lives")], "name"),
        ([(b"__name__", b"up"), (b"", b"x")], "labels"),
        ([(b"__name__", b"up"), (b"a-b", b"x")], "labels"),
        ([(b"__name__", b"up"), (b"a", b"x"), (b"a", b"y")], "labels"),
        ([(b"__name__", b"up"), (b"a", b"")], "labels.a"),
        ([(b"__name__", b"up"), (b"a", b"\xff\xfe")], "labels"),
        ([(b"__name__", b"up"), (b"a", b"x\x00")], "labels.a"),
        ([(b"__name__", b"up"), (b"a", b"x" * 2049)], "labels.a"),
        ([(b"__name__", b"u" * 201)], "name"),
        ([(b"__name__", b"up"), *((f"l{n}".encode(), b"x") for n in range(65))], "labels"),
    ],
)
def test_decode__invalid_labels__refuse_that_series_only(pairs: list[tuple[bytes, bytes]], field: str) -> None:
    body = series_of(*pairs, samples=2) + series_of((b"__name__", b"good"))
    batch = decode_write_request(body, {}).batch
    assert batch.refusals.count == 2
    assert [(refusal.index, refusal.field) for refusal in batch.refusals.shown] == [(0, field)]
    assert [identity.name for identity in batch.unresolved] == ["good"]
    assert batch.indexes.tolist() == [1]
    assert batch.received == 3


def test_decode__labels_in_another_order__are_the_same_series() -> None:
    body = series_of((b"a", b"1"), (b"__name__", b"up")) + series_of((b"__name__", b"up"), (b"a", b"1"))
    assert len(decode_write_request(body, {}).batch.unresolved) == 1


def test_decode__native_histogram__is_refused_by_name() -> None:
    message = wire.WriteRequest()
    series = message.timeseries.add()
    series.labels.add(name=b"__name__", value=b"latency")
    series.histograms.add()
    batch = decode_write_request(message.SerializeToString(), {}).batch
    assert [(refusal.field, refusal.count) for refusal in batch.refusals.shown] == [("histograms", 1)]
    assert batch.received == 1


def test_decode__metadata__is_read() -> None:
    message = wire.WriteRequest()
    message.metadata.add(type=1, metric_family_name=b"requests_total", help=b"Requests.", unit=b"requests")
    message.metadata.add(type=99, metric_family_name=b"odd")
    descriptions = decode_write_request(message.SerializeToString(), {}).descriptions
    assert [(d.name, d.type, d.help, d.unit) for d in descriptions] == [
        ("requests_total", "counter", "Requests.", "requests"),
        ("odd", "unknown", "", ""),
    ]


def test_decode__known_labels_before_something_else__are_read_with_care() -> None:
    # Eighteen bytes behind known labels that are two other fields: a label and a sample without value.
    labels = series_of((b"__name__", b"up"), samples=0)[2:]
    more = b"\x0a\x07\x0a\x01a\x12\x02bc" + b"\x12\x07\x10" + b"\x80\xd0\x95\xff\xbc\x31"
    body = b"\x0a" + bytes([len(labels + more)]) + labels + more
    assert len(more) == 18
    batch = decode_write_request(body, {labels: 1}).batch
    assert [identity.labels for identity in batch.unresolved] == [(("a", "bc"),)]
    assert batch.times.tolist() == [1_700_000_000_000]


def test_decode__a_million_new_series__is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.ingestion.remote_write.MAX_SERIES_PER_REQUEST", 10)
    one = series_of((b"__name__", b"up"))
    assert decode_write_request(one * 10, {}).batch.received == 10
    with pytest.raises(RequestTooLarge):
        decode_write_request(one * 11, {})


def framed(content: bytes) -> bytes:
    """Return `content` as a time series of a request."""
    size, length = len(content), b""
    while size > 0x7F:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return b"\x0a" + length + bytes([size]) + content


@pytest.mark.parametrize(
    "body",
    [
        b"\x1a\x00" * (remote_write.MAX_OTHER_FIELDS + 1),
        b"\x20\x00" * (remote_write.MAX_OTHER_FIELDS + 1),
        framed(b"\x0a\x00" * remote_write.MAX_LABELS_BYTES),
        framed(b"\x12\x00" + b"\x0a\x00" * remote_write.MAX_UNUSUAL_SERIES_BYTES),
    ],
    ids=["metadata", "unknown fields", "labels", "labels behind a sample"],
)
def test_decode_write_request__floods_of_tiny_parts__are_too_large(body: bytes) -> None:
    with pytest.raises(RequestTooLarge):
        decode_write_request(body, {})


def test_decode_write_request__thousands_of_labels_behind_a_sample__are_refused_by_number() -> None:
    decoded = decode_write_request(framed(b"\x12\x00" + b"\x0a\x00" * 5000), {})
    (refusal,) = decoded.batch.refusals.shown
    assert (refusal.field, refusal.reason) == ("labels", "4999 labels; at most 64 are kept")
