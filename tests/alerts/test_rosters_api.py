"""On-call schedules over REST: what a key sees, makes, changes, overrides, and is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import OnCallOverride, OnCallSchedule, Policy, PolicyStep
from alerts.rosters import find_on_call
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from tests.support.metrics import NOW, make_application
from tests.support.rosters import make_person, make_roster, override

pytestmark = pytest.mark.django_db
PATH = "/api/v1/schedules/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def anna() -> User:
    return make_person("anna", first_name="Anna", last_name="Arndt")


@pytest.fixture
def ben() -> User:
    return make_person("ben")


def make_client(application: Application, *scopes: str) -> Client:
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes or ("read", "write")).token
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def client(application: Application) -> Client:
    return make_client(application)


def body(**changes: Any) -> dict[str, Any]:
    layer = {
        "name": "Days",
        "rotation": "daily",
        "starts_at": "2026-01-05T09:00:00",
        "participants": [["anna"], ["ben"]],
        "restrictions": [{"weekdays": [0, 1, 2, 3, 4, 5, 6], "begins": "06:00", "ends": "22:00"}],
    }
    fields = {"name": "First line", "zone": "Europe/Berlin", "layers": [{**layer, **changes.pop("layer", {})}]}
    return {**fields, **changes}


def post(client: Client, path: str, data: Any, **headers: str) -> Any:
    return client.post(path, data, content_type="application/json", headers=headers or None)


def patch(client: Client, path: str, data: Any) -> Any:
    return client.patch(path, data, content_type="application/json")


def test_schedule__made_and_changed__read_back(client: Client, anna: User, ben: User) -> None:
    made = post(client, PATH, body())
    assert made.status_code == 201, made.json()
    path = f"{PATH}{made.json()['id']}/"
    layer = made.json()["layers"][0]
    assert (layer["zone"], layer["starts_at"]) == ("Europe/Berlin", "2026-01-05T09:00:00")
    assert layer["participants"] == [["anna"], ["ben"]]

    changed = patch(client, path, {"description": "Who answers", "layers": [{**layer, "participants": [["ben"]]}]})

    assert changed.status_code == 200, changed.json()
    assert changed.json()["layers"] == [{**layer, "participants": [["ben"]]}]
    assert (changed.json()["name"], changed.json()["description"]) == ("First line", "Who answers")
    assert client.get(path).json() == changed.json()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"zone": "Mars"}, "zone"),
        ({"layers": []}, "layers"),
        ({"layer": {"participants": [["nobody"]]}}, "layers.0.participants"),
        ({"layer": {"participants": [["anna", "anna"]]}}, "layers.0.participants"),
        ({"layer": {"starts_at": "2026-01-05T09:00:00+01:00"}}, "layers.0.starts_at"),
        ({"layer": {"ends_at": "2025-01-05T09:00:00"}}, "layers.0.ends_at"),
        ({"layer": {"interval": 0}}, "layers.0.interval"),
        ({"layer": {"restrictions": [{"weekdays": [9], "begins": "06:00", "ends": "22:00"}]}}, "layers.0.restrictions"),
    ],
)
def test_schedule__impossible__field_named_and_nothing_stored(
    client: Client, anna: User, ben: User, changes: dict[str, Any], field: str
) -> None:
    answer = post(client, PATH, body(**changes))
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"] if error["field"].startswith(field)]
    assert not OnCallSchedule.objects.exists()


def test_schedule__of_all_applications__read_only(client: Client, anna: User) -> None:
    path = f"{PATH}{make_roster(anna).pk}/"
    assert client.get(path).status_code == 200
    assert client.get(f"{path}on-call/").status_code == 200
    swap = {"starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-01T01:00:00Z", "people": ["anna"]}
    assert patch(client, path, {"name": "x"}).status_code == 409
    assert post(client, f"{path}overrides/", swap).status_code == 409
    assert client.delete(path).status_code == 409


def test_schedule__of_another_application__not_there(client: Client, anna: User) -> None:
    path = f"{PATH}{make_roster(anna, application_id=make_application().pk).pk}/"
    for address in (path, f"{path}on-call/", f"{path}shifts/", f"{path}overrides/"):
        assert client.get(address).status_code == 404
    assert client.delete(path).status_code == 404
    assert client.get(PATH).json()["results"] == []


def test_schedule__key_that_may_only_read__changes_nothing(application: Application, anna: User, ben: User) -> None:
    reader = make_client(application, "read")
    assert reader.get(PATH).status_code == 200
    assert post(reader, PATH, body()).status_code == 403
    assert not OnCallSchedule.objects.exists()


def test_schedule__used_by_a_policy__not_deleted(client: Client, application: Application, anna: User) -> None:
    schedule = make_roster(anna, application_id=application.pk)
    step = PolicyStep.objects.create(policy=Policy.objects.create(name="Night"), kind="schedule")
    step.schedules.add(schedule)
    assert client.delete(f"{PATH}{schedule.pk}/").status_code == 409
    step.delete()
    assert client.delete(f"{PATH}{schedule.pk}/").status_code == 204


def test_on_call__at_a_moment__people_until_and_next(client: Client, anna: User, ben: User) -> None:
    path = f"{PATH}{make_roster(anna, ben).pk}/on-call/"
    # The night in which summer time begins: the turn of Saturday ends at 09:00 there, 07:00 in UTC.
    answer = client.get(path, {"at": "2026-03-29T01:30:00Z"}).json()
    assert answer == {
        "at": "2026-03-29T01:30:00Z",
        "people": [{"username": "anna", "name": "Anna Arndt"}],
        "until": "2026-03-29T07:00:00Z",
        "next": [{"username": "ben", "name": "ben"}],
    }


@pytest.mark.parametrize("query", ["at=2026-03-29T01:30:00", "at=x", "at=9999-12-31T23:59:59Z"])
def test_on_call__moment_that_is_none__refused(client: Client, anna: User, query: str) -> None:
    assert client.get(f"{PATH}{make_roster(anna).pk}/on-call/?{query}").status_code == 400


def test_shifts__over_a_time__without_holes_and_nobody_where_nobody_is(client: Client, anna: User, ben: User) -> None:
    path = f"{PATH}{post(client, PATH, body()).json()['id']}/shifts/"
    shifts = client.get(path, {"from": "2026-01-05T08:00:00Z", "to": "2026-01-06T08:00:00Z"}).json()
    assert [(each["starts_at"][11:16], [one["username"] for one in each["people"]]) for each in shifts] == [
        ("08:00", ["anna"]),
        ("21:00", []),
        ("05:00", ["anna"]),
    ]
    assert client.get(path, {"from": "2026-01-05T08:00:00Z", "to": "2028-01-05T08:00:00Z"}).status_code == 400


@time_machine.travel(NOW, tick=False)
def test_swap__over_rest__taken_listed_and_taken_back(
    client: Client, application: Application, anna: User, ben: User
) -> None:
    schedule = make_roster(anna, application_id=application.pk)
    path = f"{PATH}{schedule.pk}/overrides/"
    start, end = NOW + timedelta(hours=1), NOW + timedelta(hours=3)
    data = {"starts_at": start.isoformat(), "ends_at": end.isoformat(), "people": ["ben"], "replaces": "anna"}

    made = post(client, path, {**data, "reason": "Dentist"}, **{"Idempotency-Key": "x"})
    post(client, path, {**data, "reason": "Dentist"}, **{"Idempotency-Key": "x"})

    assert made.status_code == 201, made.json()
    assert (made.json()["people"], made.json()["replaces"]) == (["ben"], "anna")
    assert client.get(path).json() == [made.json()]
    assert [person.username for person in find_on_call(schedule.pk, start)] == ["ben"]
    assert client.delete(f"{path}{made.json()['id']}/").status_code == 204
    assert client.delete(f"{path}{made.json()['id']}/").status_code == 404
    assert [person.username for person in find_on_call(schedule.pk, start)] == ["anna"]


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"people": []}, "people"),
        ({"people": ["nobody"]}, "people"),
        ({"replaces": "nobody"}, "replaces"),
        ({"replaces": "ben"}, "replaces"),
        ({"ends_at": "2026-03-09T00:00:00Z", "starts_at": "2026-03-08T00:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-03-11T00:00:00"}, "ends_at"),
        ({"ends_at": "2029-03-11T00:00:00Z"}, "ends_at"),
    ],
)
def test_override__impossible__field_named_and_nothing_stored(
    client: Client, application: Application, anna: User, ben: User, changes: dict[str, Any], field: str
) -> None:
    schedule = make_roster(anna, application_id=application.pk)
    data = {"starts_at": "2026-03-11T00:00:00Z", "ends_at": "2026-03-11T08:00:00Z", "people": ["ben"], **changes}
    answer = post(client, f"{PATH}{schedule.pk}/overrides/", data)
    assert answer.status_code == 400
    assert field in [error["field"].split(".")[0] for error in answer.json()["errors"]]
    assert not OnCallOverride.objects.exists()


def test_override__of_another_schedule__not_there(
    client: Client, application: Application, anna: User, ben: User
) -> None:
    other = override(make_roster(anna), NOW + timedelta(days=9999), 2, ben)
    schedule = make_roster(anna, application_id=application.pk)
    assert client.delete(f"{PATH}{schedule.pk}/overrides/{other.pk}/").status_code == 404


@pytest.mark.parametrize("address", ["", "{pk}/on-call/", "{pk}/overrides/"])
def test_read__one_and_three__the_same_queries(client: Client, anna: User, ben: User, address: str) -> None:
    counts = []
    for number in (1, 2):
        for _ in range(number):
            schedule = make_roster(anna, ben)
        for _ in range(number):
            override(schedule, NOW + timedelta(days=10_000), 2, ben, replaces=anna)
        path = PATH + address.format(pk=schedule.pk)
        client.get(path)
        with CaptureQueriesContext(connection) as found:
            assert client.get(path).status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]
