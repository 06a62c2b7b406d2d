"""Errors as JSON: what the seed's clients send, batches, what is refused, down to the issue."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.errors.selectors import read_document
from monitoring.errors.services.digesting import digest_batch
from monitoring.ingestion.items import ItemsMalformed
from monitoring.ingestion.native_errors import decode_errors
from monitoring.losses.models import LossAccount
from tests.support.metrics import make_application

DOOR = "/api/v1/errors/"
JAVASCRIPT = {
    "type": "javascript_error",
    "message": "Uncaught TypeError: Cannot read properties of undefined (reading 'id')",
    "filename": "https://erp.example.com/assets/app.js",
    "lineno": 10,
    "colno": 20,
    "stack": "TypeError: Cannot read properties of undefined\n    at post (https://erp.example.com/assets/app.js:10:20)",
    "url": "https://erp.example.com/invoices/7",
    "user_agent": "Mozilla/5.0",
    "timestamp": "2026-01-31T12:00:00.000Z",
}
PHP_ERROR = {
    "type": "php_error",
    "level": 2,
    "message": "Undefined variable $total",
    "file": "/srv/erp/app/Book.php",
    "line": 9,
    "stack_trace": [
        {"file": "/srv/erp/app/Book.php", "line": 9, "function": "handleError", "class": "ErrorMonitor", "type": "->"},
        {"file": "/srv/erp/public/index.php", "line": 3, "function": "book"},
    ],
    "server_info": {"REQUEST_URI": "/book", "HTTP_AUTHORIZATION": "Bearer abcdefghijklmnop"},
    "timestamp": "2026-01-31 12:00:00",
}
PHP_EXCEPTION = {
    "type": "php_exception",
    "class": "PDOException",
    "message": "SQLSTATE[HY000] gone",
    "file": "/srv/erp/app/Db.php",
    "line": 5,
    "trace": "#0 /srv/erp/app/Book.php(12): Db->query()\n#1 {main}",
    "user_id": 42,
    "release": "erp@1.2",
    "environment": "live",
    "server": "erp1",
}


@pytest.fixture
def application(db: None) -> Application:
    return make_application()


def send(client: Client, application: Application, body: Any, *, kind: KeyKind = KeyKind.SECRET, **headers: str) -> Any:
    key = issue_key(application=application, kind=kind, origins=["https://erp.example.com"] if kind == "public" else [])
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(DOOR, data, "application/json", headers={"Authorization": f"Bearer {key.token}", **headers})


def documents() -> list[dict[str, Any]]:
    digest_batch()
    return [read_document(event) for event in ErrorEvent.objects.order_by("id")]


def test_door__what_the_seeds_clients_send__becomes_issues(client: Client, application: Application) -> None:
    answer = send(client, application, {"errors": [JAVASCRIPT, PHP_ERROR, PHP_EXCEPTION]})
    assert (answer.status_code, answer.json()["stored"], answer.json()["refused"]) == (200, 3, [])
    found = {each["exception"]["values"][0]["type"]: each for each in documents()}
    page, warning, exception = found["TypeError"], found["E_WARNING"], found["PDOException"]
    issues = {issue.type: issue for issue in ErrorIssue.objects.all()}
    assert set(issues) == {"TypeError", "E_WARNING", "PDOException"}
    assert issues["TypeError"].title == "TypeError: Cannot read properties of undefined (reading 'id')"
    assert (issues["TypeError"].platform, issues["TypeError"].handled) == ("javascript", False)
    assert (issues["E_WARNING"].level, issues["E_WARNING"].handled) == ("warning", True)
    assert issues["PDOException"].culprit == "/srv/erp/app/Db.php in Db->query"
    assert [frame["lineno"] for frame in exception["exception"]["values"][0]["stacktrace"]["frames"]] == [12, 5]
    assert (exception["user"], exception["server_name"]) == ({"id": "42"}, "erp1")
    assert page["request"]["headers"] == {"User-Agent": "Mozilla/5.0"}
    assert warning["extra"]["server_info"]["HTTP_AUTHORIZATION"] == "[Filtered]"


def test_door__public_key__is_for_its_origins(client: Client, application: Application) -> None:
    good = send(client, application, JAVASCRIPT, kind=KeyKind.PUBLIC, Origin="https://erp.example.com")
    bad = send(client, application, JAVASCRIPT, kind=KeyKind.PUBLIC, Origin="https://evil.example.com")
    assert (good.status_code, bad.status_code) == (200, 403)
    assert good["Access-Control-Allow-Origin"] == "*"


def test_door__some_make_no_sense__are_named_and_counted(client: Client, application: Application) -> None:
    answer = send(client, application, [{"message": "yes"}, {"message": 5}, {"message": " "}, 7])
    assert answer.status_code == 200
    assert [(each["index"], each["field"]) for each in answer.json()["refused"]] == [
        (1, "message"),
        (2, "message"),
        (3, "error"),
    ]
    account = LossAccount.objects.get(signal="errors")
    assert (account.received, account.stored, account.refused) == (4, 1, 3)


@pytest.mark.parametrize("body", ["", "5", '"x"', "{", '{"errors": 5}', "[", b"\xff"])
def test_door__no_errors_at_all__says_why(client: Client, application: Application, body: bytes | str) -> None:
    answer = send(client, application, body)
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not ErrorEvent.objects.exists()


def test_door__nothing_taken__400_names_each(client: Client, application: Application) -> None:
    answer = send(client, application, {"errors": [{}]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "errors.0.error")


def test_door__too_many__413(client: Client, application: Application) -> None:
    assert send(client, application, [{"message": "x"}] * 1001).status_code == 413


def test_door__same_event_id_again__is_kept_once(client: Client, application: Application) -> None:
    for _ in range(2):
        send(client, application, {"message": "x", "event_id": "a" * 32})
    assert len(documents()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*JAVASCRIPT, *PHP_ERROR, *PHP_EXCEPTION, "context", "user", "tags", "fingerprint", "trace_id", "column"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON) | JSON)
def test_decode__any_document__is_taken_or_refused_and_adds_up(document: Any) -> None:
    now = timezone.now()
    try:
        made = decode_errors(json.dumps(document).encode(), application_id=1, received_at=now)
    except ItemsMalformed:
        return
    assert len(made.batch.records) == made.stored == made.batch.account.total("stored")
    assert len(made.refused) == made.batch.account.total("refused")
