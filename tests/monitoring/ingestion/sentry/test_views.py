"""The doors for Sentry's SDKs, as a client meets them."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import timedelta
from typing import Any

import cramjam
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import OPTION
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.errors.selectors import measure_inbox, read_document
from monitoring.errors.services.digesting import digest_batch
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from tests.support.errors import make_envelope, make_event, make_public_key, send_envelope
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return make_public_key(application)


def totals(application: Application) -> dict[Signal, Total]:
    return sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))


def test_envelope__error__is_durable_and_becomes_an_issue(client: Client, application: Application, key: str) -> None:
    event = make_event()
    answer = send_envelope(client, application, key, make_envelope(("event", event), event_id=event["event_id"]))
    assert (answer.status_code, answer.json()) == (200, {"id": event["event_id"]})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert measure_inbox().waiting == 1
    assert digest_batch().kept == 1
    assert ErrorEvent.objects.get().event_id.hex == event["event_id"]
    assert totals(application) == {Signal.ERRORS: Total(1, 1)}


def test_envelope__id_in_the_header__wins(client: Client, application: Application, key: str) -> None:
    answer = send_envelope(client, application, key, make_envelope(("event", make_event()), event_id="f" * 32))
    assert answer.json() == {"id": "f" * 32}


def test_envelope__other_kinds__are_dropped_by_name(client: Client, application: Application, key: str) -> None:
    items: list[tuple[str, Any]] = [
        ("replay_event", {}), ("profile", {}), ("from_the_future", b"\x00\n"),
    ]  # fmt: skip
    assert send_envelope(client, application, key, make_envelope(*items)).status_code == 200
    found = totals(application)
    assert {signal.value: total.dropped for signal, total in found.items()} == {
        "replays": 1, "profiles": 1, "other": 1,
    }  # fmt: skip
    assert all(total.received == total.dropped for total in found.values())


def test_envelope__client_report__is_counted_as_lost(client: Client, application: Application, key: str) -> None:
    report = {
        "discarded_events": [
            {"reason": "network_error", "category": "error", "quantity": 9},
            {"reason": "sample_rate", "category": "span", "quantity": 4},
        ]
    }
    answer = send_envelope(client, application, key, make_envelope(("client_report", report)))
    assert (answer.status_code, answer.json()) == (200, {})
    assert totals(application) == {
        Signal.ERRORS: Total(lost=9),
        Signal.SPANS: Total(sampled=4),
        Signal.CLIENT_REPORTS: Total(1, 1),
    }


def test_envelope__one_broken_item__leaves_the_others(client: Client, application: Application, key: str) -> None:
    body = make_envelope(("event", b"{broken"), ("event", make_event()), ("event", b"[]"))
    assert send_envelope(client, application, key, body).status_code == 200
    assert totals(application) == {Signal.ERRORS: Total(3, 1, 2)}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"garbage", 400),
        (b"[]\n", 400),
        (make_envelope(("event", b"{broken")), 400),
        (make_envelope(("event", b"[" * 100_000)), 400),
        (make_envelope(("event", b'{"a": "' + b"x" * 1_100_000 + b'"}')), 413),
        (make_envelope(), 200),
    ],
)
def test_envelope__nothing_usable__says_why(
    client: Client, application: Application, key: str, body: bytes, status: int
) -> None:
    answer = send_envelope(client, application, key, body)
    assert answer.status_code == status
    assert answer["Access-Control-Allow-Origin"] == "*"
    if status != 200:
        assert answer.json()["detail"]
        assert answer["X-Sentry-Error"]
        (total,) = totals(application).values()
        assert (total.received, total.refused) == (1, 1)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), has_header=st.booleans())
def test_envelope__any_bytes__are_answered(
    client: Client, application: Application, key: str, body: bytes, has_header: bool
) -> None:
    answer = send_envelope(client, application, key, (b"{}\n" if has_header else b"") + body)
    assert answer.status_code in {200, 400}


ENCODINGS: dict[str, Any] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "br": lambda data: bytes(cramjam.brotli.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_envelope__compressed__is_inflated_within_limits(
    client: Client, application: Application, key: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = ENCODINGS[encoding](make_envelope(("event", make_event())))
    headers = {"Content-Encoding": encoding}
    assert send_envelope(client, application, key, body, **headers).status_code == 200
    assert send_envelope(client, application, key, body[:-9], **headers).status_code == 400
    monkeypatch.setitem(OPTION, "MAX_BODY_BYTES", 10_000)
    bomb = ENCODINGS[encoding](b"{}\n" + b" " * 10_000)
    assert send_envelope(client, application, key, bomb, **headers).status_code == 413


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-sentry-envelope",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "",
        "multipart/form-data",
    ],
)
@pytest.mark.parametrize("slash", ["/", ""])
def test_envelope__any_content_type__is_taken(
    client: Client, application: Application, key: str, kind: str, slash: str
) -> None:
    address = f"/api/{application.pk}/envelope{slash}?sentry_key={key}&sentry_version=7"
    answer = client.generic("POST", address, make_envelope(("event", make_event())), content_type=kind)
    assert answer.status_code == 200


def test_envelope__key_in_its_header_alone__is_enough(client: Client, application: Application, key: str) -> None:
    body = make_envelope(("event", make_event()), dsn=f"http://{key}@testserver/{application.pk}")
    assert send_envelope(client, application, "", body).status_code == 200


def test_doors__without_and_with_a_wrong_key__are_closed(client: Client, application: Application, key: str) -> None:
    body = make_envelope(("event", make_event()))
    other = make_application()
    assert send_envelope(client, application, "", body).status_code == 403
    assert send_envelope(client, application, "pk_wrong", body).status_code == 401
    assert send_envelope(client, other, key, body).status_code == 401
    secret = issue_key(application=application, kind=KeyKind.SECRET).token
    assert client.post(f"/api/{application.pk}/store/?sentry_key={secret}", b"{}", "text/plain").status_code == 401
    assert totals(application) == {}


def test_doors__page_of_another_origin__is_refused(client: Client, application: Application) -> None:
    key = make_public_key(application, origins=["https://erp.example"])
    body = make_envelope(("event", make_event()))
    refused = send_envelope(client, application, key, body, Origin="https://other.example")
    assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (403, "*")
    assert send_envelope(client, application, key, body, Origin="https://erp.example").status_code == 200


@pytest.mark.parametrize("door", ["envelope", "store"])
def test_doors__browsers__may_ask_first(client: Client, application: Application, door: str) -> None:
    answer = client.options(f"/api/{application.pk}/{door}/", headers={"Origin": "https://erp.example"})
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (204, "*")
    assert "X-Sentry-Auth" in answer["Access-Control-Allow-Headers"]
    other = client.get(f"/api/{application.pk}/{door}/")
    assert (other.status_code, other["Allow"], other["Access-Control-Allow-Origin"]) == (405, "POST, OPTIONS", "*")


def test_doors__too_many_requests__are_told_and_accounted_by_kind(client: Client, application: Application) -> None:
    key = make_public_key(application, requests_per_minute=6)
    report = {"discarded_events": [{"reason": "queue_overflow", "category": "error", "quantity": 2}]}
    body = make_envelope(("event", make_event()), ("session", {}), ("client_report", report))
    assert send_envelope(client, application, key, body).status_code == 200
    answer = send_envelope(client, application, key, body)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (429, "*")
    assert int(answer["Retry-After"]) >= 1
    seconds, categories, scope, _ = answer["X-Sentry-Rate-Limits"].split(":")
    assert (seconds, scope) == (answer["Retry-After"], "key")
    assert "error" in categories.split(";")
    assert totals(application) == {
        Signal.ERRORS: Total(received=2, stored=1, limited=1, lost=4),
        Signal.SESSIONS: Total(received=2, limited=1, refused=1),
        Signal.CLIENT_REPORTS: Total(2, 2),
    }
    only = send_envelope(client, application, key, make_envelope(("client_report", report)))
    assert only.status_code == 200


@pytest.fixture
def few_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTION, "KEY_ITEMS_PER_MINUTE", ["errors=6", "spans=60"])


@pytest.mark.usefixtures("few_errors")
def test_doors__too_many_of_one_kind__others_still_come_in(client: Client, application: Application, key: str) -> None:
    session = {"sid": "e" * 32, "init": True, "started": timezone.now().isoformat(), "attrs": {"release": "1"}}
    both = make_envelope(("event", make_event()), ("session", session))
    assert "X-Sentry-Rate-Limits" not in send_envelope(client, application, key, both)
    answer = send_envelope(client, application, key, both)
    seconds, categories, scope, reason = answer["X-Sentry-Rate-Limits"].split(":")
    assert (answer.status_code, categories, scope, reason) == (200, "default;error", "key", "rate_limited")
    assert 1 <= int(seconds) <= 10
    assert totals(application) == {
        Signal.ERRORS: Total(received=2, stored=1, limited=1),
        Signal.SESSIONS: Total(2, 2),
    }


@pytest.mark.usefixtures("few_errors")
def test_doors__nothing_but_what_is_limited__is_told_with_429(
    client: Client, application: Application, key: str
) -> None:
    report = {"discarded_events": [{"reason": "queue_overflow", "category": "error", "quantity": 2}]}
    body = make_envelope(("event", make_event()), ("client_report", report))
    assert send_envelope(client, application, key, body).status_code == 200
    answer = send_envelope(client, application, key, body)
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (429, "*")
    assert answer["X-Sentry-Rate-Limits"].startswith(f"{answer['Retry-After']}:default;error:key")
    assert "no more errors" in answer.json()["detail"]
    assert totals(application)[Signal.ERRORS] == Total(received=2, stored=1, limited=1, lost=4)
    store = f"/api/{application.pk}/store/?sentry_key={key}"
    assert client.post(store, b"{}", "application/json").status_code == 429


def test_doors__database_away__say_when_to_come_back(
    client: Client, application: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = make_envelope(("event", make_event()))
    assert send_envelope(client, application, key, body).status_code == 200

    def fail(execute: Any, sql: str, *args: Any) -> Any:
        if "monitoring_lossaccount" in sql:
            raise OperationalError("the server closed the connection")
        return execute(sql, *args)

    with connection.execute_wrapper(fail):
        answer = send_envelope(client, application, key, body)
    assert (answer.status_code, answer["Retry-After"], answer["Access-Control-Allow-Origin"]) == (503, "5", "*")


def test_store__event__becomes_an_issue(client: Client, application: Application, key: str) -> None:
    event = make_event()
    answer = client.post(
        f"/api/{application.pk}/store/",
        zlib.compress(json.dumps(event).encode()),
        "application/octet-stream",
        headers={
            "X-Sentry-Auth": f"Sentry sentry_version=6, sentry_key={key}, sentry_secret=x",
            "Content-Encoding": "deflate",
        },
    )
    assert (answer.status_code, answer.json()) == (200, {"id": event["event_id"]})
    digest_batch()
    assert ErrorIssue.objects.get().title == "ValueError: no such account 4711"


@pytest.mark.parametrize(
    ("allowed", "whole", "expected"), [(False, False, None), (True, False, "127.0.0.0"), (True, True, "127.0.0.1")]
)
def test_envelope__client_asks_for_its_address__is_a_setting(
    client: Client,
    application: Application,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    allowed: bool,
    whole: bool,
    expected: str | None,
) -> None:
    monkeypatch.setitem(OPTION, "INFER_CLIENT_IP", allowed)
    monkeypatch.setitem(OPTION, "KEEP_WHOLE_IP", whole)
    send_envelope(client, application, key, make_envelope(("event", make_event(user={"ip_address": "{{auto}}"}))))
    digest_batch()
    assert read_document(ErrorEvent.objects.get())["user"].get("ip_address") == expected


def test_doors__batch_that_does_not_say_how_much_it_holds__is_counted_by_what_it_holds(
    client: Client, application: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTION, "KEY_ITEMS_PER_MINUTE", ["logs=60", "other=6"])
    lines = [{"timestamp": timezone.now().timestamp(), "level": "info", "body": f"line {n}"} for n in range(10)]
    answers = [send_envelope(client, application, key, make_envelope(("log", {"items": lines[:n]}))) for n in (10, 1)]
    assert [answer.status_code for answer in answers] == [200, 429]
    unknown = [
        send_envelope(client, application, key, make_envelope(("surprise", {}), ("event", make_event()))) for _ in "12"
    ]
    # Something without a category must not silence everything: no category means every one.
    assert [answer.status_code for answer in unknown] == [200, 200]
    assert ["X-Sentry-Rate-Limits" in answer.headers for answer in unknown] == [False, False]
