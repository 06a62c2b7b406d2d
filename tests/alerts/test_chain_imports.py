"""Escalation chains through the service, the admin and REST: all or nothing, and the same document twice changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.chains import ChainFileInvalid
from alerts.escalation import StepKind
from alerts.models import Policy
from alerts.services.chains import ImportedChains, Outcome, import_chains, preview_chains
from alerts.services.policies import make_draft, save_policy
from alerts.steps import describe_steps
from monitoring.applications.enums import Scope
from monitoring.applications.models import Application
from tests.support.admin import sign_in
from tests.support.alerts import make_channel
from tests.support.metrics import make_application
from tests.support.oncall_chains import make_document
from tests.support.rest import Api
from tests.support.rosters import make_person, make_roster

pytestmark = pytest.mark.django_db
IMPORTER = ("alerts.view_policy", "alerts.add_policy", "alerts.change_policy")
ADDRESS = "/api/v1/policies/import/"

ADA = {"type": "notify_persons", "persons_to_notify": ["UADA"]}
OPS = {"type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": "S1"}
ADMINS = {"type": "notify_team_members", "team_to_notify": "T1"}
PAGER = {"type": "trigger_webhook", "action_to_trigger": "W1"}
WAIT = {"type": "wait", "duration": 900}
REPEAT = {"type": "repeat_escalation"}


def take(*steps: dict[str, Any], **options: Any) -> ImportedChains:
    return import_chains(**{"document": make_document(*steps), "application_id": None, **options})


def outcomes(imported: ImportedChains) -> list[str]:
    return [str(policy.outcome) for policy in imported.policies]


def messages_of(imported: ImportedChains) -> list[str]:
    return [remark.message for policy in imported.policies for remark in policy.remarks]


def steps_of(name: str = "Night") -> list[str]:
    return describe_steps(Policy.objects.get(name=name))


def make_policy(name: str = "Night", application: Application | None = None, **fields: Any) -> Policy:
    steps = [make_draft(StepKind.CHANNEL, [make_channel(name=f"Channel of {name}")])]
    return save_policy(policy=Policy(name=name, application=application, **fields), steps=steps)


@pytest.fixture
def surroundings() -> None:
    """Everybody whom the documents name."""
    ada = make_person("ada", email="ada@example.com")
    make_person("bo", email="bo@example.com")
    make_roster(ada, name="Ops")
    Group.objects.create(name="Admins")
    Group.objects.create(name="dba")
    make_channel(name="Pager")


@pytest.mark.usefixtures("surroundings")
def test_import__every_kind_of_step__a_policy_with_its_counterparts() -> None:
    imported = take(
        {"type": "notify_persons", "persons_to_notify": ["UADA", "UBO"]},
        WAIT,
        {"type": "notify_person_next_each_time", "persons_to_notify_next_each_time": ["UADA", "UBO"]},
        OPS,
        ADMINS,
        {"type": "notify_user_group", "group_to_notify": "G1"},
        PAGER,
        {"type": "notify_if_time_from_to", "notify_if_time_from": "09:00:00Z", "notify_if_time_to": "18:00:00Z"},
        {"type": "notify_if_num_alerts_in_window", "num_alerts_in_window": 3, "num_minutes_in_window": 5},
        {"type": "declare_incident"},
        REPEAT,
    )

    assert (outcomes(imported), messages_of(imported)) == (["created"], [])
    assert steps_of() == [
        "Tell ada, bo",
        "Wait 15 min",
        "Tell one of ada, bo",
        "Tell whoever is on call in Ops",
        "Tell the team Admins",
        "Tell the team dba",
        "Tell Pager",
        "Go on only between 09:00 and 18:00 (UTC)",
        "Go on only if more than 3 alerts began within 5 min",
        "Declare an incident",
        "Begin anew, 5 times at most",
    ]


@pytest.mark.usefixtures("surroundings")
def test_import__twice__the_second_time_changes_nothing() -> None:
    take(ADA, WAIT, REPEAT)
    before = list(Policy.objects.values()), list(Policy.objects.get().steps.values())

    again = [take(ADA, WAIT, REPEAT, replace=replace) for replace in (False, True)]

    assert [(outcomes(each), messages_of(each)) for each in again] == [(["unchanged"], [])] * 2
    assert (list(Policy.objects.values()), list(Policy.objects.get().steps.values())) == before


@pytest.mark.usefixtures("surroundings")
def test_import__policy_with_other_steps__left_alone_unless_replaced() -> None:
    make_policy(group_by=["host"], repeat_interval_seconds=600)

    kept = take(ADA)
    assert (outcomes(kept), steps_of()) == (["kept"], ["Tell Channel of Night"])
    assert "stays as it is" in messages_of(kept)[0]

    assert outcomes(take(ADA, replace=True)) == ["changed"]
    policy = Policy.objects.get()
    assert (steps_of(), policy.group_by, policy.repeat_interval_seconds) == (["Tell ada"], ["host"], 600)


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("of_all", [True, False])
def test_import__policy_of_others__never_replaced(of_all: bool) -> None:
    own, other = make_application(), make_application()
    make_policy(application=None if of_all else other)

    imported = take(ADA, application_id=own.pk, replace=True)

    assert outcomes(imported) == ["kept"]
    assert "belongs to others" in messages_of(imported)[0]
    assert steps_of() == ["Tell Channel of Night"]


@pytest.mark.parametrize("steps", [[PAGER, WAIT], [], [{"type": "notify_whole_channel"}, {"type": "declare_incident"}]])
def test_import__chain_that_reaches_nobody__not_created(steps: list[dict[str, Any]]) -> None:
    imported = take(*steps)

    assert (outcomes(imported), Policy.objects.count()) == (["refused"], 0)
    assert "reach anybody" in messages_of(imported)[0]


@pytest.mark.usefixtures("surroundings")
def test_import__more_steps_than_a_policy_has__not_created() -> None:
    imported = take(*[ADA] * 51)

    assert (outcomes(imported), Policy.objects.count()) == (["refused"], 0)
    assert "50 steps at most" in messages_of(imported)[0]


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("take_in", [import_chains, preview_chains])
def test_import__more_chains_than_there_is_room_for__refused_as_previewed_and_nothing_stored(
    monkeypatch: pytest.MonkeyPatch, take_in: Any
) -> None:
    monkeypatch.setattr("alerts.services.policies.MAX_POLICIES", 3)
    application = make_application()
    make_policy("Here", application)
    make_policy("Day", application)
    make_policy("Of all")
    chains = [{"id": f"F{place}", "name": name} for place, name in enumerate(("Day", "Night", "Noon", "Dawn"))]
    steps = [{**ADA, "escalation_chain_id": f"F{place}"} for place in range(4)]

    with pytest.raises(ChainFileInvalid) as caught:
        take_in(document=make_document(*steps, escalation_chains=chains), application_id=application.pk)

    assert [error.path for error in caught.value.errors] == ["escalation_chains[2]", "escalation_chains[3]"]
    assert Policy.objects.count() == 3


@pytest.mark.usefixtures("surroundings")
def test_import__second_chain_can_not_be_saved__nothing_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    # Between the plan and the second one, somebody who waits for no lock took the last place.
    monkeypatch.setattr("alerts.services.chains.count_policies_left", lambda **_: 2)
    monkeypatch.setattr("alerts.services.policies.MAX_POLICIES", 1)
    chains = [{"id": "F1", "name": "Night"}, {"id": "F2", "name": "Day"}]
    document = make_document(ADA, {**ADA, "escalation_chain_id": "F2"}, escalation_chains=chains)

    with pytest.raises(ChainFileInvalid) as caught:
        import_chains(document=document, application_id=None)

    assert [error.path for error in caught.value.errors] == ["escalation_chains[1]"]
    assert Policy.objects.count() == 0


@pytest.mark.usefixtures("surroundings")
def test_import__nothing_but_ids_that_are_nobodys__the_first_are_named_and_the_others_counted() -> None:
    unknown = [f"U{number}" for number in range(99)]
    lost = {"type": "notify_persons", "persons_to_notify": ["UADA", *unknown]}

    (policy,) = preview_chains(document=make_document(lost, lost), application_id=None).policies

    assert (policy.outcome, len(policy.remarks)) == (Outcome.CREATED, 51)
    assert (policy.remarks[0].path, policy.remarks[-1].message) == ("escalation_policies[0]", "… and 148 more.")


def test_import__document_that_can_not_be_read__refused_before_anybody_waits_for_it() -> None:
    with CaptureQueriesContext(connection) as queries, pytest.raises(ChainFileInvalid):
        import_chains(document={}, application_id=None)

    assert len(queries) == 0


@pytest.mark.parametrize(
    ("here", "found"),
    [
        ([("someone", "ADA@Example.com")], ["Tell someone"]),
        ([("Ada", "")], ["Tell Ada"]),
        ([("ada", "other@example.com"), ("a.l", "ada@example.com")], ["Tell a.l"]),
        ([("ADA", ""), ("ada", "")], ["Tell ada"]),
        ([("x", "ada@example.com"), ("ada", "ADA@example.com")], ["Tell ada"]),
    ],
)
def test_people__address_first_then_user_name__in_upper_or_lower_case(
    here: list[tuple[str, str]], found: list[str]
) -> None:
    for name, email in here:
        make_person(name, email=email)

    assert messages_of(take(ADA)) == []
    assert steps_of() == found


@pytest.mark.parametrize(
    ("here", "words"),
    [
        ([], "There is no person “ada · ada@example.com” here"),
        ([("x", "ada@example.com"), ("y", "ada@example.com")], "Several people here can be"),
        ([("ADA", ""), ("Ada", "")], "Several people here can be"),
    ],
)
def test_people__nobody_or_several__left_out_and_the_others_stay(here: list[tuple[str, str]], words: str) -> None:
    make_person("bo", email="bo@example.com")
    for name, email in here:
        make_person(name, email=email)

    imported = take({"type": "notify_persons", "persons_to_notify": ["UADA", "UBO"]})

    assert steps_of() == ["Tell bo"]
    assert words in messages_of(imported)[0]


def test_people__found_by_user_name_with_another_address__taken_with_a_warning() -> None:
    make_person("ada", email="ada@elsewhere.example")

    imported = take(ADA)

    assert steps_of() == ["Tell ada"]
    assert "Check that it is the same person" in messages_of(imported)[0]


def test_people__deactivated__not_found() -> None:
    make_person("ada", email="ada@example.com", is_active=False)

    assert outcomes(take(ADA)) == ["refused"]


@pytest.mark.parametrize("target", ["own", "all"])
def test_schedules_and_channels__of_another_application__not_matched(target: str) -> None:
    own, other = make_application(), make_application()
    make_roster(make_person("ops"), name="Ops", application_id=other.pk)
    make_channel(name="Pager", application=other)
    Group.objects.create(name="admins")

    imported = take(OPS, PAGER, ADMINS, application_id=own.pk if target == "own" else None)

    assert steps_of() == ["Tell the team admins"]
    assert [words.partition(" that ")[0] for words in messages_of(imported)] == [
        "There is no on-call schedule “Ops” here",
        "There is no channel “Pager” here",
    ]


def test_schedules_and_channels__of_its_application_or_of_all__matched() -> None:
    own = make_application()
    make_roster(make_person("ops"), name="Ops", application_id=own.pk)
    make_channel(name="pager")

    take(OPS, PAGER, application_id=own.pk)

    assert steps_of() == ["Tell whoever is on call in Ops", "Tell pager"]
    assert Policy.objects.get().application == own


@pytest.mark.usefixtures("surroundings")
def test_repeat__with_what_follows_it_left_out__stays_the_last_step() -> None:
    imported = take(ADA, WAIT, REPEAT, {"type": "resolve"})

    assert steps_of()[-1] == "Begin anew, 5 times at most"
    assert len(messages_of(imported)) == 1


@pytest.mark.usefixtures("surroundings")
def test_preview__new_chain__steps_in_words_and_nothing_stored() -> None:
    found = preview_chains(document=make_document(ADA, WAIT, OPS), application_id=None)

    assert [(policy.outcome, policy.steps) for policy in found.policies] == [
        (Outcome.CREATED, ("tell ada", "wait 15 min", "tell whoever is on call in Ops"))
    ]
    assert Policy.objects.count() == 0


@pytest.mark.usefixtures("surroundings")
def test_preview__one_chain_and_three__the_same_queries() -> None:
    counts = []
    for number in (1, 3):
        chains = [{"id": f"F{place}", "name": f"Chain {place}"} for place in range(number)]
        steps = [{**step, "escalation_chain_id": chain["id"]} for chain in chains for step in (ADA, OPS, ADMINS, PAGER)]
        document = make_document(*steps, escalation_chains=chains)
        import_chains(document=document, application_id=None)
        with CaptureQueriesContext(connection) as found:
            preview_chains(document=document, application_id=None)
        counts.append(len(found))

    assert counts[0] == counts[1]


def test_preview__several_remarks__why_first_then_by_step() -> None:
    found = preview_chains(document=make_document(PAGER, *[WAIT] * 9, {**ADA, "important": True}), application_id=None)

    assert [remark.path for remark in found.policies[0].remarks] == [
        "escalation_chains[0]",
        "escalation_chains[0]",
        "escalation_policies[0]",
        "escalation_policies[10]",
    ]


def page(client: Client, **body: Any) -> str:
    response = client.post(reverse("admin:alerts_policy_import"), body)
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.usefixtures("surroundings")
def test_admin__pasted__previewed_then_confirmed(client: Client) -> None:
    sign_in(client, *IMPORTER)
    text = json.dumps(make_document(ADA, {"type": "notify_whole_channel"}), indent=1)

    assert "Escalation chains of Grafana OnCall" in client.get(reverse("admin:alerts_policy_import")).content.decode()
    preview = page(client, text=text)
    assert all(words in preview for words in ("1 new", "Tell ada", "Add a step that tells a channel"))
    assert Policy.objects.count() == 0

    answer = client.post(
        reverse("admin:alerts_policy_import"), {"text": text.replace("\n", "\r\n"), "confirm": "yes"}, follow=True
    )
    assert "The escalation chains are imported: 1 new." in answer.content.decode()
    assert steps_of() == ["Tell ada"]
    assert "There is nothing to import" in page(client, text=text)


@pytest.mark.usefixtures("surroundings")
def test_admin__uploaded_for_an_application__previewed_with_it_chosen(client: Client) -> None:
    sign_in(client, *IMPORTER)
    application = make_application()
    upload = SimpleUploadedFile("oncall.json", json.dumps(make_document(ADA)).encode())

    preview = page(client, file=upload, application=application.pk, replace="on")

    assert f'name="application" value="{application.pk}"' in preview
    assert 'name="replace" value="on"' in preview
    assert "&quot;escalation_chains&quot;" in preview


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ({"text": ""}, ["It is empty"]),
        ({"text": "<script>"}, ["not JSON", "&lt;script&gt;"]),
        ({"text": json.dumps(make_document(ADA, {"type": "nap"}))}, ["escalation_policies[1].type", "“nap”"]),
        ({"text": json.dumps(make_document(ADA)), "application": "999"}, ["Select a valid choice"]),
    ],
)
def test_admin__anything_wrong__said_with_its_path_and_nothing_stored(
    client: Client, body: dict[str, str], parts: list[str]
) -> None:
    sign_in(client, *IMPORTER)

    for extra in ({}, {"confirm": "yes"}):
        shown = page(client, **body, **extra)

        assert all(part in shown for part in ["Nothing is imported", *parts])
    assert Policy.objects.count() == 0


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("missing", IMPORTER[1:])
def test_admin__without_a_right__refused_and_no_link(client: Client, missing: str) -> None:
    sign_in(client, *(name for name in IMPORTER if name != missing))
    address = reverse("admin:alerts_policy_import")

    assert client.get(address).status_code == 403
    assert client.post(address, {"text": json.dumps(make_document(ADA)), "confirm": "yes"}).status_code == 403
    assert address not in client.get(reverse("admin:alerts_policy_changelist")).content.decode()
    assert Policy.objects.count() == 0


@pytest.mark.usefixtures("surroundings")
def test_admin__get_or_without_token__changes_nothing(client: Client) -> None:
    user = sign_in(client, *IMPORTER)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    body = {"text": json.dumps(make_document(ADA)), "confirm": "yes"}

    client.get(reverse("admin:alerts_policy_import"), body)
    answer = strict.post(reverse("admin:alerts_policy_import"), body)

    assert (answer.status_code, Policy.objects.count()) == (403, 0)
    assert (
        reverse("admin:alerts_policy_import") in client.get(reverse("admin:alerts_policy_changelist")).content.decode()
    )


@pytest.mark.usefixtures("surroundings")
def test_rest__imported__of_the_keys_application() -> None:
    application = make_application()
    api = Api(application, Scope.WRITE)
    document = make_document(ADA, WAIT, {"type": "resolve"})
    expected = {"name": "Night", "path": "escalation_chains[0]", "steps": ["tell ada", "wait 15 min"]}

    trial = api("POST", "policies/import/?dry_run=true", document)
    assert (trial.status_code, trial.json()["created"], Policy.objects.count()) == (200, [expected], 0)
    done = api("POST", "policies/import/", document).json()
    again = api("POST", "policies/import/", document).json()
    other = api("POST", "policies/import/", make_document(ADA)).json()
    changed = api("POST", "policies/import/?replace=true", make_document(ADA)).json()

    assert done["created"] == [expected]
    assert [(warning["path"], warning["policy"]) for warning in done["warnings"]] == [
        ("escalation_policies[2]", "Night")
    ]
    assert (again["created"], again["unchanged"]) == ([], [expected])
    assert (len(other["kept"]), len(changed["changed"])) == (1, 1)
    assert Policy.objects.get().application == application
    assert steps_of() == ["Tell ada"]


@pytest.mark.usefixtures("surroundings")
def test_rest__same_idempotency_key__answered_from_memory() -> None:
    client, headers = Client(), Api(make_application())._headers | {"Idempotency-Key": "1"}
    body = json.dumps(make_document(ADA))

    answers = [client.post(ADDRESS, body, content_type="application/json", headers=headers) for _ in range(2)]

    assert [len(answer.json()["created"]) for answer in answers] == [1, 1]
    assert answers[1]["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", ""),
        (b"x" * (1024 * 1024 + 1), ""),
        (json.dumps(make_document({"type": "nap"})).encode(), "escalation_policies[0].type"),
        (b"[]", ""),
    ],
)
def test_rest__anything_wrong__named_and_nothing_stored(body: bytes, field: str) -> None:
    headers = Api(make_application())._headers

    answer = Client().generic("POST", ADDRESS, body, content_type="application/json", headers=headers)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert Policy.objects.count() == 0


def test_rest__key_without_the_scope__refused() -> None:
    answer = Api(make_application(), Scope.READ)("POST", "policies/import/", make_document(ADA))

    assert (answer.status_code, answer.json()["type"]) == (403, "/api/docs/errors/#scope-missing")
