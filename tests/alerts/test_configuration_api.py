"""Over REST: policies, routes, inhibitions and components are made, changed, refused and deleted by whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.escalation import StepKind
from alerts.inhibit_drafts import ComponentDraft, InhibitDraft
from alerts.models import Component, InhibitRule, Policy, Route, Rule
from alerts.services.components import save_component
from alerts.services.inhibitions import install_inhibitions, save_inhibition
from alerts.services.policies import RouteDraft, make_draft, save_policy, save_route
from monitoring.applications.enums import Scope
from monitoring.applications.models import Application
from tests.support.alerts import make_channel, make_rule
from tests.support.metrics import make_application
from tests.support.rest import Api
from tests.support.rosters import make_person, make_roster

pytestmark = pytest.mark.django_db
NOUNS = ("policies", "routes", "inhibitions", "components")
STEP: dict[str, Any] = {
    **{name: [] for name in ("channels", "people", "teams", "schedules", "weekdays")},
    "seconds": 0,
    "count": 0,
    "start": "",
    "end": "",
    "zone": "UTC",
}
_made = iter(range(1_000_000))


def make_policy(application: Application | None = None, **fields: Any) -> Policy:
    policy = Policy(**{"name": f"Policy {next(_made)}", "application": application, **fields})
    return save_policy(policy=policy, steps=[make_draft(StepKind.CHANNEL, [make_channel()])])


def make_route(application: Application | None = None, **fields: Any) -> Route:
    owner = application.pk if application else None
    return save_route(draft=RouteDraft(**{"name": "R", "matchers": "a=b", "application_id": owner, **fields}))


def make(noun: str, application: Application | None = None) -> Any:
    """Return a row of one application or of all."""
    owner, name = application.pk if application else None, f"Name {next(_made)}"
    match noun:
        case "policies":
            return make_policy(application)
        case "routes":
            return make_route(application)
        case "inhibitions":
            return save_inhibition(draft=InhibitDraft(name, "a=b", "c=d", application_id=owner))
        case _:
            parent = save_component(draft=ComponentDraft(f"{name}, above", "a=b", owner))
            return save_component(draft=ComponentDraft(name, "a=b", owner, (parent.pk,)))


def fields_of(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    return [error["field"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("noun", NOUNS)
def test_rows__own_of_all_and_of_others__changed_read_hidden(noun: str) -> None:
    application = make_application()
    own, general, foreign = make(noun, application), make(noun), make(noun, make_application())
    api, reader = Api(application), Api(application, Scope.READ)

    listed = {row["id"]: row["application"] for row in api("GET", f"{noun}/").json()["results"]}
    answers = {
        row.pk: [api(method, f"{noun}/{row.pk}/", {"name": "New"}).status_code for method in ("GET", "PATCH", "DELETE")]
        for row in (general, foreign, own)
    }

    assert (listed[own.pk], listed[general.pk], foreign.pk in listed) == (application.pk, None, False)
    assert answers == {own.pk: [200, 200, 204], general.pk: [200, 409, 409], foreign.pk: [404, 404, 404]}
    assert [reader("GET", f"{noun}/").status_code, reader("POST", f"{noun}/", {}).status_code] == [200, 403]
    assert {row.pk for row in type(own).objects.filter(pk__in=[own.pk, general.pk, foreign.pk])} == {
        general.pk,
        foreign.pk,
    }


@pytest.mark.parametrize("noun", NOUNS)
def test_list__one_row_and_three__the_same_queries(noun: str) -> None:
    application = make_application()
    api, counts = Api(application), []
    for rows in (1, 2):
        for _ in range(rows):
            make(noun, application)
        api("GET", f"{noun}/")
        with CaptureQueriesContext(connection) as found:
            assert api("GET", f"{noun}/").status_code == 200
        counts.append(len(found))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("body", [[], "x", {"name": "x" * 101}])
def test_change__no_object_or_wrong__refused_and_nothing_changed(noun: str, body: Any) -> None:
    application = make_application()
    row = make(noun, application)

    answer = Api(application)("PATCH", f"{noun}/{row.pk}/", body)

    row.refresh_from_db()
    assert answer.status_code == 400
    assert len(row.name) < 101


def test_policy__every_field__answered_as_sent_and_changed_one_by_one() -> None:
    application = make_application()
    channel, ada, schedule = make_channel(application=application), make_person("ada"), make_roster(make_person("bob"))
    Group.objects.create(name="Night shift")
    api = Api(application)
    steps: list[dict[str, Any]] = [
        {"kind": "channel", "channels": [channel.pk]},
        {"kind": "if_time", "start": "22:00", "end": "06:00", "weekdays": [0, 4], "zone": "Europe/Berlin"},
        {"kind": "wait", "seconds": 600},
        {"kind": "person", "people": ["ada"]},
        {"kind": "schedule", "schedules": [schedule.pk]},
        {"kind": "team", "teams": ["Night shift"]},
        {"kind": "if_count", "seconds": 600, "count": 5},
        {"kind": "round_robin", "people": ["bob"]},
        {"kind": "repeat", "count": 2},
    ]
    body = {
        "name": "Shop",
        "group_by": ["alertname", "host"],
        "group_wait_seconds": 0,
        "group_interval_seconds": 60,
        "repeat_interval_seconds": 3600,
        "ack_reminder_seconds": 900,
        "ack_expiry_seconds": 7200,
        "steps": steps,
    }

    made = api("POST", "policies/", body).json()
    changed = api("PATCH", f"policies/{made['id']}/", {"ack_expiry_seconds": None}).json()
    sent_back = api("PATCH", f"policies/{made['id']}/", changed).json()

    assert {name: made[name] for name in body} == {**body, "steps": [{**STEP, **step} for step in steps]}
    assert made["steps_in_words"][2] == "Wait 10 min"
    assert sent_back == changed == {**made, "ack_expiry_seconds": None}
    assert list(Policy.objects.get().steps.get(position=3).people.all()) == [ada]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": None}, "name"),
        ({"name": "Taken"}, "name"),
        ({"steps": []}, "steps"),
        ({"steps": [{"kind": "fly"}]}, "steps.0.kind"),
        ({"steps": [{"kind": "wait", "seconds": 60}]}, "steps"),
        ({"steps": [{"kind": "wait"}, {"kind": "team", "teams": ["T"]}]}, "steps.0"),
        ({"steps": [{"kind": "channel"}]}, "steps.0"),
        ({"steps": [{"kind": "channel", "channels": [2**62]}]}, "steps.0.channels"),
        ({"steps": [{"kind": "person", "people": ["nobody"]}]}, "steps.0.people"),
        (
            {"steps": [{"kind": "team", "teams": ["T"]}, {"kind": "wait", "seconds": 9, "teams": ["T"]}]},
            "steps.1.teams",
        ),
        ({"steps": [{"kind": "team", "teams": ["T"]}, {"kind": "if_time", "start": "8"}]}, "steps.1.start"),
        ({"steps": [{"kind": "team", "teams": ["T"]}, {"kind": "if_time"}]}, "steps.1"),
        ({"steps": [{"kind": "repeat", "count": 1}, {"kind": "team", "teams": ["T"]}]}, "steps.0"),
        ({"steps": [{"kind": "team", "teams": ["T"]}] * 51}, "steps"),
        ({"group_by": ["...", "host"]}, "group_by"),
        ({"group_wait_seconds": 86_401}, "group_wait_seconds"),
        ({"ack_reminder_seconds": 59}, "ack_reminder_seconds"),
    ],
)
def test_policy__impossible__field_named_and_nothing_stored(change: dict[str, Any], field: str) -> None:
    Group.objects.create(name="T")
    make_policy(name="Taken")
    body = {"name": "New", "steps": [{"kind": "team", "teams": ["T"]}], **change}

    assert field in fields_of(Api(make_application())("POST", "policies/", body))
    assert Policy.objects.count() == 1


def test_policy__step_that_reaches_what_is_anothers__refused() -> None:
    other = make_application()
    steps = [
        {"kind": "channel", "channels": [make_channel(application=other).pk]},
        {"kind": "schedule", "schedules": [make_roster(make_person("ada"), application_id=other.pk).pk]},
    ]

    answer = Api(make_application())("POST", "policies/", {"name": "New", "steps": steps})

    assert fields_of(answer) == ["steps.0.channels", "steps.1.schedules"]


def test_policy__named_by_a_rule_or_a_route__stays() -> None:
    application = make_application()
    by_rule, by_route = make_policy(application), make_policy(application)
    make_rule(application_id=application.pk, policy_id=by_rule.pk)
    make_route(application, policy_id=by_route.pk)
    api = Api(application)

    assert [api("DELETE", f"policies/{policy.pk}/").status_code for policy in (by_rule, by_route)] == [409, 409]

    application.delete()
    assert (Policy.objects.count(), Route.objects.count(), Rule.objects.count()) == (0, 0, 0)


def test_rule__policy_and_owner__kept_changed_and_taken_away() -> None:
    application = make_application()
    policy, general = make_policy(application), make_policy()
    make_person("ada")
    api = Api(application)
    body = {"name": "Load", "condition": "load > 1", "policy": policy.pk, "owner": "ada"}

    made = api("POST", "rules/", body).json()
    path = f"rules/{made['id']}/"
    answers = [
        api("PATCH", path, change).json() for change in ({"for_seconds": 9}, {"policy": general.pk}, {"policy": None})
    ]

    assert (made["policy"], made["owner"]) == (policy.pk, "ada")
    assert [answer["policy"] for answer in answers] == [policy.pk, general.pk, None]
    assert [answer["owner"] for answer in answers] == ["ada", "ada", "ada"]


def test_rule__policy_or_owner_that_it_cannot_have__field_named() -> None:
    foreign, api = make_policy(make_application()), Api(make_application())
    body = {"name": "Load", "condition": "load > 1"}

    wrong = ({"policy": foreign.pk}, {"policy": 2**62}, {"policy": "x"}, {"owner": "nobody"})
    found = [fields_of(api("POST", "rules/", {**body, **change})) for change in wrong]

    assert found == [["policy"], ["policy"], ["policy"], ["owner"]]
    assert Rule.objects.count() == 0


def test_route__made_below_one_of_all_and_moved__as_sent() -> None:
    application = make_application()
    above, policy = make_route(), make_policy(application)
    api = Api(application)
    body = {
        "name": "Shop",
        "matchers": [{"name": "team", "value": "shop"}],
        "parent": above.pk,
        "position": 3,
        "policy": policy.pk,
        "continues": True,
    }

    made = api("POST", "routes/", body).json()
    moved = api("PATCH", f"routes/{made['id']}/", {"parent": None}).json()

    assert made == {**body, "id": made["id"], "application": application.pk, "matchers": '{team="shop"}'}
    assert moved == {**made, "parent": None}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"matchers": ""}, "matchers"),
        ({"matchers": "{"}, "matchers"),
        ({"parent": 2**62}, "parent"),
        ({"policy": 2**62}, "policy"),
        ({"position": 32_768}, "position"),
        ({"name": " "}, "name"),
    ],
)
def test_route__impossible__field_named_and_nothing_stored(change: dict[str, Any], field: str) -> None:
    answer = Api(make_application())("POST", "routes/", {"name": "R", "matchers": "a=b", **change})

    assert fields_of(answer) == [field]
    assert Route.objects.count() == 0


def test_route__loop_depth_and_what_is_anothers__refused() -> None:
    application, other = make_application(), make_application()
    api = Api(application)
    chain = [make_route(application)]
    for _ in range(18):
        chain.append(make_route(application, parent_id=chain[-1].pk))
    foreign, theirs = make_route(other), make_policy(other)
    alone = make_route(application)
    below = make_route(application, parent_id=alone.pk)

    wrong = (
        (chain[0], {"parent": chain[3].pk}),
        (alone, {"parent": chain[-2].pk}),
        (below, {"parent": chain[-1].pk}),
        (below, {"parent": foreign.pk}),
        (below, {"policy": theirs.pk}),
    )
    found = [fields_of(api("PATCH", f"routes/{route.pk}/", change)) for route, change in wrong]

    assert found == [["parent"], ["parent"], ["parent"], ["parent"], ["policy"]]
    assert api("PATCH", f"routes/{below.pk}/", {"parent": chain[-2].pk}).status_code == 200


def test_inhibition__made_and_changed__as_sent() -> None:
    application = make_application()
    api = Api(application)
    body = {
        "name": "Host",
        "source_matchers": '{alertname="Down"}',
        "target_matchers": '{job="web"}',
        "equal": ["host"],
    }

    made = api("POST", "inhibitions/", body).json()
    changed = api("PATCH", f"inhibitions/{made['id']}/", {"enabled": False}).json()

    assert made == {
        **body,
        "id": made["id"],
        "application": application.pk,
        "enabled": True,
        "is_builtin": False,
        "warnings": [],
    }
    assert changed == {**made, "enabled": False}


def test_inhibition__came_with_the_product__switched_off_and_not_deleted() -> None:
    application = make_application()
    install_inhibitions()
    InhibitRule.objects.update(application=application)
    path, api = f"inhibitions/{InhibitRule.objects.earliest('pk').pk}/", Api(application)

    deleted, switched = api("DELETE", path), api("PATCH", path, {"enabled": False})

    assert (deleted.status_code, switched.status_code) == (409, 200)
    assert "switch it off instead" in deleted.json()["detail"]


def test_inhibition__saved_into_a_ring__warned_of_by_name_and_never_of_what_is_anothers() -> None:
    application, other = make_application(), make_application()
    save_inhibition(draft=InhibitDraft("Of all", "a=x", "b=x"))
    save_inhibition(draft=InhibitDraft("Theirs", "b=x", "a=x", application_id=other.pk))
    body = {"name": "Mine", "source_matchers": "b=x", "target_matchers": "a=y"}
    api = Api(application)

    made = api("POST", "inhibitions/", body).json()
    changed = api("PATCH", f"inhibitions/{made['id']}/", {"target_matchers": "a=x"}).json()

    ring = "“Mine” inhibits what “Of all” inhibits what “Mine” inhibits."
    assert made["warnings"] == []
    assert changed["warnings"] == [f"{ring} Where alerts hold each other in such a ring, the oldest of them is told."]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "Taken"}, "name"),
        ({"source_matchers": ""}, "source_matchers"),
        ({"source_matchers": 'a!="b"'}, "source_matchers"),
        ({"target_matchers": "{"}, "target_matchers"),
        ({"equal": ["x" * 201]}, "equal.0"),
        ({"equal": "host"}, "equal"),
        ({"enabled": "maybe"}, "enabled"),
    ],
)
def test_inhibition__impossible__field_named_and_nothing_stored(change: dict[str, Any], field: str) -> None:
    save_inhibition(draft=InhibitDraft("Taken", "a=b", "c=d"))
    body = {"name": "New", "source_matchers": "a=b", "target_matchers": "c=d", **change}

    assert fields_of(Api(make_application())("POST", "inhibitions/", body)) == [field]
    assert InhibitRule.objects.count() == 1


def test_component__made_and_changed__as_sent() -> None:
    application = make_application()
    host = make("components")
    api = Api(application)

    made = api("POST", "components/", {"name": "Shop", "matchers": "job=shop", "needs": [host.pk, host.pk]}).json()
    changed = api("PATCH", f"components/{made['id']}/", {"matchers": ""}).json()

    assert made == {
        "id": made["id"],
        "name": "Shop",
        "application": application.pk,
        "matchers": "job=shop",
        "needs": [host.pk],
    }
    assert changed == {**made, "matchers": ""}


def test_component__loop_and_what_is_anothers__refused_and_nothing_changed() -> None:
    application = make_application()
    child = make("components", application)
    above = child.depends_on.get()
    foreign = make("components", make_application())
    api = Api(application)

    wrong = (
        (above, {"needs": [child.pk]}),
        (child, {"needs": [child.pk]}),
        (child, {"needs": [above.pk, foreign.pk]}),
        (child, {"needs": ["x"]}),
        (child, {"name": above.name}),
        (child, {"matchers": "{"}),
    )
    found = [fields_of(api("PATCH", f"components/{row.pk}/", change)) for row, change in wrong]

    assert found == [["needs"], ["needs"], ["needs.1"], ["needs.0"], ["name"], ["matchers"]]
    assert [list(row.depends_on.all()) for row in (above, child)] == [[], [above]]


def test_component__needs_one_of_another_application_since_the_admin_said_so__keeps_it() -> None:
    application = make_application()
    foreign, own = make("components", make_application()), make("components", application)
    own.depends_on.set([foreign])

    answer = Api(application)("PATCH", f"components/{own.pk}/", {"name": "New"})

    assert (answer.json()["name"], answer.json()["needs"]) == ("New", [foreign.pk])
    assert Component.objects.get(pk=own.pk).name == "New"
