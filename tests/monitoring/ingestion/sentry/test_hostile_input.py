"""What the doors for Sentry's SDKs do with input that was broken on its way, or that somebody broke on purpose."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import cramjam
import pytest
from django.test import Client, RequestFactory
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.errors.models import ErrorEvent
from monitoring.errors.selectors import measure_inbox
from monitoring.errors.services.digesting import digest_batch
from monitoring.ingestion.sentry.auth import read_auth_header
from monitoring.ingestion.sentry.envelopes import EnvelopeInvalid, parse_envelope
from monitoring.ingestion.sentry.receiving import TAKERS
from monitoring.ingestion.sentry.views import receive_envelope
from monitoring.ingestion.traces.cleaning import is_sql
from monitoring.logs.models import LogRecord
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from monitoring.performance.models import Span
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.uptime.services import check_ins
from tests.support.errors import make_envelope, make_event, make_public_key
from tests.support.metrics import make_application
from tests.support.sourcemaps import make_browser_event, upload

pytestmark = pytest.mark.django_db

MIB = 1024 * 1024
DOORS = ("envelope", "store")
EVENT_ID = "e" * 32

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["items", "type", "aggregates", "attrs", "timestamp", "spans", "contexts", "user", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends of jobs that nobody began are many here; waiting for their beginnings is shown elsewhere."""
    monkeypatch.setattr(check_ins, "MADE_WITHIN_SECONDS", 0.0)


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return make_public_key(application, requests_per_minute=10_000_000)


def send(
    client: Client, application: Application, key: str, body: bytes, *, door: str = "envelope", **headers: str
) -> Any:
    """Post a body and look at what every answer must have, whatever it says."""
    answer = client.post(
        f"/api/{application.pk}/{door}/",
        body,
        "application/octet-stream",
        headers={"X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7", **headers},
    )
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert answer.status_code in {200, 400, 413}
    if answer.status_code != 200:
        assert answer.json()["detail"]
        assert answer["X-Sentry-Error"]
    return answer


def totals(application: Application) -> dict[Signal, Total]:
    return sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))


def account(application: Application) -> Total:
    """Return what became of everything together, which has to add up."""
    total = Total()
    for one in totals(application).values():
        total += one
    assert total.received == total.stored + total.refused + total.limited + total.dropped
    return total


def packed(encoding: str, data: bytes) -> bytes:
    compress: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zstd": lambda plain: bytes(cramjam.zstd.compress(plain)),
        "br": lambda plain: bytes(cramjam.brotli.compress(plain)),
    }
    return compress[encoding](data)


ENCODINGS = ("gzip", "deflate", "zstd", "br")
DEEP = b"[" * 200_000 + b"]" * 200_000
LONG = b'{"message": "%s"}' % (b"x" * (MIB + 1))


def every_kind() -> bytes:
    """Return an envelope with one item of every kind that is taken, and two that are not."""
    now = timezone.now().timestamp()
    trace = {"trace_id": "a" * 32, "span_id": "b" * 16}
    return make_envelope(
        ("event", {"event_id": EVENT_ID, "message": "Fehler in der Übersicht"}),
        ("transaction", {"type": "transaction", "transaction": "/", "start_timestamp": now - 1, "timestamp": now, "contexts": {"trace": trace}}),
        ("span", {"version": 2, "items": [{**trace, "name": "GET /", "start_timestamp": now - 1, "end_timestamp": now, "is_segment": True}]}),
        ("session", {"sid": EVENT_ID, "init": True, "started": "2026-01-01T00:00:00Z", "attrs": {"release": "1"}}),
        ("sessions", {"aggregates": [{"started": "2026-01-01T00:00:00Z", "exited": 1}], "attrs": {"release": "1"}}),
        ("log", {"items": [{"timestamp": now, "level": "info", "body": "a line"}]}),
        ("check_in", {"monitor_slug": "night", "status": "ok", "check_in_id": EVENT_ID}),
        ("attachment", b"some\nbytes"),
        ("user_report", {"event_id": EVENT_ID, "comments": "it broke"}),
        ("client_report", {"discarded_events": []}),
        ("replay_event", {}),
        ("from_the_future", b"\x00\n"),
        event_id=EVENT_ID,
    )  # fmt: skip


def test_envelope__cut_at_every_byte__is_answered_and_accounted(
    client: Client, application: Application, key: str
) -> None:
    sent = {"event_id": EVENT_ID, "message": "ö"}
    whole = make_envelope(("event", sent), ("session", {"sid": 1}), ("x", b"\n"), ("log", {"items": [{}]}))
    answers = [send(client, application, key, whole[:size]).status_code for size in range(len(whole) + 1)]
    assert answers[0] == 400
    assert answers[-1] == 200
    assert account(application).received > len(whole)
    assert measure_inbox().waiting == 1  # the same event, however often it came


def test_parse__every_kind_cut_at_every_byte__keeps_what_is_whole() -> None:
    whole = every_kind()
    counts = []
    for size in range(len(whole) + 1):
        try:
            envelope = parse_envelope(whole[:size])
        except EnvelopeInvalid:
            assert not counts, "what was readable with less is readable with more"
            continue
        assert len(envelope.refused) <= 1
        counts.append(len(envelope.items))
    assert counts == sorted(counts)
    assert counts[-1] == 12


def test_envelope__one_byte_changed_anywhere__is_answered_and_accounted(
    client: Client, application: Application, key: str
) -> None:
    whole = every_kind()
    for place in range(0, len(whole), 7):
        send(client, application, key, whole[:place] + bytes([whole[place] ^ 0x15]) + whole[place + 1 :])
    account(application)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from([*TAKERS, "", "replay_recording", "x"]), document=JSON, length=st.none() | st.integers())
def test_envelope__any_document_in_any_kind__is_answered_and_accounted(
    client: Client, application: Application, key: str, kind: str, document: Any, length: int | None
) -> None:
    header: dict[str, Any] = {"type": kind} if length is None else {"type": kind, "length": length}
    body = b"{}\n" + json.dumps(header).encode() + b"\n" + json.dumps(document).encode() + b"\n"
    send(client, application, key, body)
    account(application)


@pytest.mark.parametrize("length", [0, 1, 12, 14, 10**9, -1, 1.5, True, "13", None, [], {}])
def test_envelope__length_is_not_the_payloads__is_refused_or_read(
    client: Client, application: Application, key: str, length: Any
) -> None:
    good = make_envelope(("event", make_event()))
    body = good + json.dumps({"type": "event", "length": length}).encode() + b'\n{"message":1}\n'
    answer = send(client, application, key, body)
    # What stood before the broken frame still counts.
    assert answer.status_code == 200
    assert account(application).stored >= 1
    assert measure_inbox().waiting >= 1


@pytest.mark.parametrize("kind", sorted(set(TAKERS) - {"attachment"}))
@pytest.mark.parametrize("payload", [DEEP, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_envelope__nested_too_deeply__is_refused(
    client: Client, application: Application, key: str, kind: str, payload: bytes
) -> None:
    answer = send(client, application, key, make_envelope((kind, payload)))
    assert answer.status_code in {400, 413}
    assert account(application).refused == 1


@pytest.mark.parametrize("kind", ["event", "transaction", "log", "span", "feedback", "check_in", "client_report"])
def test_envelope__string_of_a_mebibyte__is_too_large(
    client: Client, application: Application, key: str, kind: str
) -> None:
    assert send(client, application, key, make_envelope((kind, LONG))).status_code == 413
    assert account(application) == Total(1, refused=1)


def test_event__strings_as_long_as_an_event_may_be__are_kept_cut(
    client: Client, application: Application, key: str
) -> None:
    event = make_event() | {"message": "y" * (MIB - 2_000), "tags": {"z" * 100_000: "z" * 100_000}}
    assert len(json.dumps(event)) > MIB
    assert send(client, application, key, json.dumps(event).encode(), door="store").status_code == 413
    event = make_event() | {"message": "y" * (MIB - 100_000)}
    assert send(client, application, key, json.dumps(event).encode(), door="store").status_code == 200
    digested = digest_batch()
    assert (digested.kept, digested.set_aside) == (1, 0)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("door", DOORS)
def test_doors__bomb__is_refused_before_it_is_inflated(
    client: Client, application: Application, key: str, encoding: str, door: str
) -> None:
    bomb = packed(encoding, b"{}\n" + bytes(40 * MIB))
    tracemalloc.start()
    answer = send(client, application, key, bomb, door=door, **{"Content-Encoding": encoding})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 413
    assert peak < 2.5 * OPTION["MAX_BODY_BYTES"]
    assert totals(application) == {Signal.BODIES: Total(1, refused=1)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), is_cut=st.booleans(), place=st.integers(0, 200))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_doors__garbage_in_an_encoding__is_answered(
    client: Client, application: Application, key: str, encoding: str, data: bytes, is_cut: bool, place: int
) -> None:
    whole = packed(encoding, make_envelope(("event", {"event_id": EVENT_ID, "message": "hi"})))
    body = whole[:place] if is_cut else whole[:place] + data + whole[place + len(data) :]
    send(client, application, key, body, **{"Content-Encoding": encoding})
    account(application)


def test_doors__more_than_is_read__is_refused_before_its_end(
    application: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTION, "MAX_BODY_BYTES", MIB)
    endless = Endless()
    request = RequestFactory().generic("POST", f"/api/{application.pk}/envelope/?sentry_key={key}", b"")
    request.META["CONTENT_LENGTH"] = ""
    request._stream = endless  # type: ignore[attr-defined]
    answer = receive_envelope(request, str(application.pk))
    assert answer.status_code == 413
    assert endless.read_bytes <= 2 * MIB


class Endless:
    """A body that does not end."""

    read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        self.read_bytes += size
        return b" " * size


@pytest.mark.parametrize(
    "text", ["/**/" * 900 + "x", "-- a\n" * 800 + "x", " " * 4_000, "/*" * 2_000, "( " * 2_000, "update " + "a" * 3_900]
)
def test_is_sql__comments_and_spaces_without_end__are_passed_once(text: str) -> None:
    assert is_sql(text) is False
    assert is_sql("/* a */ -- b\n ( select 1)")


def test_auth_header__of_any_size__is_read_once() -> None:
    assert read_auth_header("Sentry " + "a" * 400_000) == {}
    assert read_auth_header("Sentry " + " " * 400_000 + "sentry_key=a") == {}
    assert read_auth_header("Sentry sentry_version=7, sentry_key=abc")["sentry_key"] == "abc"


def test_envelope__line_ends_and_items_without_end__are_not_read_on(
    client: Client, application: Application, key: str
) -> None:
    assert parse_envelope(b"{}\n" + b"\n" * 20 * MIB).items == []
    many = parse_envelope(b"{}\n" + b'{"type":"x"}\n\n' * 200_000)
    assert (len(many.items), many.limited) == (1_000, {"other": 9_000})
    assert "10000 items" in many.refused[0].reason


@pytest.mark.parametrize("kind", ["span", "log", "sessions", "check_in", "feedback"])
def test_envelope__item_of_nothing_but_brackets__is_refused_before_it_is_decoded(
    client: Client, application: Application, key: str, kind: str
) -> None:
    body = make_envelope((kind, b'{"items":[' + b"[]," * 330_000 + b"1]}"))
    assert send(client, application, key, body).status_code in {400, 413}


@pytest.mark.parametrize("path", ["errors", "vitals", "events", "logs", "requests", "queries"])
def test_json_doors__bodies_of_nothing_but_brackets__are_refused_before_they_are_decoded(
    client: Client, key: str, path: str
) -> None:
    for body in (b'{"items":[' + b'{"":0},' * 300_000 + b"0]}", b"[" + b"0," * 600_000 + b"0]"):
        answer = client.post(f"/api/v1/{path}/", body, "application/json", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 413, answer.content


def test_envelope__half_of_a_character__costs_nothing_but_itself(
    client: Client, application: Application, key: str
) -> None:
    lines = [{"timestamp": timezone.now().timestamp(), "level": "info", "body": text} for text in ("BAD", "good")]
    payload = json.dumps({"items": lines}).replace("BAD", "b\\ud83d").encode()
    assert send(client, application, key, make_envelope(("log", payload))).status_code == 200
    assert sorted(LogRecord.objects.values_list("body", flat=True)) == ["b\N{REPLACEMENT CHARACTER}", "good"]


def test_envelope__number_beyond_any_measure__is_passed_over(
    client: Client, application: Application, key: str
) -> None:
    huge = int("1" + "0" * 400)
    transaction = {
        "type": "transaction",
        "transaction": "/x",
        "start_timestamp": timezone.now().timestamp(),
        "timestamp": timezone.now().timestamp(),
        "contexts": {"trace": {"trace_id": "a" * 32, "span_id": "b" * 16, "op": "pageload"}},
        "measurements": {"lcp": {"value": huge, "unit": "millisecond"}},
    }
    line = {"timestamp": huge, "level": "info", "severity_number": huge, "body": "late"}
    body = make_envelope(("transaction", transaction), ("log", {"items": [line]}), ("event", make_event()))
    assert send(client, application, key, body).status_code == 200
    for path, item in (
        ("vitals", {"name": "lcp", "value": huge, "url": "https://erp.example/"}),
        ("logs", {"message": "x", "level": huge, "timestamp": huge}),
        ("events", {"event": "x", "timestamp": huge}),
        ("requests", {"endpoint": "/x", "duration": huge}),
    ):
        answer = client.post(
            f"/api/v1/{path}/", json.dumps(item), "application/json", headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code in {200, 400}, (path, answer.content)


def test_spans__text_that_looks_like_a_zero_byte__is_kept_as_it_is(
    client: Client, application: Application, key: str
) -> None:
    now = timezone.now().timestamp()
    text = '{"k":"\\u0000*\\u0000name"}'
    span = {
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
        "name": "serialise",
        "start_timestamp": now,
        "end_timestamp": now,
        "attributes": {"payload": {"type": "string", "value": text}, "zero": {"type": "string", "value": "a\x00b"}},
    }
    assert send(client, application, key, make_envelope(("span", {"version": 2, "items": [span]}))).status_code == 200
    assert Span.objects.get().attributes == {"payload": text, "zero": "ab"}


def test_event__zero_byte_in_the_path_of_a_frame__is_no_obstacle(
    client: Client, application: Application, key: str
) -> None:
    upload(application)
    event = make_browser_event(debug_id=None, release="2.3.1\x00")
    for frame in event["exception"]["values"][0]["stacktrace"]["frames"]:
        frame |= {"filename": "https://erp.example/a\x00b.js", "abs_path": "https://erp.example/a\x00b.js"}
    assert send(client, application, key, make_envelope(("event", event))).status_code == 200
    digest_batch()
    assert ErrorEvent.objects.count() == 1
