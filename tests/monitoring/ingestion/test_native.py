"""The native JSON form: what is read and what is refused, by field."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.ingestion.native import (
    MAX_COMMAS_PER_BODY,
    MAX_POINTS_PER_BODY,
    MAX_SENT_LABELS,
    BodyMalformed,
    TooManyPoints,
    decode_points,
)

NOW_MS = 1_770_000_000_000


def decode(document: object) -> list[tuple[str, dict[str, str], int, float]]:
    batch, _ = decode_points(json.dumps(document).encode(), {}, now_ms=NOW_MS)
    assert batch.refusals.count == 0
    rows = zip(batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), strict=True)
    identities = batch.unresolved
    return [(identities[-s - 1].name, dict(identities[-s - 1].labels), time, value) for s, time, value in rows]


def test_decode_points__single_object__is_one_point_now() -> None:
    assert decode({"name": "up", "value": 1}) == [("up", {}, NOW_MS, 1.0)]


def test_decode_points__every_form_of_time__is_milliseconds() -> None:
    times = [1769999999.5, "2026-02-02T02:39:59.500Z", "2026-02-02T03:39:59.5+01:00"]
    rows = decode({"points": [{"name": "up", "value": 1, "timestamp": time} for time in times]})
    assert [time for _, _, time, _ in rows] == [1_769_999_999_500] * 3


def test_decode_points__labels_of_other_types_and_empty_ones__become_text_or_go() -> None:
    labels = {"status": 200, "cached": True, "route": "/x", "empty": ""}
    assert decode({"name": "up", "value": 1, "labels": labels})[0][1] == {
        "status": "200",
        "cached": "true",
        "route": "/x",
    }


def test_decode_points__special_values_as_text__are_read() -> None:
    rows = decode({"points": [{"name": "up", "value": text} for text in ("NaN", "+Inf", "-Inf")]})
    assert math.isnan(rows[0][3])
    assert [row[3] for row in rows[1:]] == [math.inf, -math.inf]


def test_decode_points__units__are_told() -> None:
    body = json.dumps({"points": [{"name": "up", "value": 1, "unit": "s"}, {"name": "up", "value": 1}]}).encode()
    _, units = decode_points(body, {}, now_ms=NOW_MS)
    assert [(unit.name, unit.unit) for unit in units] == [("up", "s")]


def test_decode_points__series_known_already__needs_no_labels() -> None:
    body = json.dumps({"name": "up", "value": 1, "labels": {"b": "2", "a": "1"}}).encode()
    batch, _ = decode_points(body, {}, now_ms=NOW_MS)
    (identity,) = batch.unresolved
    assert identity.cache_key is not None
    again, _ = decode_points(body, {identity.cache_key: 42}, now_ms=NOW_MS)
    assert again.series.tolist() == [42]


@pytest.mark.parametrize(
    ("point", "field"),
    [
        ({"value": 1}, "point"),
        ({"name": "up"}, "point"),
        ({"name": "up", "value": "many"}, "value"),
        ({"name": "up", "value": None}, "value"),
        ({"name": "", "value": 1}, "name"),
        ({"name": "a b", "value": 1}, "name"),
        ({"name": 7, "value": 1}, "name"),
        ({"name": "up", "value": 1, "time": 5}, "point"),
        ({"name": "up", "value": 1, "timestamp": NOW_MS}, "timestamp"),
        ({"name": "up", "value": 1, "timestamp": "yesterday"}, "timestamp"),
        ({"name": "up", "value": 1, "timestamp": "2026-02-02T02:40:00"}, "timestamp"),
        ({"name": "up", "value": 1, "labels": {"a-b": "x"}}, "labels"),
        ({"name": "up", "value": 1, "labels": {"a": "x" * 2049}}, "labels.a"),
        ({"name": "up", "value": 1, "labels": {"__name__": "x"}}, "labels.__name__"),
        ({"name": "up", "value": 1, "unit": "x" * 65}, "unit"),
        ([], "point"),
        (5, "point"),
    ],
)
def test_decode_points__bad_point__is_refused_by_field_and_the_others_read(point: object, field: str) -> None:
    body = json.dumps({"points": [{"name": "good", "value": 1}, point]}).encode()
    batch, _ = decode_points(body, {}, now_ms=NOW_MS)
    assert [(refusal.index, refusal.field) for refusal in batch.refusals.shown] == [(1, field)]
    assert batch.times.size == 1
    assert batch.received == 2


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[]", b'{"points": 5}', b"\xff\xfe", b'{"points": []', b'{"points": [], "more": 1}']
)
def test_decode_points__no_batch_at_all__is_malformed(body: bytes) -> None:
    with pytest.raises(BodyMalformed):
        decode_points(body, {}, now_ms=NOW_MS)


def test_decode_points__nested_beyond_reason__is_refused() -> None:
    body = b'{"points": [' + b"[" * 100_000 + b"]" * 100_000 + b"]}"
    try:
        batch, _ = decode_points(body, {}, now_ms=NOW_MS)
    except BodyMalformed:
        return
    assert batch.refusals.count == 1


@given(st.binary(max_size=200))
def test_decode_points__garbage__never_crashes(body: bytes) -> None:
    with contextlib.suppress(BodyMalformed):
        decode_points(body, {}, now_ms=NOW_MS)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["name", "value", "timestamp", "labels", "unit"]


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)), max_size=5))
def test_decode_points__any_json__accounts_for_every_point(points: list[dict[str, object]]) -> None:
    try:
        batch, _ = decode_points(json.dumps({"points": points}).encode(), {}, now_ms=NOW_MS)
    except BodyMalformed:
        return
    assert batch.received == len(points)


def test_decode_points__more_than_a_body_may_hold__is_too_much() -> None:
    body = json.dumps({"points": [1] * (MAX_POINTS_PER_BODY + 1)}).encode()
    with pytest.raises(TooManyPoints):
        decode_points(body, {}, now_ms=NOW_MS)


def test_decode_points__flood_of_tiny_members__is_refused_before_it_is_read_apart() -> None:
    body = b'{"points":[' + b"0," * (MAX_COMMAS_PER_BODY + 1) + b"0]}"
    with pytest.raises(TooManyPoints, match="commas"):
        decode_points(body, {}, now_ms=NOW_MS)


def test_decode_points__more_labels_than_anyone_sends__are_refused_by_number() -> None:
    labels = {f"label_{number}": "" for number in range(MAX_SENT_LABELS + 1)}
    batch, _ = decode_points(json.dumps({"name": "up", "value": 1, "labels": labels}).encode(), {}, now_ms=NOW_MS)
    assert [(refusal.field, refusal.count) for refusal in batch.refusals.shown] == [("labels", 1)]
