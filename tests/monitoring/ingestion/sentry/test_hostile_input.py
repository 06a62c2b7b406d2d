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
from monitoring.errors.selectors import measure_inbox
from monitoring.errors.services.digesting import digest_batch
from monitoring.ingestion.sentry.envelopes import EnvelopeInvalid, parse_envelope
from monitoring.ingestion.sentry.receiving import TAKERS
from monitoring.ingestion.sentry.views import receive_envelope
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from monitoring.performance.services.dictionaries import forget_dictionaries
from tests.support.errors import make_envelope, make_event, make_public_key
from tests.support.metrics import make_application

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
