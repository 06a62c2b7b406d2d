"""Escalation policies in the admin and over REST, and the routing tree's pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.escalation import StepKind
from alerts.models import Channel, Policy, Route, Rule
from alerts.services.policies import _POLICIES_LOCK, PolicyInvalid, lock_policies, make_draft, save_policy
from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from tests.support.alerts import make_channel, make_rule
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


def make(name: str = "On call") -> Policy:
    steps = [
        make_draft(StepKind.CHANNEL, [make_channel("ops@example.com", name=f"Ops {name}")]),
        make_draft(StepKind.WAIT, seconds=600),
        make_draft(StepKind.CHANNEL, [make_channel("boss@example.com", name=f"Boss {name}")]),
    ]
    return save_policy(policy=Policy(name=name), steps=steps)


def form(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the admin's form of a policy."""
    data: dict[str, Any] = {
        "name": "Night",
        "steps-TOTAL_FORMS": len(steps),
        "steps-INITIAL_FORMS": 0,
        "steps-MIN_NUM_FORMS": 0,
        "steps-MAX_NUM_FORMS": 1000,
        **fields,
    }
    for number, step in enumerate(steps):
        data |= {f"steps-{number}-{name}": value for name, value in {"position": number, "zone": "UTC", **step}.items()}
    return data


def test_admin__policy_filled_in__saved_with_its_steps_in_order(admin_client: Client) -> None:
    channel = make_channel("ops@example.com")
    steps = (
        {"kind": "channel", "channels": [channel.pk]},
        {"kind": "wait", "seconds": "10 min"},
        {"kind": "channel", "channels": [channel.pk]},
    )
    answer = admin_client.post(reverse("admin:alerts_policy_add"), form(*steps))
    assert answer.status_code == 302, answer.content.decode()[:2000]
    assert [(step.kind, step.seconds) for step in Policy.objects.get().steps.all()] == [
        ("channel", 0),
        ("wait", 600),
        ("channel", 0),
    ]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "No step reaches anybody"),
        ([{"kind": "wait", "seconds": "5 min"}], "No step reaches anybody"),
        ([{"kind": "channel"}], "Step 1: choose whom it reaches."),
        ([{"kind": "wait", "seconds": "soon"}], "seconds"),
    ],
)
def test_admin__impossible_policy__says_why_and_saves_nothing(
    admin_client: Client, steps: list[dict[str, Any]], words: str
) -> None:
    page = admin_client.post(reverse("admin:alerts_policy_add"), form(*steps)).content.decode()
    assert words in page
    assert Policy.objects.count() == 0


def test_admin__lists__say_who_is_reached_and_where_routes_lead(admin_client: Client) -> None:
    policy = make()
    route = Route.objects.create(name="Critical", matchers='{severity="critical"}', policy=policy)
    Route.objects.create(name="Disk", matchers='{alertname="Disk"}', parent=route)
    policies = admin_client.get(reverse("admin:alerts_policy_changelist")).content.decode()
    routes = admin_client.get(reverse("admin:alerts_route_changelist")).content.decode()
    assert "Tell Ops On call" in policies
    assert "1 route" in policies
    assert "Critical › Disk" in routes


def test_admin__route_tried_out__names_the_policy(admin_client: Client) -> None:
    Route.objects.create(name="Critical", matchers='{severity="critical"}', policy=make())
    address = reverse("admin:alerts_route_try_out")
    assert "On call" in admin_client.post(address, {"labels": "severity=critical"}).content.decode()
    assert "Default channels" in admin_client.post(address, {"labels": "severity=info"}).content.decode()
    assert 'role="alert"' in admin_client.post(address, {"labels": "nonsense"}).content.decode()


@pytest.mark.parametrize(("matchers", "words"), [("{", "matcher"), ("{}", "at least one matcher"), ('{a=~"("}', "a")])
def test_admin__route_that_cannot_be__refused(admin_client: Client, matchers: str, words: str) -> None:
    data = {"name": "Bad", "matchers": matchers, "position": 0}
    page = admin_client.post(reverse("admin:alerts_route_add"), data).content.decode()
    assert words in page
    assert Route.objects.count() == 0


def test_admin__route_below_itself__refused(admin_client: Client) -> None:
    route = Route.objects.create(name="A", matchers='{a="b"}')
    data = {"name": "A", "matchers": '{a="b"}', "position": 0, "parent": route.pk}
    page = admin_client.post(reverse("admin:alerts_route_change", args=[route.pk]), data).content.decode()
    assert "below itself" in page


def test_admin__route_and_policy_of_one_application__kept_together(admin_client: Client) -> None:
    application, policy = make_application(), make("Theirs")
    Policy.objects.filter(pk=policy.pk).update(application=make_application())
    data = {"name": "Shop", "matchers": '{a="b"}', "position": 0, "application": application.pk}

    refused = admin_client.post(reverse("admin:alerts_route_add"), {**data, "policy": policy.pk})
    Policy.objects.filter(pk=policy.pk).update(application=application)
    taken = admin_client.post(reverse("admin:alerts_route_add"), {**data, "policy": policy.pk})

    assert "for alerts of another application" in refused.content.decode()
    assert taken.status_code == 302
    assert (Route.objects.get().application, Route.objects.get().policy) == (application, policy)


def test_admin__policy_that_others_name__stays_for_all(admin_client: Client) -> None:
    policy = make()
    rule = make_rule(name="Load", policy_id=policy.pk)
    data = form({"kind": "channel", "channels": [make_channel().pk]}, application=make_application().pk)

    page = admin_client.post(reverse("admin:alerts_policy_change", args=[policy.pk]), data).content.decode()

    assert f"“{rule.name}” names this policy" in page
    assert Policy.objects.get().application is None


def test_admin__rule_naming_what_is_anothers__refused_at_its_fields(admin_client: Client) -> None:
    policy = make()
    Policy.objects.update(application=make_application())
    channel = make_channel(application=make_application())
    data = {"name": "Load", "condition": "load > 1", "severity": "info", "policy": policy.pk, "channels": [channel.pk]}

    page = admin_client.post(reverse("admin:alerts_rule_add"), data).content.decode()

    assert page.count("belongs to another application") == 2
    assert Rule.objects.count() == 0


def test_save_policy__impossible__changes_nothing() -> None:
    policy = make()
    policy.name = "Other"
    with pytest.raises(PolicyInvalid):
        save_policy(policy=policy, steps=[make_draft(StepKind.WAIT, seconds=5)])
    policy.refresh_from_db()
    assert (policy.name, policy.steps.count()) == ("On call", 3)


def test_save_policy__too_many_of_one_application__refused_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.services.policies.MAX_POLICIES", 1)
    full, other = make_application(), make_application()
    steps = [make_draft(StepKind.CHANNEL, [make_channel()])]
    saved = save_policy(policy=Policy(name="One", application=full), steps=steps)

    with pytest.raises(PolicyInvalid, match="at most"):
        save_policy(policy=Policy(name="Two", application=full), steps=steps)

    save_policy(policy=saved, steps=steps)
    save_policy(policy=Policy(name="Two", application=other), steps=steps)
    make()


@pytest.mark.django_db(transaction=True)
def test_policies__while_they_are_changed__turns_are_taken_and_other_changes_wait() -> None:
    policy = make()
    telling = connection.copy()
    try:
        with transaction.atomic():
            lock_policies()
            with telling.cursor() as cursor:
                cursor.execute("SET lock_timeout = '500ms'")
                cursor.execute("UPDATE alerts_policy SET turns = '{\"7\": 1}'")
                with pytest.raises(OperationalError, match="lock timeout"):
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_POLICIES_LOCK])
    finally:
        telling.close()
    policy.refresh_from_db()
    assert policy.turns == {"7": 1}


def test_admin__policy_being_saved__changed_by_nobody_else_meanwhile(admin_client: Client) -> None:
    step = {"kind": "channel", "channels": [make_channel().pk]}

    with CaptureQueriesContext(connection) as queries:
        admin_client.post(reverse("admin:alerts_policy_add"), form(step))

    assert sum("pg_advisory_xact_lock" in query["sql"] for query in queries) == 1


def delete(client: Client, *policies: Policy) -> str:
    """Delete one on its own page, or several in the list; return what the page says."""
    if len(policies) == 1:
        address, data = reverse("admin:alerts_policy_delete", args=[policies[0].pk]), {"post": "yes"}
    else:
        chosen = [policy.pk for policy in policies]
        address = reverse("admin:alerts_policy_changelist")
        data = {"post": "yes", "action": "delete_selected", "_selected_action": chosen}
    return client.post(address, data, follow=True).content.decode()


@pytest.mark.parametrize("is_one", [True, False])
def test_admin__policy_in_use_deleted__refused_with_links_to_who_names_it(admin_client: Client, is_one: bool) -> None:
    policy, other = make(), make("Unused")
    rule = make_rule(name="Load <b>", policy_id=policy.pk)
    route = Route.objects.create(name="Nights", matchers="a=b", policy=policy)

    text = delete(admin_client, *([policy] if is_one else [policy, other]))

    assert "Nothing was deleted" in text
    assert f'Rule <a href="{rule.get_absolute_url()}">Load &lt;b&gt;</a> → On call' in text
    assert f'Route <a href="{reverse("admin:alerts_route_change", args=[route.pk])}">Nights</a> → On call' in text
    assert set(Policy.objects.all()) == {policy, other}
    rule.refresh_from_db()
    assert rule.policy == policy


def test_admin__policies_in_use_by_many__twenty_of_each_kind_are_linked(admin_client: Client) -> None:
    policy = make()
    Route.objects.bulk_create([Route(name=f"R{number}", matchers="a=b", policy=policy) for number in range(23)])

    text = delete(admin_client, policy)

    assert (text.count("Route <a"), "… and 3 more routes" in text) == (20, True)


@pytest.mark.parametrize("names", [["One"], ["One", "Two"]])
def test_admin__policies_that_nobody_names__are_deleted(admin_client: Client, names: list[str]) -> None:
    kept = make("Kept")
    make_rule(policy_id=kept.pk)

    delete(admin_client, *[make(name) for name in names])

    assert list(Policy.objects.all()) == [kept]


@pytest.mark.parametrize("is_one", [True, False])
def test_admin__policy_named_while_it_is_deleted__stays_and_it_is_said(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, is_one: bool
) -> None:
    policy, other = make(), make("Unused")
    make_rule(name="Load", policy_id=policy.pk)
    monkeypatch.setattr("alerts.admin.policies._link_users", lambda _: [])  # as before the rule named it

    text = delete(admin_client, *([policy] if is_one else [policy, other]))

    assert "Rules or routes name this policy (“Load”)" in text
    assert list(Policy.objects.all()) == ([policy, other] if is_one else [policy])


def test_rest__policies__are_read_by_any_key(client: Client) -> None:
    policy = make()
    key = issue_key(application=make_application(), kind=KeyKind.SECRET).token
    headers = {"Authorization": f"Bearer {key}"}
    found = client.get(f"/api/v1/policies/{policy.pk}/", headers=headers).json()
    channel = Channel.objects.get(name="Ops On call")
    assert found["steps"][0]["channels"] == [channel.pk]
    assert found["steps_in_words"][1] == "Wait 10 min"
    assert client.get("/api/v1/policies/").status_code == 401
