"""Incidents in REST: what a key sees, declares, does, and is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from incidents.services.progress import resolve_incident
from tests.alerts.test_api import Caller
from tests.support.alerts import make_alert, moment
from tests.support.incidents import BY, declare, kinds
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
PATH = "/api/v1/incidents/"


@pytest.fixture
def caller() -> Caller:
    """A key that may read and write."""
    return Caller(make_application())


def declare_own(caller: Caller, **fields: Any) -> Incident:
    return declare(application_id=caller.application.pk, **fields)


def test_incidents__listed__own_ones_newest_first_and_narrowed(caller: Caller) -> None:
    first, second = declare_own(caller), declare_own(caller, level="P4")
    declare(application_id=make_application().pk)
    declare()
    resolve_incident(number=first.pk, text="Done.", by=BY, now=moment(60))

    def numbers(query: str = "") -> list[int]:
        return [row["number"] for row in caller.get(f"{PATH}{query}").json()["results"]]

    assert numbers() == [second.number, first.number]
    assert numbers("?status=open") == numbers("?level=P4") == [second.number]
    assert numbers("?status=resolved") == [first.number]
    assert caller.get(f"{PATH}?status=lost").status_code == 400


def test_incidents__pages__lead_to_each_other(caller: Caller) -> None:
    made = [declare_own(caller).number for _ in range(3)]
    page = caller.get(f"{PATH}?page_size=2").json()
    rest = caller.get(page["next"].removeprefix("http://testserver")).json()
    assert [row["number"] for row in page["results"] + rest["results"]] == made[::-1]


@pytest.mark.parametrize("detail", [False, True])
def test_incidents__one_row_and_three__the_same_queries(caller: Caller, detail: bool) -> None:
    counts, first = [], declare_own(caller)
    path = f"{PATH}{first.number}/" if detail else PATH
    for rows in (0, 2):
        for _ in range(rows):
            declare_own(caller)
            first.alerts.create(alert_id=make_alert(caller.application).pk, linked_at=moment(0))
        caller.get(path)
        with CaptureQueriesContext(connection) as found:
            assert caller.get(path).status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_incidents__declared_noted_responded_resolved__by_the_key(caller: Caller) -> None:
    alert = make_alert(caller.application)
    body = {"title": "Invoices fail", "level": "P2", "description": "Since nine.", "alerts": [alert.pk]}
    made = caller.send("post", PATH, body)
    assert made.status_code == 201
    incident = made.json()
    path = f"{PATH}{incident['number']}/"
    assert (incident["application"], incident["source"], incident["alerts"]) == (
        caller.application.pk,
        "program",
        [alert.pk],
    )

    note = caller.send("post", f"{path}note/", {"text": "It is the disk."})
    corrected = caller.send("post", f"{path}note/", {"text": "The network.", "corrects": note.json()["id"]})
    responded = caller.send("post", f"{path}respond/")
    again = caller.send("post", f"{path}respond/")
    resolved = caller.send("post", f"{path}resolve/", {"text": "Cable replaced."})

    assert (note.status_code, corrected.json()["corrects"]) == (201, note.json()["id"])
    assert (responded.json()["status"], again.status_code) == ("acknowledged", 200)
    assert resolved.json()["status"] == "resolved"
    told = [(entry["kind"], entry["text"]) for entry in caller.get(path).json()["timeline"]]
    assert [kind for kind, _ in told] == ["declared", "note", "correction", "acknowledged", "resolved"]
    assert told[-1][1] == "Cable replaced."


def test_incidents__declared_twice_under_one_idempotency_key__once(caller: Caller) -> None:
    body = {"title": "Invoices fail", "level": "P2"}
    answers = [caller.send("post", PATH, body, **{"Idempotency-Key": "a"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert Incident.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"level": "P1"}, "title"),
        ({"title": "x"}, "level"),
        ({"title": "x", "level": "P9"}, "level"),
        ({"title": "x" * 201, "level": "P1"}, "title"),
        ({"title": "x", "level": "P1", "alerts": [4711]}, "alerts"),
        ({"title": "x", "level": "P1", "alerts": "all"}, "alerts"),
    ],
)
def test_incidents__declared_badly__told_which_field(caller: Caller, body: dict[str, Any], field: str) -> None:
    answer = caller.send("post", PATH, body)
    assert answer.status_code == 400
    assert [error["field"].split(".")[0] for error in answer.json()["errors"]] == [field]
    assert not Incident.objects.exists()


def test_incidents__alert_of_another_application__is_unknown(caller: Caller) -> None:
    alert = make_alert(make_application())
    answer = caller.send("post", PATH, {"title": "x", "level": "P1", "alerts": [alert.pk]})
    assert answer.status_code == 400
    assert not Incident.objects.exists()


def test_incidents__one_is_open_for_the_alert__conflict_names_it(caller: Caller) -> None:
    alert = make_alert(caller.application)
    known = declare_own(caller, alert_ids=(alert.pk,))
    answer = caller.send("post", PATH, {"title": "x", "level": "P1", "alerts": [alert.pk]})
    assert (answer.status_code, answer.json()["incident"]) == (409, known.number)


def test_incidents__over__conflict_and_only_notes_are_taken(caller: Caller) -> None:
    incident = declare_own(caller)
    resolve_incident(number=incident.pk, text="Done.", by=BY, now=moment(60))
    path = f"{PATH}{incident.number}/"
    assert caller.send("post", f"{path}respond/").status_code == 409
    assert caller.send("post", f"{path}resolve/", {"text": "Done."}).status_code == 409
    assert caller.send("post", f"{path}note/", {"text": "  "}).status_code == 400
    assert caller.send("post", f"{path}note/", {"text": "Later: it was the disk."}).status_code == 201
    assert kinds(incident) == ["declared", "resolved", "note"]


@pytest.mark.parametrize("action", ["", "note/", "respond/", "resolve/"])
def test_incidents__of_another_application_or_of_several__not_there(caller: Caller, action: str) -> None:
    for incident in (declare(application_id=make_application().pk), declare()):
        path = f"{PATH}{incident.number}/{action}"
        answer = caller.send("post", path, {"text": "x"}) if action else caller.get(path)
        assert answer.status_code == 404
        assert kinds(incident) == ["declared"]


def test_incidents__key_may_only_read__cannot_declare_or_act() -> None:
    reader = Caller(make_application(), scopes=("read",))
    incident = declare_own(reader)
    assert reader.get(PATH).status_code == 200
    assert reader.send("post", PATH, {"title": "x", "level": "P1"}).status_code == 403
    assert reader.send("post", f"{PATH}{incident.number}/respond/").status_code == 403
    assert Caller(make_application(), scopes=("ingest",)).get(PATH).status_code == 403
