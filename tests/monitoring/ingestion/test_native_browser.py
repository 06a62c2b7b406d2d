"""What browsers report: read as it is meant, refused item by item, never an error of ours."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.browser.models import BrowserVital
from monitoring.errors.scrubbing import ScrubRules
from monitoring.ingestion.items import MAX_ITEMS, ItemBatch, ItemsMalformed, TooManyItems
from monitoring.ingestion.native_browser import Caller, decode_events, decode_script, decode_vitals
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import sum_by_signal
from monitoring.usage.models import UsageEvent
from tests.support.metrics import make_application

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CALLER = Caller(application_id=7, received_at=NOW, rules=ScrubRules(), user_agent=FIREFOX)
AT = int(NOW.timestamp() * 1000)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ITEM = st.fixed_dictionaries(
    {"t": st.sampled_from(["vital", "event", "error", "session", "cookie"])},
    optional=dict.fromkeys(
        ["n", "v", "url", "d", "nav", "at", "id", "k", "p", "target", "error", "sid", "started", "status"], JSON
    ),
)


def read_script(*items: Any, **around: Any) -> ItemBatch:
    return decode_script(json.dumps({"items": items, **around}).encode(), CALLER)


def test_decode_script__a_vital__knows_the_page_and_the_browser() -> None:
    item = {"t": "vital", "n": "lcp", "v": 2.5, "url": "https://erp.example/orders/4711?token=x", "at": AT}
    (found,) = read_script(item, release="2.0", user="u1").batch.records
    assert (found.name, found.value, found.page, found.url) == (
        "lcp",
        2.5,
        "/orders/{id}",
        "https://erp.example/orders/4711",
    )
    assert (found.browser, found.device, found.release, found.at) == ("Firefox", "desktop", "2.0", NOW)


def test_decode_script__clock_of_the_visitor_is_wrong__times_are_those_of_the_server() -> None:
    hour = 3_600_000
    item = {"t": "vital", "n": "cls", "v": 0.1, "url": "/", "at": AT - hour - 5_000}
    (found,) = read_script(item, sent_at=AT - hour).batch.records
    assert found.at == NOW - timedelta(seconds=5)


@pytest.mark.parametrize("clock", [-90_000, 3_600_000, -7_200_000])
def test_decode_script__sent_twice_by_a_wrong_clock__has_the_same_times_however_long_it_took(clock: int) -> None:
    session = {"t": "session", "sid": "e" * 32, "started": AT + clock - 60_000, "at": AT + clock, "status": "exited"}
    items = [
        {"t": "vital", "n": "cls", "v": 0.1, "url": "/", "at": AT + clock, "id": str(uuid4())},
        {"t": "event", "k": "page", "url": "/", "at": AT + clock},
        session,
    ]
    found = []
    for milliseconds in (80, 230, 9_000):
        caller = Caller(7, NOW + timedelta(milliseconds=milliseconds), ScrubRules())
        body = {"items": items, "sent_at": AT + clock, "batch": "b" * 32, "release": "1"}
        vital, event, visit = decode_script(json.dumps(body).encode(), caller).batch.records
        found.append((vital.at, vital.record_id, event.at, event.record_id, visit.reports[0].key))
    assert found[0] == found[1] == found[2]


def test_decode_script__the_same_batch_again__has_the_same_ids() -> None:
    item = {"t": "event", "k": "click", "url": "/", "target": "button#save", "at": AT}
    batch = str(uuid4())
    first, second = (read_script(item, item, batch=batch).batch.records for _ in range(2))
    assert [one.record_id for one in first] == [one.record_id for one in second]
    assert len({one.record_id for one in first}) == 2


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({"t": "vital", "n": "lcp", "v": "slow"}, "value"),
        ({"t": "vital", "n": "lcp", "v": -1}, "name"),
        ({"t": "vital", "n": "karma", "v": 1}, "name"),
        ({"t": "event", "k": "spy"}, "kind"),
        ({"t": "event", "k": "feature"}, "name"),
        ({"t": "error"}, "error"),
        ({"t": "session", "sid": "x"}, "session"),
        ({"t": "cookie"}, "t"),
        ("text", "t"),
        (None, "t"),
    ],
)
def test_decode_script__item_that_makes_no_sense__is_refused_and_leaves_the_others(item: Any, field: str) -> None:
    made = read_script(item, {"t": "event", "k": "page", "url": "/", "at": AT})
    assert [(index, name) for index, name, _ in made.refused] == [(0, field)]
    assert made.stored == 1


def test_decode_script__what_the_script_left_out__is_in_the_account() -> None:
    made = read_script(
        missing={"lost.vital": 3, "sampled.session": 1, "lost.secret": 9, "lost.error": -1, "stored.x": 4}
    )
    account = made.batch.account
    assert (account.total("lost"), account.total("sampled"), account.total("stored")) == (3, 1, 0)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'{"items": 7}', b"\xff", b"[" * 100_000])
def test_decode_script__body_of_another_form__is_refused(body: bytes) -> None:
    with pytest.raises(ItemsMalformed):
        decode_script(body, CALLER)


def test_decode_script__too_many_items__is_refused_whole() -> None:
    with pytest.raises(TooManyItems):
        read_script(*[{}] * (MAX_ITEMS + 1))


def test_decode_vitals__milliseconds_of_a_client_without_script__are_seconds() -> None:
    body = json.dumps({"vitals": [{"name": "LCP", "value": 2500, "unit": "ms", "page": "/orders"}]}).encode()
    (found,) = decode_vitals(body, CALLER).batch.records
    assert (found.name, found.value, found.page) == ("lcp", 2.5, "/orders")


def test_decode_events__as_the_seeds_client_tracks_them__are_features() -> None:
    body = json.dumps(
        {
            "event_type": "feature_usage",
            "feature_name": "invoice-export",
            "user_id": 42,
            "context": {"rows": 3, "password": "hunter2"},
        }
    ).encode()
    (found,) = decode_events(body, CALLER).batch.records
    assert (found.kind, found.name) == ("feature", "invoice-export")
    assert found.properties == {"rows": 3, "password": "[Filtered]"}


@given(st.lists(ITEM, max_size=5), st.dictionaries(st.sampled_from(["user", "sent_at", "batch", "missing"]), JSON))
def test_decode_script__any_items__are_stored_or_refused_one_by_one(items: list[Any], around: dict[str, Any]) -> None:
    made = decode_script(json.dumps({"items": items, **around}).encode(), CALLER)
    assert made.stored + len(made.refused) == len(items)
    assert made.stored == len(made.batch.records)


@given(JSON)
def test_decode_vitals_and_events__any_json__is_read_or_refused(document: Any) -> None:
    for decode in (decode_vitals, decode_events):
        try:
            made = decode(json.dumps(document).encode(), CALLER)
        except ItemsMalformed:
            continue
        assert made.stored == len(made.batch.records)


@pytest.fixture
def application(db: None) -> Application:
    return make_application()


@pytest.fixture
def public_key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.PUBLIC, label="browser").token


def test_receive_script__key_in_the_address__stores_and_allows_any_origin(client: Client, public_key: str) -> None:
    body = json.dumps({"items": [{"t": "vital", "n": "lcp", "v": 1.5, "url": "/a", "at": 1}, {"t": "x"}]})
    answer = client.post(
        f"/api/v1/browser/?key={public_key}", body, content_type="text/plain", headers={"Origin": "https://erp.example"}
    )
    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] in {"*", "https://erp.example"}
    assert answer.json() == {
        "stored": 1,
        "refused_count": 1,
        "refused": [{"index": 1, "field": "t", "reason": "is none of vital, event, error, session"}],
    }
    assert BrowserVital.objects.count() == 1


def test_receive_events__nothing_can_be_taken__says_why_and_counts(
    client: Client, application: Application, public_key: str
) -> None:
    answer = client.post(
        f"/api/v1/events/?key={public_key}", json.dumps({"kind": "spy"}), content_type="application/json"
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "events.0.kind"
    assert UsageEvent.objects.count() == 0
    assert (
        sum_by_signal(application_id=application.pk, since=datetime(2020, 1, 1, tzinfo=UTC))[Signal.EVENTS].refused == 1
    )
