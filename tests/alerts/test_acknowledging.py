"""Acknowledgements over time: reminders, the end of an acknowledgement, snoozing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client

from alerts.models import Alert, AlertComment, Channel, ContactMethod, Notice, NotificationPreference, Route
from alerts.services.alerts import AlertOver, acknowledge_alert, snooze_alert, unsnooze_alert
from alerts.services.channels import save_channel
from config.actors import Actor, actor_of_user
from config.deliveries.models import Delivery
from tests.alerts.test_channels import SLACK, TWILIO
from tests.alerts.test_groups import make_policy, silence, tell_until, use
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application
from tests.support.rosters import make_person, make_roster, override

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


def test_reminded__not_told_before__hears_of_the_end_and_of_no_other_alert(ada: Any) -> None:
    alert_id = fire(ack_reminder_seconds=3600)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
    tell_until(3600 + 600, start=300, every=300)
    application = Alert.objects.get().application
    for host in ("erp1", "erp2"):
        report(application, 3, host=host, at=3600 + 700)
    evaluate(3600 + 700)
    tell_until(3600 + 1200, start=3600 + 700, every=30)
    assert recipients() == ["ops@example.com", "ada@example.com", "ops@example.com"]
    report(application, 3, host="erp2", at=2 * 3600)
    report(application, 0, at=2 * 3600)
    evaluate(2 * 3600)
    tell_until(2 * 3600 + 600, start=2 * 3600, every=30)
    assert sorted(recipients()[3:]) == ["ada@example.com", "ops@example.com"]
    assert "erp2" not in Delivery.objects.filter(recipient="ada@example.com").latest("pk").text


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


def press_link(client: Client, recipient: str) -> None:
    """Acknowledge by the link in the message to a recipient, a minute after NOW."""
    text = Delivery.objects.get(recipient=recipient).text
    found = re.search(r"http://127\.0\.0\.1:8000(/a/\w+/)", text)
    assert found is not None, text
    with time_machine.travel(moment(60), tick=False):
        assert "You look after it now." in client.post(found[1], {"do": "acknowledge"}).content.decode()


def fire_for(*steps: dict[str, Any], severity: str = "warning") -> Alert:
    """Have an alert told of by a policy of these steps that reminds after an hour."""
    schedules = [step.pop("schedules", []) for step in steps]
    policy = make_policy(*steps, ack_reminder_seconds=3600)
    use(policy, make_rule(name="Load", severity=severity))
    for step, found in zip(policy.steps.order_by("position"), schedules, strict=True):
        step.schedules.set(found)
    with time_machine.travel(moment(0), tick=False):
        report(make_application(), 3)
        evaluate(0)
        tell(30)
    return Alert.objects.get()


def reminded() -> list[tuple[str, str]]:
    """Return recipient and state of every reminder."""
    notices = Notice.objects.filter(reason="acknowledged and still firing").values_list("pk", flat=True)
    found = Delivery.objects.filter(source_id__in=[str(pk) for pk in notices]).order_by("recipient")
    return list(found.values_list("recipient", "state"))


def make_slack(name: str, **fields: Any) -> Channel:
    channel = Channel(name=name, kind="slack", address=f"#{name}", **fields)
    return save_channel(channel=channel, parts={"url": SLACK})


def test_acknowledged__by_the_link_of_a_channel__that_channel_is_reminded(client: Client) -> None:
    slack, other = make_slack("ops"), make_channel("ops@example.com")
    fire_for({"kind": "channel", "channels": [slack, other]})
    press_link(client, "Slack #ops (ops)")
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("Slack #ops (ops)", "queued")]
    reminder = Delivery.objects.filter(recipient__startswith="Slack").latest("pk")
    assert Delivery.objects.only("secret_address").get(pk=reminder.pk).secret_address == SLACK


def test_acknowledged__by_the_link_in_a_mail_to_a_channel__that_address_is_reminded(client: Client) -> None:
    fire_for({"kind": "channel", "channels": [make_channel("ops@example.com, bo@example.com")]})
    press_link(client, "bo@example.com")
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("bo@example.com", "queued")]


def test_acknowledged__by_the_link_of_a_channel_switched_off_since__the_ledger_says_why(client: Client) -> None:
    slack = make_slack("ops")
    fire_for({"kind": "channel", "channels": [slack]})
    press_link(client, "Slack #ops (ops)")
    Channel.objects.filter(pk=slack.pk).update(enabled=False)
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("Slack #ops (ops)", "suppressed")]


def test_acknowledged__by_the_link_in_a_mail_to_a_person__that_person_is_reminded(client: Client, ada: Any) -> None:
    fire_for({"kind": "person", "people": [ada]}, {"kind": "channel", "channels": [make_channel("ops@example.com")]})
    press_link(client, "ada@example.com")
    alert = Alert.objects.get()
    assert (alert.acknowledged_by, alert.acknowledged_name) == (ada, "ada (by link)")
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("ada@example.com", "queued")]


def test_acknowledged__with_a_key__those_who_were_told_are_reminded() -> None:
    slack, other = make_slack("ops"), make_channel("ops@example.com")
    alert = fire_for({"kind": "channel", "channels": [slack, other]})
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert.pk, by=Actor(name="key 7 of acme"))
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("Slack #ops (ops)", "queued"), ("ops@example.com", "queued")]


def test_acknowledged__with_a_key_and_handed_over_since__who_is_on_call_now_is_reminded_and_hears_of_the_end(
    ada: Any,
) -> None:
    bo = make_person("bo")
    schedule = make_roster(ada)
    alert = fire_for({"kind": "schedule", "schedules": [schedule]})
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert.pk, by=Actor(name="key 7 of acme"))
        override(schedule, moment(600), 10, bo)
    tell_until(3700, start=3600, every=60)
    assert reminded() == [("bo@example.com", "queued")]
    report(alert.application, 0, at=3800)
    evaluate(3800)
    tell_until(4200, start=3800, every=60)
    assert Delivery.objects.filter(recipient="bo@example.com").count() == 2


@pytest.mark.parametrize(("severity", "way"), [("warning", "ada@example.com"), ("critical", "my telephone")])
def test_acknowledged__by_somebody_who_is_called_for_the_worst_only__reminded_as_bad_as_it_is(
    ada: Any, severity: str, way: str
) -> None:
    save_channel(channel=Channel(name="Calls", kind="phone", address="+491701234567"), parts=TWILIO)
    phone = {"kind": "phone", "address": "+491701111111", "label": "my telephone", "verified_at": moment(0)}
    ContactMethod.objects.create(user=ada, **phone)
    NotificationPreference.objects.create(user=ada, severity="critical", kinds=["phone"])
    alert = fire_for({"kind": "channel", "channels": [make_channel("ops@example.com")]}, severity=severity)
    with time_machine.travel(moment(60), tick=False):
        acknowledge_alert(alert_id=alert.pk, by=actor_of_user(ada))
    tell_until(3700, start=3600, every=60)
    assert reminded() == [(way, "queued")]


def test_snoozed__still_firing_at_its_end__told_of_like_a_new_one() -> None:
    alert_id = fire()
    snooze_alert(alert_id=alert_id, until=moment(3600), by=Actor(name="Ada"))
    tell_until(3590, start=60, every=60)
    assert recipients() == ["ops@example.com"]
    tell(3600)
    assert recipients() == ["ops@example.com", "ops@example.com"]


def test_snoozed__ended_before_its_time__told_of_like_a_new_one() -> None:
    alert_id = fire()
    snooze_alert(alert_id=alert_id, until=moment(36_000), by=Actor(name="Ada"))
    tell_until(600, start=60, every=60)
    with time_machine.travel(moment(600), tick=False):
        assert [unsnooze_alert(alert_id=alert_id, by=Actor(name="Bo")) for _ in range(2)] == [True, False]
    tell(605)
    assert recipients() == ["ops@example.com", "ops@example.com"]
    assert Notice.objects.latest("pk").firing == [alert_id]
    assert list(AlertComment.objects.values_list("kind", "author_name")) == [("snoozed", "Ada"), ("unsnoozed", "Bo")]


def test_snoozed__acknowledged_and_ended__nobody_is_told(ada: Any) -> None:
    alert_id = fire()
    snooze_alert(alert_id=alert_id, until=moment(36_000), by=Actor(name="Ada"))
    tell(60)
    with time_machine.travel(moment(600), tick=False):
        acknowledge_alert(alert_id=alert_id, by=actor_of_user(ada))
        unsnooze_alert(alert_id=alert_id, by=Actor(name="Bo"))
    tell(605)
    assert recipients() == ["ops@example.com"]


def test_unsnooze__alert_is_over__raises() -> None:
    alert_id = fire()
    Alert.objects.update(state="resolved", resolved_at=moment(60))
    with pytest.raises(AlertOver):
        unsnooze_alert(alert_id=alert_id, by=Actor(name="Bo"))


def test_snoozed__already_longer__stays_as_it_is() -> None:
    alert_id = fire()
    assert snooze_alert(alert_id=alert_id, until=moment(3600), by=Actor(name="Ada"))
    assert not snooze_alert(alert_id=alert_id, until=moment(1800), by=Actor(name="Grace"))
    assert Alert.objects.get().snoozed_until == moment(3600)
    assert moment(3600) - moment(1800) == timedelta(minutes=30)
