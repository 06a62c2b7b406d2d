"""Envelopes: what was put in comes out; what is broken is told from what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.ingestion.sentry.auth import find_key, read_auth_header
from monitoring.ingestion.sentry.envelopes import (
    MAX_HEADER_BYTES,
    MAX_ITEM_BYTES,
    MAX_SESSIONS,
    EnvelopeInvalid,
    parse_envelope,
    read_dsn_key,
)
from monitoring.ingestion.sentry.reports import Missing, ReportInvalid, read_client_report

KINDS = st.sampled_from(["event", "transaction", "session", "attachment", "from_the_future", "x"])
LINES = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" "))


@st.composite
def items(draw: st.DrawFn) -> tuple[str, bytes, bool]:
    """One item: its type, its payload and whether its header says how long that is."""
    has_length = draw(st.booleans())
    payload = draw(st.binary(max_size=60) if has_length else LINES)
    return draw(KINDS), payload, has_length


def write(header: dict[str, Any], parts: list[tuple[str, bytes, bool]], *, end: bytes = b"\n") -> bytes:
    lines = [json.dumps(header).encode()]
    for kind, payload, has_length in parts:
        item = {"type": kind, "length": len(payload)} if has_length else {"type": kind}
        lines += [json.dumps(item).encode(), payload]
    return b"\n".join(lines) + end


@given(st.lists(items(), max_size=8), st.sampled_from([b"\n", b""]))
def test_parse__envelope_built_by_hand__comes_out_as_it_went_in(
    parts: list[tuple[str, bytes, bool]], end: bytes
) -> None:
    envelope = parse_envelope(write({"event_id": "a" * 32}, parts, end=end))
    assert [(item.type, item.payload) for item in envelope.items] == [(kind, payload) for kind, payload, _ in parts]
    assert (envelope.refused, envelope.event_id) == ([], "a" * 32)


@given(st.binary(max_size=300))
def test_parse__any_bytes__ends_cleanly(body: bytes) -> None:
    read_dsn_key(body)
    try:
        parse_envelope(body)
    except EnvelopeInvalid:
        return


@given(st.binary(max_size=200))
def test_parse__any_bytes_after_a_header__never_fails(body: bytes) -> None:
    envelope = parse_envelope(b"{}\n" + body)
    assert sum(len(item.payload) for item in envelope.items) <= len(body)


@given(st.lists(items(), min_size=1, max_size=4), st.data())
def test_parse__cut_off_anywhere__keeps_what_was_whole(
    parts: list[tuple[str, bytes, bool]], data: st.DataObject
) -> None:
    whole = write({}, parts, end=b"")
    size = data.draw(st.integers(2, len(whole)))
    envelope = parse_envelope(whole[:size])
    complete = [(item.type, item.payload) for item in envelope.items]
    expected = [(kind, payload) for kind, payload, _ in parts]
    # Only the last one may be shorter than it was, where no length says so.
    assert complete[:-1] == expected[: max(len(complete) - 1, 0)]
    assert len(envelope.refused) <= 1


@pytest.mark.parametrize("header", [b"", b"[]", b"nonsense", b'"text"', b'{"a": "' + b"x" * MAX_HEADER_BYTES + b'"}'])
def test_parse__no_header__is_invalid(header: bytes) -> None:
    with pytest.raises(EnvelopeInvalid):
        parse_envelope(header + b'\n{"type": "event"}\n{}')


@pytest.mark.parametrize(
    "rest",
    [
        b'{"type": "event", "length": 10}\n{}',
        b'{"type": "event", "length": 1}\n{}\n',
        b'{"type": "event", "length": -1}\n{}\n',
        b'{"type": "event", "length": "2"}\n{}\n',
        b'{"type": "event", "length": true}\n{}\n',
        b'{"type": 5}\n{}\n',
        b"{}\n{}\n",
        b"nonsense\n{}\n",
        b'{"type": "' + b"x" * MAX_HEADER_BYTES + b'"}\n{}',
    ],
)
def test_parse__broken_frame__is_refused_after_what_was_whole(rest: bytes) -> None:
    envelope = parse_envelope(b'{}\n{"type": "session"}\n{"sid": 1}\n' + rest)
    assert [item.type for item in envelope.items] == ["session"]
    assert len(envelope.refused) == 1


@pytest.mark.parametrize("kind", ["event", "check_in", "client_report"])
def test_parse__item_beyond_its_limit__is_refused_by_size(kind: str) -> None:
    limit = MAX_ITEM_BYTES[kind]
    envelope = parse_envelope(write({}, [(kind, b"x" * limit, True), (kind, b"x" * (limit + 1), True)]))
    assert [len(item.payload) for item in envelope.items] == [limit]
    assert [refused.is_size for refused in envelope.refused] == [True]


def test_parse__too_many_sessions__are_limited() -> None:
    envelope = parse_envelope(write({}, [("session", b"{}", False)] * (MAX_SESSIONS + 5)))
    assert (len(envelope.items), envelope.limited) == (MAX_SESSIONS, {"sessions": 5})


def test_parse__items_that_hold_several__are_counted_so() -> None:
    body = b'{}\n{"type":"span","item_count":7,"length":2}\n{}\n{"type":"log","item_count":-3}\n{}\n'
    assert [(item.signal, item.count) for item in parse_envelope(body).items] == [("spans", 7), ("logs", 1)]


@pytest.mark.parametrize(
    "value",
    [
        "Sentry sentry_key=abc, sentry_version=7, sentry_client=x/1",
        "Sentry sentry_timestamp=1.5, sentry_client=raven-python/6.10.0, sentry_version=6, sentry_key=abc, sentry_secret=",
        "sentry_version=7,sentry_key=abc",
        'sentry   sentry_key = "abc"',
    ],
)
def test_auth_header__any_order__has_the_key(value: str) -> None:
    assert read_auth_header(value)["sentry_key"] == "abc"
    assert find_key({"X-Sentry-Auth": value}, {"sentry_key": "other"}) == ("abc", False)


@given(st.text(max_size=100))
def test_auth_header__any_text__is_read(value: str) -> None:
    read_auth_header(value)


def test_find_key__query__says_so() -> None:
    assert find_key({}, {"sentry_key": "abc"}) == ("abc", True)
    assert find_key({"Authorization": "Bearer x"}, {}) == ("", True)


@pytest.mark.parametrize(
    ("dsn", "key"),
    [("https://abc@host/1", "abc"), ("https://abc:secret@host/1", "abc"), ("https://host/1", ""), (5, "")],
)
def test_dsn__in_the_header__has_the_key(dsn: Any, key: str) -> None:
    assert read_dsn_key(json.dumps({"dsn": dsn}).encode() + b"\n") == key


def test_client_report__losses_and_choices__are_told_apart() -> None:
    entries = [
        {"reason": "sample_rate", "category": "transaction", "quantity": 3},
        {"reason": "ratelimit_backoff", "category": "error", "quantity": 2},
        {"reason": "queue_overflow", "category": "log_byte", "quantity": 999},
        {"reason": "network_error", "category": "new_thing"},
        {"reason": "x", "category": "error", "quantity": -1},
        "nonsense",
    ]
    assert read_client_report(json.dumps({"discarded_events": entries}).encode()) == [
        Missing("transactions", 3, on_purpose=True),
        Missing("errors", 2, on_purpose=False),
        Missing("other", 1, on_purpose=False),
    ]


@given(st.binary(max_size=100))
def test_client_report__any_bytes__end_cleanly(payload: bytes) -> None:
    try:
        read_client_report(payload)
    except ReportInvalid:
        return
