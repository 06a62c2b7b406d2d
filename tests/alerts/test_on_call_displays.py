"""Who is on call now, on the pages of alerts and policies; and whether rules would reach anybody at all."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.models import Alert, Channel, Policy, Rule
from alerts.panels import rules_on
from alerts.services.alerts import close_alert
from tests.alerts.test_groups import make_policy, use
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import NOW, make_application
from tests.support.rosters import BY, make_person, make_roster

pytestmark = pytest.mark.django_db
TITLE = "Who is on call now"


def make_policy_of(*schedules: Any) -> Policy:
    policy = make_policy({"kind": "schedule"})
    policy.steps.get().schedules.set(schedules)
    return policy


def fire(policy: Policy) -> Alert:
    use(policy, make_rule(name="Load"))
    report(make_application(), 3)
    evaluate(0)
    tell(30)
    return Alert.objects.get()


def look(client: Client, thing: Any) -> str:
    with time_machine.travel(moment(60), tick=False):
        return client.get(thing.get_absolute_url()).content.decode()


def test_alert_page__its_policy_reaches_schedules__who_is_on_call_in_each(admin_client: Client) -> None:
    roster = make_roster(make_person("anna", first_name="Anna", last_name="Arndt"), name="Ops")
    make_roster(make_person("ben", first_name="Ben"), name="Others")
    page = look(admin_client, fire(make_policy_of(roster)))
    assert TITLE in page
    assert page.count("Anna Arndt") >= 1
    assert f'href="{roster.get_absolute_url()}"' in page
    assert "Others" not in page


def test_alert_page__policy_edited_since__by_the_copy_of_its_group(admin_client: Client) -> None:
    roster = make_roster(make_person("anna"), name="Ops")
    policy = make_policy_of(roster)
    alert = fire(policy)
    policy.steps.get().schedules.set([make_roster(make_person("ben"), name="Others")])
    page = look(admin_client, alert)
    assert f'href="{roster.get_absolute_url()}"' in page


def test_alert_page__no_schedule__nothing(admin_client: Client) -> None:
    alert = fire(make_policy({"kind": "person", "people": [make_person("anna")]}))
    assert TITLE not in look(admin_client, alert)


def test_alert_page__over__nobody_is_to_be_found_for_it(admin_client: Client) -> None:
    alert = fire(make_policy_of(make_roster(make_person("anna"), name="Ops")))
    assert TITLE in look(admin_client, alert)
    close_alert(alert_id=alert.pk, by=BY)
    assert TITLE not in look(admin_client, alert)


def test_policy_page__reaches_schedules__who_is_on_call_in_each_with_constant_queries(admin_client: Client) -> None:
    policy = make_policy_of(make_roster(make_person("anna", first_name="Anna"), name="Ops"))
    look(admin_client, policy)
    counts = []
    for names in (("b1",), ("b2", "b3")):
        policy.steps.get().schedules.add(*(make_roster(make_person(name), name=name) for name in names))
        with CaptureQueriesContext(connection) as queries:
            page = look(admin_client, policy)
        counts.append(len(queries))
    assert (TITLE in page, page.count("pl-row__side pl-quiet")) == (True, 4)
    assert counts[0] == counts[1]


def test_policy_page__reaches_no_schedule__nothing(admin_client: Client) -> None:
    policy = make_policy({"kind": "person", "people": [make_person("anna")]})
    assert TITLE not in look(admin_client, policy)


def test_policy_page__may_not_see_schedules__nothing(client: Client) -> None:
    from django.contrib.auth.models import Permission

    reader = make_person("reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_policy"))
    client.force_login(reader)
    page = look(client, make_policy_of(make_roster(make_person("anna"), name="Ops")))
    assert ("On call" in page, TITLE in page) == (True, False)


def is_done() -> bool:
    Rule.objects.update(last_evaluated_at=NOW)
    return rules_on(HttpRequest()).is_done


def test_rules_on__nobody_to_tell__is_not_done_and_says_what_to_do() -> None:
    make_rule()
    assert not is_done()
    assert "would reach nobody" in rules_on(HttpRequest()).text


def test_rules_on__default_channel__done_while_it_is_on() -> None:
    make_rule()
    make_channel("ops@example.com", is_default=True)
    assert is_done()
    Channel.objects.update(enabled=False)
    assert not is_done()


@pytest.mark.parametrize("kind", ["person", "team", "schedule"])
def test_rules_on__policy_of_a_rule__done_while_somebody_in_it_is_there(kind: str) -> None:
    anna = make_person("anna")
    team = Group.objects.create(name="Team")
    anna.groups.add(team)
    step = {"person": {"people": [anna]}, "team": {"teams": [team]}, "schedule": {}}[kind]
    policy = make_policy({"kind": kind, **step})
    if kind == "schedule":
        policy.steps.get().schedules.set([make_roster(anna)])
    rule = make_rule()
    assert not is_done()
    use(policy, rule)
    assert is_done()
    User.objects.update(is_active=False)
    assert not is_done()
