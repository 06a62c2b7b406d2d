"""Why an alert did or did not reach a person: the answer for every way it can go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from alerts.admin.why import describe_case
from alerts.models import Alert, Silence
from alerts.services.alerts import acknowledge_alert
from alerts.why import Case, explain
from config.actors import Actor
from config.deliveries.models import Delivery
from tests.alerts.test_groups import make_policy, tell_until, use
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import NOW, make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com", is_staff=True)


@pytest.fixture
def grace() -> Any:
    return get_user_model().objects.create_user("grace", email="grace@example.com", is_staff=True)


def fire(*steps: dict[str, Any]) -> None:
    use(make_policy(*steps), make_rule(name="Load"))
    report(make_application(), 3)
    evaluate(0)


def ask(person: Any, at: float) -> str:
    return " ".join(explain(describe_case(Alert.objects.get(), person), now=moment(at)))


def wait(seconds: int) -> dict[str, Any]:
    return {"kind": "wait", "seconds": seconds}


def person(user: Any) -> dict[str, Any]:
    return {"kind": "person", "people": [user]}


def test_why__told__when_why_and_how_it_went(ada: Any) -> None:
    fire(person(ada))
    tell(30)
    Delivery.objects.update(state="sent", finished_at=moment(31))
    assert ask(ada, 60) == (
        "At 12:00:30 UTC on 10 Mar (first notification) a message went to ada by email (ada@example.com) and was handed over."
    )


def test_why__message_failed__says_what_the_server_said(ada: Any) -> None:
    fire(person(ada))
    tell(30)
    Delivery.objects.update(state="failed", last_error="550 no such user", finished_at=moment(31))
    assert "but failed: 550 no such user" in ask(ada, 60)


def test_why__still_collecting__says_until_when(ada: Any) -> None:
    fire(person(ada))
    assert "still collects alerts and tells them at 12:00:30 UTC" in ask(ada, 10)


def test_why__no_step_reaches_the_person__names_the_steps(ada: Any, grace: Any) -> None:
    fire(person(ada))
    tell(30)
    assert ask(grace, 60) == "grace was not told. “On call” has no step that reaches grace: tell ada."


def test_why__a_later_step__says_when_the_policy_goes_on(ada: Any, grace: Any) -> None:
    fire(person(ada), wait(600), person(grace))
    tell(30)
    assert "Step 3 of “On call” (tell grace) reaches grace; it has not been taken yet" in ask(grace, 60)
    assert "goes on at 12:10:30 UTC" in ask(grace, 60)


def test_why__acknowledged_before__says_by_whom(ada: Any, grace: Any) -> None:
    fire(person(ada), wait(600), person(grace))
    tell(30)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=Alert.objects.get().pk, by=Actor(name="Ada"))
    tell_until(1200, start=65, every=60)
    assert "but Ada acknowledged the alert at 12:01:00 UTC" in ask(grace, 1300)


def test_why__over_before__says_so(ada: Any, grace: Any) -> None:
    fire(person(ada), wait(600), person(grace))
    tell(30)
    report(Alert.objects.get().application, 0, at=60)
    evaluate(60)
    tell_until(1200, start=65, every=60)
    assert "but the alert was over at 12:01:00 UTC" in ask(grace, 1300)


def test_why__silenced__says_by_whom_and_from_when(ada: Any) -> None:
    Silence.objects.create(
        matchers='{alertname="Load"}',
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        reason="Known",
        author_name="Bob",
    )
    fire(person(ada))
    tell(30)
    assert "Silenced from 12:00:30 UTC on 10 Mar and still is: Bob silenced it: Known" in ask(ada, 60)


def test_why__channel_with_the_persons_address__counts_as_reaching(ada: Any) -> None:
    fire({"kind": "channel", "channels": [make_channel("Ada@example.com")]})
    tell(30)
    assert "a message went to ada by email" in ask(ada, 60)


def test_why__nobody_set_up__says_so(ada: Any) -> None:
    make_rule(name="Load")
    report(make_application(), 3)
    evaluate(0)
    tell(30)
    assert "“Default channels” reaches nobody." in ask(ada, 60)


def test_explain__never_fired__nobody_was_told() -> None:
    assert explain(Case("ada", None, None), now=NOW) == ["Nobody was told: it never fired."]


def test_page__person_chosen__explained_to_whoever_may_see_alerts(admin_client: Client, ada: Any) -> None:
    fire(person(ada))
    tell(30)
    address = reverse("admin:alerts_alert_why", args=[Alert.objects.get().pk])
    assert "a message went to ada" in admin_client.get(address, {"person": ada.pk}).content.decode()
    assert admin_client.get(address, {"person": 10**9}).status_code == 404
    assert Client().get(address).status_code == 302
