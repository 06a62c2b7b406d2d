"""Acknowledgements over time: reminders, the end of an acknowledgement, snoozing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model

from alerts.models import Alert, AlertComment, Notice, Route
from alerts.services.alerts import acknowledge_alert, snooze_alert
from config.actors import Actor, actor_of_user
from config.deliveries.models import Delivery
from tests.alerts.test_groups import make_policy, silence, tell_until, use
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> Any:
    return get_user_model().objects.create_user("ada", email="ada@example.com", is_staff=True)


def fire(**fields: Any) -> int:
    """Have an alert told of to ops@example.com at 30 s, by a policy with `fields`; return its id."""
    policy = make_policy({"kind": "channel", "channels": [make_channel("ops@example.com")]}, **fields)
    use(policy, make_rule(name="Load"))
    report(make_application(), 3)
    evaluate(0)
    tell(30)
    return Alert.objects.get().pk


def recipients() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("recipient", flat=True))


def test_acknowledged__still_firing__whoever_has_it_is_reminded_again_and_again(ada: Any) -> None:
    alert_id = fire(ack_reminder_seconds=3600)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
    tell_until(3 * 3600, start=300, every=300)
    assert recipients() == ["ops@example.com", "ada@example.com", "ada@example.com"]
    assert set(Notice.objects.values_list("reason", flat=True)) == {
        "first notification",
        "acknowledged and still firing",
    }


def test_acknowledged__silenced__the_reminder_waits(ada: Any) -> None:
    alert_id = fire(ack_reminder_seconds=3600)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
    silence("{}", start=300, end=2 * 3600)
    tell_until(2 * 3600 - 300, start=300, every=300)
    assert recipients() == ["ops@example.com"]
    tell_until(3 * 3600 - 300, start=2 * 3600, every=300)
    assert recipients() == ["ops@example.com", "ada@example.com"]


def test_acknowledged__in_groups_of_two_policies__reminded_as_often_as_the_one_with_reminders_says(ada: Any) -> None:
    for name, reminder in (("First", None), ("Second", 3600)):
        step = {"kind": "channel", "channels": [make_channel(f"{name}@example.com")]}
        policy = make_policy(step, name=name, ack_reminder_seconds=reminder)
        Route.objects.create(name=name, matchers="alertname=Load", policy=policy, continues=True)
    make_rule(name="Load")
    report(make_application(), 3)
    evaluate(0)
    tell(30)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=Alert.objects.get().pk, by=actor_of_user(ada))
    tell_until(2 * 3600, start=300, every=300)
    assert recipients().count("ada@example.com") == 1


def test_acknowledged__time_over__nobodys_again_and_paged_anew(ada: Any) -> None:
    alert_id = fire(ack_expiry_seconds=3600)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
    tell_until(3600, start=300, every=300)
    assert recipients() == ["ops@example.com"]
    tell(3660)
    assert recipients() == ["ops@example.com", "ops@example.com"]
    assert Alert.objects.get().acknowledged_at is None
    assert list(AlertComment.objects.values_list("kind", flat=True)) == ["acknowledged", "expired"]


def test_acknowledged__over_meanwhile__nobody_is_reminded(ada: Any) -> None:
    alert_id = fire(ack_reminder_seconds=600)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
    report(Alert.objects.get().application, 0, at=120)
    evaluate(120)
    tell_until(3600, start=150, every=300)
    assert recipients() == ["ops@example.com", "ops@example.com"]


def test_snoozed__still_firing_at_its_end__told_of_like_a_new_one() -> None:
    alert_id = fire()
    snooze_alert(alert_id=alert_id, until=moment(3600), by=Actor(name="Ada"))
    tell_until(3590, start=60, every=60)
    assert recipients() == ["ops@example.com"]
    tell(3600)
    assert recipients() == ["ops@example.com", "ops@example.com"]


def test_snoozed__already_longer__stays_as_it_is() -> None:
    alert_id = fire()
    assert snooze_alert(alert_id=alert_id, until=moment(3600), by=Actor(name="Ada"))
    assert not snooze_alert(alert_id=alert_id, until=moment(1800), by=Actor(name="Grace"))
    assert Alert.objects.get().snoozed_until == moment(3600)
    assert moment(3600) - moment(1800) == timedelta(minutes=30)
