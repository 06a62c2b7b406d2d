"""Checks over REST, and the address that heartbeats call."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.uptime import views
from monitoring.uptime.models import Check
from tests.support.metrics import make_application
from tests.support.uptime import DOWN, UP, find, make_check

pytestmark = pytest.mark.django_db
BODY = {"name": "Login", "address": "https://erp.example.com/login", "body_contains": "Sign in"}


class Api:
    """A program with a key."""

    def __init__(self, application: Application, *scopes: Scope) -> None:
        key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(scopes or Scope))
        self._client, self._headers = Client(), {"Authorization": f"Bearer {key.token}"}

    def __call__(self, method: str, path: str = "", body: Any = None, **headers: str) -> Any:
        """Send a request below /api/v1/checks/."""
        return self._client.generic(
            method,
            f"/api/v1/checks/{path}",
            b"" if body is None else json.dumps(body),
            content_type="application/json",
            headers={**self._headers, **headers},
        )


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def api(application: Application) -> Api:
    return Api(application)


def test_create__valid__stored_for_the_keys_application(api: Api, application: Application) -> None:
    answer = api("POST", body=BODY)

    assert answer.status_code == 201
    check = Check.objects.get()
    assert (check.application, check.body_contains, check.kind) == (application, "Sign in", "http")
    assert (answer.json()["state"], answer.json()["ping_url"]) == ("new", None)
    assert [each["period"] for each in answer.json()["availability"]] == ["24 h", "7 d", "30 d"]


@pytest.mark.parametrize(("scopes", "is_told"), [([Scope.READ], False), ([Scope.READ, Scope.WRITE], True)])
def test_read__heartbeat__address_that_anyone_can_report_to_needs_a_key_that_writes(
    application: Application, scopes: list[Scope], is_told: bool
) -> None:
    check = make_check(application, kind="heartbeat", address="")
    ask = Api(application, *scopes)

    told = [ask("GET").json()["results"][0]["ping_url"], ask("GET", f"{check.pk}/").json()["ping_url"]]

    assert [str(check.ping_key) in str(each) for each in told] == [is_told, is_told]


@pytest.mark.parametrize("kind", ["tcp", "tls", "dns", "heartbeat"])
def test_create__headers_that_its_kind_does_not_send__are_not_kept(api: Api, kind: str) -> None:
    body = {"name": "Port", "kind": kind, "address": "erp.example.com:443", "request_headers": "no header"}
    if kind == "dns":
        body["address"] = "erp.example.com"

    assert api("POST", body=body).status_code == 201

    assert [each["request_headers"] for each in api("GET").json()["results"]] == [""]


def test_create__same_idempotency_key__once(api: Api) -> None:
    first = api("POST", body=BODY, **{"Idempotency-Key": "1"})
    again = api("POST", body=BODY, **{"Idempotency-Key": "1"})

    assert first.json()["id"] == again.json()["id"]
    assert Check.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "address"),
        ({"name": "x", "address": "https://a:b@erp.example.com"}, "address"),
        ({**BODY, "interval_seconds": 1}, "interval_seconds"),
        ({**BODY, "body_pattern": "("}, "body_pattern"),
        ({"address": "https://erp.example.com"}, "name"),
    ],
)
def test_create__anything_wrong__names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api("POST", body=body)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_update__some_fields__others_stay(api: Api, application: Application) -> None:
    check = make_check(application, retries=3)
    answer = api("PATCH", f"{check.pk}/", {"name": "New"})

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["retries"]) == ("New", 3)


def test_one__another_applications__is_not_there(api: Api) -> None:
    check = make_check()

    assert api("GET", f"{check.pk}/").status_code == 404
    assert api("DELETE", f"{check.pk}/").status_code == 404
    assert api("GET").json()["results"] == []


def test_change__key_may_only_read__refused(application: Application) -> None:
    check = make_check(application)
    reader = Api(application, Scope.READ)

    assert reader("GET", f"{check.pk}/").status_code == 200
    assert reader("POST", f"{check.pk}/pause/").status_code == 403


def test_list__one_and_three__same_queries_and_narrowed(api: Api, application: Application) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api("GET").status_code == 200
        return len(queries)

    find(make_check(application, retries=0), DOWN)
    count()
    one = count()
    make_check(application)
    make_check(application, kind="tcp", address="erp:1")

    assert count() == one
    assert len(api("GET", "?state=down").json()["results"]) == 1
    assert len(api("GET", "?kind=tcp&state=new").json()["results"]) == 1
    assert api("GET", "?state=odd").status_code == 400


def test_pause_resume_look__repeatable_and_refused_where_senseless(api: Api, application: Application) -> None:
    check = make_check(application)

    assert api("POST", f"{check.pk}/pause/").json()["state"] == "paused"
    assert api("POST", f"{check.pk}/pause/").status_code == 200
    assert api("POST", f"{check.pk}/look/").status_code == 409
    assert api("POST", f"{check.pk}/resume/").json()["state"] == "new"
    assert api("POST", f"{check.pk}/look/").status_code == 202


def test_results_and_changes__newest_first(api: Api, application: Application) -> None:
    check = make_check(application, retries=0)
    find(check, UP)
    find(check, DOWN, at=60)

    assert [one["is_up"] for one in api("GET", f"{check.pk}/results/").json()] == [False, True]
    changes = api("GET", f"{check.pk}/changes/").json()["results"]
    assert [(one["to_state"], one["reason"]) for one in changes] == [("down", DOWN.reason), ("up", UP.reason)]


def test_maintenance__planned__listed(api: Api, application: Application) -> None:
    check = make_check(application)
    wished = {"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T01:00:00Z", "reason": "Update"}

    assert api("POST", f"{check.pk}/maintenance/", wished).status_code == 201
    assert api("POST", f"{check.pk}/maintenance/", {**wished, "ends_at": wished["starts_at"]}).status_code == 400
    (window,) = api("GET", f"{check.pk}/maintenance/").json()
    assert (window["check_id"], window["reason"]) == (check.pk, "Update")


def test_delete__own__gone(api: Api, application: Application) -> None:
    check = make_check(application)

    assert api("DELETE", f"{check.pk}/").status_code == 204
    assert not Check.objects.exists()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("end", ["/", ""])
def test_ping__without_a_key__noted(method: str, end: str) -> None:
    check = make_check(kind="heartbeat", address="")
    answer = Client(enforce_csrf_checks=True).generic(method, f"/api/v1/checks/{check.ping_key}/ping{end}")

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    assert Check.objects.get().state == "up"


@pytest.mark.parametrize(("about", "state"), [("start/", "new"), ("start", "new"), ("fail/", "down"), ("fail", "down")])
def test_ping__start_and_fail__noted(client: Client, about: str, state: str) -> None:
    check = make_check(kind="heartbeat", address="")

    assert client.post(f"/api/v1/checks/{check.ping_key}/ping/{about}").status_code == 200
    assert Check.objects.get().state == state


def test_ping__unknown_or_other_method__refused(client: Client) -> None:
    address = reverse("check-ping", args=[uuid.uuid4()])

    assert client.post(address).status_code == 404
    assert client.delete(address).status_code == 405


def test_ping__database_away__asked_to_try_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> bool:
        raise OperationalError

    monkeypatch.setattr(views, "note_ping", fail)
    answer = client.post(reverse("check-ping", args=[uuid.uuid4()]))

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
