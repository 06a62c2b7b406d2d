"""Why an alert did or did not reach a person: the answer for every way it can go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from alerts.models import Alert, AlertGroup, Channel, ContactMethod, Silence
from alerts.services import escalating
from alerts.services.alerts import acknowledge_alert, snooze_alert, unacknowledge_alert
from alerts.services.channels import save_channel
from alerts.services.people import save_preference
from alerts.why import Case, explain
from alerts.why_facts import describe_case
from config.actors import Actor
from config.deliveries.models import Delivery
from tests.alerts.test_channels import TWILIO
from tests.alerts.test_groups import make_policy, tell_until, use
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import NOW, make_application
from tests.support.on_call import wall
from tests.support.rosters import make_roster, make_rota, override

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
    return " ".join(explain(describe_case(Alert.objects.get(), person, now=moment(at)), now=moment(at)))


def wait(seconds: int) -> dict[str, Any]:
    return {"kind": "wait", "seconds": seconds}


def person(user: Any) -> dict[str, Any]:
    return {"kind": "person", "people": [user]}


def test_why__told__when_why_and_how_it_went(ada: Any) -> None:
    fire(person(ada))
    tell(30)
    Delivery.objects.update(state="sent", finished_at=moment(31))
    assert ask(ada, 60) == (
        "At 12:00:30 UTC on 10 Mar (first notification) a message went to ada by e-mail (ada@example.com) and was handed over. "
        "The cause was step 1 of “On call” (tell ada), taken at 12:00:30 UTC on 10 Mar."
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
    assert "It comes at 12:10:30 UTC" in ask(grace, 60)


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
    assert "a message went to ada by e-mail" in ask(ada, 60)


def test_why__warning_by_another_verified_contact__counts_as_told(ada: Any) -> None:
    ContactMethod.objects.create(
        user=ada, kind="email", address="a@home.example", label="a@home.example", verified_at=NOW
    )
    save_preference(user=ada, severity="warning", kinds=["email"])
    fire(person(ada))
    tell(30)
    assert "a message went to ada by e-mail (a@home.example)" in ask(ada, 60)


def test_why__contact_taken_away_since__counts_as_told(ada: Any) -> None:
    contact = ContactMethod.objects.create(
        user=ada, kind="sms", address="+491701234567", label="+491701234567", verified_at=NOW
    )
    save_preference(user=ada, severity="warning", kinds=["sms"])
    save_channel(channel=Channel(name="Twilio", kind="sms"), parts=TWILIO)
    fire(person(ada))
    tell(30)
    contact.delete()
    assert "a message went to ada by SMS (+491701234567)" in ask(ada, 60)


def fire_at_schedule(schedule: Any, *before: dict[str, Any]) -> None:
    policy = make_policy(*before, {"kind": "schedule"})
    policy.steps.get(kind="schedule").schedules.set([schedule])
    use(policy, make_rule(name="Load"))
    report(make_application(), 3)
    evaluate(0)


def test_why__on_call_at_the_step_and_not_any_more__was_told_and_for_which_schedule(ada: Any, grace: Any) -> None:
    roster = make_roster(grace, name="Ops")
    with time_machine.travel(NOW, tick=False):
        override(roster, NOW - timedelta(hours=1), 2, ada)
    fire_at_schedule(roster)
    tell(30)
    assert "The cause was step 1 of “On call” (tell whoever is on call in Ops)" in ask(ada, 3 * 3600)
    assert "on call in “Ops”." in ask(ada, 3 * 3600)


def test_why__on_call_now_but_not_at_the_step__says_who_was(ada: Any, grace: Any) -> None:
    roster = make_roster(grace, name="Ops")
    with time_machine.travel(NOW, tick=False):
        override(roster, NOW - timedelta(hours=1), 2, ada)
    fire_at_schedule(roster)
    tell(30)
    assert "was taken at 12:00:30 UTC on 10 Mar: ada was on call then." in ask(grace, 3 * 3600)


def test_why__nobody_was_on_call_at_the_step__says_so(ada: Any) -> None:
    layer = make_rota(ada, starts_at=wall(2027, 1, 1, 9))
    fire_at_schedule(make_roster(layers=(layer,), name="Ops"))
    tell(30)
    assert "nobody was on call in “Ops” then (as the schedule reads today)." in ask(ada, 60)


def test_why__on_call_when_a_later_step_comes__is_judged_by_that_moment(ada: Any, grace: Any) -> None:
    roster = make_roster(grace, name="Ops")
    with time_machine.travel(NOW, tick=False):
        override(roster, NOW + timedelta(minutes=5), 1, ada)
    fire_at_schedule(roster, person(grace), wait(600))
    tell(30)
    assert "Step 3 of “On call” (tell whoever is on call in Ops) reaches ada; it has not been taken yet." in ask(
        ada, 60
    )
    assert "It comes at 12:10:30 UTC on 10 Mar." in ask(ada, 60)


def test_why__never_in_the_schedule__has_no_step(ada: Any, grace: Any) -> None:
    fire_at_schedule(make_roster(grace, name="Ops"))
    tell(30)
    assert "“On call” has no step that reaches ada: tell whoever is on call in Ops." in ask(ada, 60)


def test_why__anothers_turn__says_whose(ada: Any, grace: Any) -> None:
    fire({"kind": "round_robin", "people": [ada, grace]})
    tell(30)
    told = Delivery.objects.get().recipient.partition("@")[0]
    other = {"ada": grace, "grace": ada}[told]
    assert ask(other, 60) == (
        f"{other} was not told. Step 1 of “On call” (tell one of ada, grace) was taken at 12:00:30 UTC on 10 Mar:"
        f" it was {told}’s turn."
    )


def test_why__turn_to_come__says_whose_is_next(ada: Any, grace: Any) -> None:
    fire(wait(600), {"kind": "round_robin", "people": [ada, grace]})
    tell(30)
    assert "would not reach grace as things stand: the next turn is ada’s; it has not been taken yet." in ask(grace, 60)
    assert "Step 2 of “On call” (tell one of ada, grace) reaches ada; it has not been taken yet." in ask(ada, 60)


def test_why__channel_switched_off__says_so(ada: Any) -> None:
    fire({"kind": "channel", "channels": [make_channel("ada@example.com", name="Ops", enabled=False)]})
    tell(30)
    assert "was taken at 12:00:30 UTC on 10 Mar: the channel “Ops” is switched off." in ask(ada, 60)


def test_why__account_switched_off__says_so(ada: Any) -> None:
    type(ada).objects.filter(pk=ada.pk).update(is_active=False)
    ada.refresh_from_db()
    fire(person(ada))
    tell(30)
    assert "ada’s account is switched off." in ask(ada, 60)


def test_why__told_by_a_later_step__names_that_step_and_when(ada: Any, grace: Any) -> None:
    fire(person(grace), wait(600), person(ada))
    tell_until(700, start=30)
    assert "(escalation) a message went to ada" in ask(ada, 800)
    assert "The cause was step 3 of “On call” (tell ada), taken at 12:10:30 UTC on 10 Mar." in ask(ada, 800)


def test_why__told_by_a_channel__names_its_step(ada: Any) -> None:
    fire({"kind": "channel", "channels": [make_channel("ada@example.com", name="Ops")]})
    tell(30)
    assert "The cause was step 1 of “On call” (tell Ops), taken at 12:00:30 UTC on 10 Mar." in ask(ada, 60)


def acknowledge_and_take_back() -> None:
    """Tell of the only alert after 30 s, acknowledge it after 5 minutes and take that back after 30."""
    tell(30)
    alert = Alert.objects.get()
    with time_machine.travel(moment(300), tick=False):
        acknowledge_alert(alert_id=alert.pk, by=Actor(name="Ada"))
    tell_until(1790, start=330, every=60)
    with time_machine.travel(moment(1800), tick=False):
        unacknowledge_alert(alert_id=alert.pk, by=Actor(name="Ada"))
    tell(1800)


def test_why__acknowledgement_taken_back__counts_from_there(ada: Any, grace: Any) -> None:
    fire(person(ada), wait(600), person(grace))
    acknowledge_and_take_back()
    assert "It comes at 12:40:00 UTC" in ask(grace, 1900)
    tell_until(2400, start=1860, every=60)
    assert "At 12:40:00 UTC on 10 Mar (escalation) a message went to grace" in ask(grace, 2500)
    assert "The cause was step 3 of “On call” (tell grace), taken at 12:40:00 UTC on 10 Mar." in ask(grace, 2500)


def test_group__policy_begins_more_often_than_is_kept__knows_the_newest(
    ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(escalating, "MAX_BEGUN", 1)
    fire(person(ada))
    acknowledge_and_take_back()
    assert AlertGroup.objects.get().begun == [moment(1800).isoformat()]


def test_why__snooze_over__counts_from_there(ada: Any, grace: Any) -> None:
    fire(person(ada), wait(600), person(grace))
    tell(30)
    snooze_alert(alert_id=Alert.objects.get().pk, until=moment(1800), by=Actor(name="Ada"))
    tell_until(2400, start=60, every=60)
    assert "taken at 12:00:30 UTC on 10 Mar." in ask(ada, 2500)
    assert "The cause was step 1 of “On call” (tell ada), taken at 12:30:00 UTC on 10 Mar." in ask(ada, 2500)
    assert "The cause was step 3 of “On call” (tell grace), taken at 12:40:00 UTC on 10 Mar." in ask(grace, 2500)


def fire_at_application(*steps: dict[str, Any]) -> Any:
    """Let a warning fire in a group with everything else of its application; return that, with a critical rule beside it."""
    policy = make_policy(*steps, group_by=["application"])
    use(policy, make_rule(name="Load"))
    use(policy, make_rule("load > 5", name="Overload", severity="critical"))
    application = make_application()
    report(application, 3)
    evaluate(0)
    tell(30)
    return application


def join(application: Any, value: float, *, at: float, host: str) -> None:
    report(application, value, at=at, host=host)
    evaluate(at)


def ask_of(alert: Alert, person: Any, at: float) -> str:
    return " ".join(explain(describe_case(alert, person, now=moment(at)), now=moment(at)))


def test_why__worse_alert_joins__counts_from_there_for_all(ada: Any, grace: Any) -> None:
    application = fire_at_application(person(ada), wait(600), person(grace))
    report(application, 3, at=320)
    join(application, 9, at=320, host="erp2")
    tell_until(1000, start=330, every=30)
    for alert in Alert.objects.order_by("pk"):
        answer = ask_of(alert, grace, 1100)
        assert "The cause was step 3 of “On call” (tell grace), taken at 12:15:30 UTC on 10 Mar." in answer


def test_why__policy_began_anew__schedule_is_asked_for_the_new_moment(ada: Any, grace: Any) -> None:
    """The step never came at 12:10:30, when grace was on call."""
    roster = make_roster(layers=(make_rota(ada, starts_at=wall(2027, 1, 1, 9)),), name="Ops")
    with time_machine.travel(NOW, tick=False):
        override(roster, NOW, 0.5, grace)
    fire_at_schedule(roster, person(ada), wait(600))
    acknowledge_and_take_back()
    tell_until(2400, start=1860, every=60)
    assert ask(grace, 2500) == (
        "grace was not told. Step 3 of “On call” (tell whoever is on call in Ops) was taken at 12:40:00 UTC on 10 Mar: "
        "nobody was on call in “Ops” then (as the schedule reads today)."
    )


def test_why__from_before_beginnings_were_noted__one_that_joined_keeps_the_policy_going(ada: Any, grace: Any) -> None:
    application = fire_at_application(person(ada), wait(1200), person(grace))
    first = Alert.objects.get()
    join(application, 3, at=60, host="erp2")
    tell(330)
    Alert.objects.filter(pk=first.pk).update(state="resolved", resolved_at=moment(400))
    report(application, 3, at=500, host="erp2")
    join(application, 3, at=500, host="erp3")
    tell_until(1230, start=630, every=60)
    AlertGroup.objects.update(begun=[])
    third = Alert.objects.order_by("pk").last()
    assert third is not None
    assert "(tell grace), taken at 12:20:30 UTC on 10 Mar." in ask_of(third, grace, 1300)


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
