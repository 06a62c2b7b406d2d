"""REST and Prometheus' view: what a key sees, may change, and is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, Channel, Rule
from alerts.services.builtin import install_rules
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, report
from tests.support.metrics import NOW, make_application

pytestmark = pytest.mark.django_db


class Caller:
    """A client with a key."""

    def __init__(self, application: Application, *, scopes: tuple[str, ...] = ("read", "write")) -> None:
        self.application = application
        token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes).token
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        data = "" if body is None else json.dumps(body)
        call = getattr(self.client, method)
        return call(path, data=data, content_type="application/json", headers=headers or None)


@pytest.fixture
def caller() -> Caller:
    """A key that may read and write."""
    return Caller(make_application())


@pytest.mark.parametrize("noun", ["rules", "alerts"])
def test_list__one_row_and_three__the_same_queries(caller: Caller, noun: str) -> None:
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make_alert(caller.application, rule=make_rule(channel_ids=(make_channel().pk,)))
        caller.get(f"/api/v1/{noun}/")
        with CaptureQueriesContext(connection) as found:
            assert caller.get(f"/api/v1/{noun}/").status_code == 200
        counts.append(len(found))

    assert counts[0] == counts[1]


def test_rules__list__own_and_those_of_all_applications(caller: Caller) -> None:
    everyones = make_rule(name="everyone's")
    own = make_rule(name="own", application_id=caller.application.pk)
    make_rule(name="other's", application_id=make_application().pk)
    make_alert(caller.application, rule=everyones)
    make_alert(make_application(), rule=everyones)

    answer = caller.get("/api/v1/rules/").json()["results"]

    assert [(rule["id"], rule["firing"], rule["pending"]) for rule in answer] == [(own.pk, 0, 0), (everyones.pk, 1, 0)]


def test_rules__made_changed_deleted__of_the_keys_application(caller: Caller) -> None:
    body = {"name": "Load", "condition": "load > 1", "annotations": {"summary": "Load of {{ $labels.host }}"}}

    made = caller.send("post", "/api/v1/rules/", body)
    path = f"/api/v1/rules/{made.json()['id']}/"
    changed = caller.send("patch", path, {"for_seconds": 60})

    assert (made.status_code, made.json()["application"]) == (201, caller.application.pk)
    assert changed.status_code == 200
    assert (changed.json()["for_seconds"], changed.json()["condition"]) == (60, "load > 1")
    assert changed.json()["annotations"] == body["annotations"]
    assert caller.send("delete", path).status_code == 204
    assert Rule.objects.count() == 0


def test_rules__no_data_after__kept_where_it_can_be_watched_for(caller: Caller) -> None:
    made = caller.send("post", "/api/v1/rules/", {"name": "a", "condition": "a > 1", "no_data_after_seconds": 600})
    path = f"/api/v1/rules/{made.json()['id']}/"

    changed = caller.send("patch", path, {"severity": "info"})
    refused = caller.send("patch", path, {"condition": "absent(a)"})

    assert (made.status_code, changed.json()["no_data_after_seconds"]) == (201, 600)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "no_data_after_seconds")


def test_rules__channel_is_anothers_by_now__goes_off_and_not_on_again(caller: Caller) -> None:
    rule = make_rule(application_id=caller.application.pk, channel_ids=(make_channel().pk,))
    Channel.objects.update(application=make_application())
    path = f"/api/v1/rules/{rule.pk}/"

    off, on = caller.send("patch", path, {"enabled": False}), caller.send("patch", path, {"enabled": True})

    assert (off.status_code, off.json()["enabled"]) == (200, False)
    assert (on.status_code, on.json()["errors"][0]["field"]) == (400, "channels")


def test_alerts__narrowed_by_cause__those_of_missing_data(caller: Caller) -> None:
    make_alert(caller.application)
    missing = make_alert(caller.application, cause="no_data", no_data_since=NOW, value=None)

    found = caller.get("/api/v1/alerts/?cause=no_data").json()["results"]

    assert [(alert["id"], alert["cause"], alert["value"]) for alert in found] == [(missing.pk, "no_data", None)]


def test_rules__sent_twice_under_one_key__made_once(caller: Caller) -> None:
    body = {"name": "Load", "condition": "load > 1"}

    answers = [caller.send("post", "/api/v1/rules/", body, **{"Idempotency-Key": "x"}) for _ in range(2)]

    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert Rule.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "condition"),
        ({"name": "x", "condition": "load >"}, "condition"),
        ({"name": "x", "condition": "load > 1", "labels": {"severity": "x"}}, "labels"),
        ({"name": "x", "condition": "load > 1", "annotations": {"summary": "{{ nope }}"}}, "annotations"),
        ({"name": "x", "condition": "load > 1", "channels": [999]}, "channels"),
        ({"name": "x", "condition": "load > 1", "for_seconds": -1}, "for_seconds"),
        ({"name": "x", "condition": "load > 1", "severity": "awful"}, "severity"),
        ([], "body"),
    ],
)
def test_rules__anything_wrong__field_named_and_nothing_stored(caller: Caller, body: Any, field: str) -> None:
    answer = caller.send("post", "/api/v1/rules/", body)

    assert answer.status_code == 400
    assert any(error["field"].startswith(field) or field == "body" for error in answer.json()["errors"])
    assert Rule.objects.count() == 0


def test_rules__of_all_applications__changed_in_the_admin_only(caller: Caller) -> None:
    install_rules()
    rule = Rule.objects.builtin().first()

    assert caller.send("patch", f"/api/v1/rules/{rule.pk}/", {"for_seconds": 1}).status_code == 409  # type: ignore[union-attr]
    assert caller.send("delete", f"/api/v1/rules/{rule.pk}/").status_code == 409  # type: ignore[union-attr]


def test_rules__of_another_application__not_there(caller: Caller) -> None:
    rule = make_rule(application_id=make_application().pk)

    for method in ("get", "patch", "delete"):
        assert caller.send(method, f"/api/v1/rules/{rule.pk}/", None if method == "get" else {}).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b", "c"}),
        ("?state=open", {"a", "b"}),
        ("?state=resolved", {"c"}),
        ("?severity=critical", {"b"}),
        ("?acknowledged=false&state=firing", {"a"}),
        ("?rule=1000000", set()),
    ],
)
def test_alerts__filters__narrow_the_list(caller: Caller, query: str, expected: set[str]) -> None:
    make_alert(caller.application, labels={"host": "a"})
    make_alert(caller.application, labels={"host": "b"}, severity="critical", state="pending")
    make_alert(caller.application, labels={"host": "c"}, state="resolved")
    make_alert(make_application(), labels={"host": "d"})

    answer = caller.get(f"/api/v1/alerts/{query}").json()["results"]

    assert {alert["labels"]["host"] for alert in answer} == expected


def test_alerts__unknown_filter_value__refused(caller: Caller) -> None:
    answer = caller.get("/api/v1/alerts/?state=sad")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "state")


def test_alerts__one__with_its_story(caller: Caller) -> None:
    make_rule("load > 1", name="Load")
    report(caller.application, 3)
    evaluate()
    alert = Alert.objects.get()

    answer = caller.get(f"/api/v1/alerts/{alert.pk}/").json()

    assert (answer["name"], answer["state"], answer["value"], answer["labels"]) == (
        "Load",
        "firing",
        3.0,
        {"host": "erp1"},
    )
    assert [(step["from_state"], step["to_state"]) for step in answer["transitions"]] == [("inactive", "firing")]


def test_alerts__acknowledge_and_comment__noted_as_the_key(caller: Caller) -> None:
    alert = make_alert(caller.application)
    path = f"/api/v1/alerts/{alert.pk}/"

    acknowledged = caller.send("post", f"{path}acknowledge/")
    again = caller.send("post", f"{path}acknowledge/")
    commented = caller.send("post", f"{path}comments/", {"text": "Looking."})
    taken_back = caller.send("post", f"{path}unacknowledge/")

    assert (acknowledged.status_code, again.status_code, taken_back.status_code) == (200, 200, 200)
    assert acknowledged.json()["acknowledged_by"].startswith("key ")
    assert (commented.status_code, commented.json()["text"]) == (201, "Looking.")
    assert taken_back.json()["acknowledged_at"] is None
    assert [comment["kind"] for comment in taken_back.json()["comments"]] == [
        "acknowledged",
        "comment",
        "unacknowledged",
    ]


def test_alerts__acknowledge_one_that_is_over__conflict(caller: Caller) -> None:
    alert = make_alert(caller.application, state="resolved")

    assert caller.send("post", f"/api/v1/alerts/{alert.pk}/acknowledge/").status_code == 409


def test_alerts__value_that_json_has_no_number_for__null(caller: Caller) -> None:
    make_alert(caller.application, value=float("inf"))

    assert caller.get("/api/v1/alerts/").json()["results"][0]["value"] is None


def test_alerts__key_that_may_only_read__can_change_nothing() -> None:
    reader = Caller(make_application(), scopes=("read",))
    alert = make_alert(reader.application)

    assert reader.get("/api/v1/alerts/").status_code == 200
    assert reader.send("post", f"/api/v1/alerts/{alert.pk}/acknowledge/").status_code == 403
    assert reader.send("post", "/api/v1/rules/", {"name": "x", "condition": "x > 1"}).status_code == 403


def test_prometheus_rules__own_application__in_prometheus_shape(caller: Caller) -> None:
    make_rule("load > 1", name="Load", for_seconds=60, labels={"team": "erp"})
    make_rule("load > 9", name="Quiet")
    make_rule("load > 1", enabled=False)
    report(caller.application, 3)
    evaluate()

    answer = caller.get("/prometheus/api/v1/rules").json()

    (group,) = answer["data"]["groups"]
    first, second = group["rules"]
    assert answer["status"] == "success"
    assert (first["name"], first["state"], first["duration"], first["type"]) == ("Load", "pending", 60, "alerting")
    assert first["labels"] == {"team": "erp", "severity": "warning"}
    assert first["alerts"] == [
        {
            "labels": {"host": "erp1", "team": "erp", "alertname": "Load", "severity": "warning"},
            "annotations": {},
            "state": "pending",
            "activeAt": "2026-03-10T12:00:00.000Z",
            "value": "3",
        }
    ]
    assert (second["state"], second["health"], second["alerts"]) == ("inactive", "ok", [])
    assert caller.get("/prometheus/api/v1/rules?type=record").json()["data"] == {"groups": []}


def test_prometheus_alerts__open_ones__of_this_application(caller: Caller) -> None:
    make_alert(caller.application)
    make_alert(caller.application, state="resolved")
    make_alert(make_application())

    answer = caller.get("/prometheus/api/v1/alerts").json()

    assert [alert["state"] for alert in answer["data"]["alerts"]] == ["firing"]


@pytest.mark.parametrize("path", ["rules", "alerts"])
def test_prometheus__without_a_key__refused(path: str) -> None:
    answer = Client().get(f"/prometheus/api/v1/{path}")

    assert (answer.status_code, answer.json()["status"]) == (401, "error")
