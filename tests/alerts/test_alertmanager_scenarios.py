"""Scenarios of Alertmanager's acceptance tests that no other test tells; docs/alerts.md says where the others are."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from alerts.escalation import StepKind
from alerts.inhibit_drafts import InhibitDraft
from alerts.models import Policy, Route
from alerts.services.inhibitions import save_inhibition
from alerts.services.policies import make_draft, save_policy
from config.deliveries.email import MailTransport
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from config.deliveries.sending import send_claimed, send_due_deliveries
from config.deliveries.services import claim_delivery
from monitoring.applications.models import Application
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application
from tests.support.receiver import Receiver, run_receiver

pytestmark = pytest.mark.django_db
MINUTE, HOUR = 60, 3600


@pytest.fixture
def application() -> Application:
    make_channel(is_default=True)
    return make_application(name="Acme")


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("subject", flat=True))


def test_batching__several_more_within_an_interval__together_at_the_next_look_and_once(
    application: Application,
) -> None:
    make_rule(name="Load")
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    for number in range(2, 6):
        report(application, 3, at=30 * number, host=f"erp{number}")
        evaluate(30 * number)
        tell(30 * number)
    tell(330)
    tell(630)
    assert subjects() == ["Warning: Load (host=erp1)", "Warning: 5 alerts: Load (host=erp1), …"]


def test_repeat__while_more_come__counts_from_the_last_message(application: Application) -> None:
    make_rule(name="Load")
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    report(application, 3, at=2 * HOUR, host="erp2")
    evaluate(2 * HOUR)
    tell(2 * HOUR + 5 * MINUTE)
    tell(5 * HOUR)
    assert len(subjects()) == 2
    tell(6 * HOUR + 10 * MINUTE)
    assert len(subjects()) == 3


def test_resolved__in_parts__each_end_once(application: Application) -> None:
    make_rule(name="Load")
    for host in ("erp1", "erp2"):
        report(application, 3, host=host)
    evaluate(0)
    tell(30)
    for at, host in ((60, "erp1"), (400, "erp2")):
        report(application, 0, at=at, host=host)
        evaluate(at)
        tell(330 if at == 60 else 630)
    tell(930)
    assert [subject.split(":")[0] for subject in subjects()] == [
        "Warning",
        "Warning",
        "Resolved after 6 min 40 s",
    ]


def test_retry__one_of_two_receivers_fails_at_first__it_hears_later_and_the_other_once(receiver: Receiver) -> None:
    with run_receiver() as failing, time_machine.travel(moment(30), tick=False) as clock:
        failing.answer = lambda _: (503, {}, b"")
        for each in (receiver, failing):
            make_channel(each.url, kind="webhook", is_default=True)
        make_rule(name="Load")
        report(make_application(), 3)
        evaluate(0)
        tell(30)
        send_due_deliveries(turn_seconds=30)
        assert _count(receiver, failing) == (1, 1)
        failing.answer = lambda _: (200, {}, b"ok")
        clock.shift(timedelta(minutes=10))
        send_due_deliveries(turn_seconds=30)
        send_due_deliveries(turn_seconds=30)
        assert _count(receiver, failing) == (1, 2)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}


@pytest.mark.parametrize(("host", "state"), [("erp2", State.SENT), ("erp1", State.SUPPRESSED)])
def test_retry__end_is_refused_until_a_newer_message_is_taken__goes_after_it_unless_it_fires_again(
    receiver: Receiver, host: str, state: State
) -> None:
    make_channel(receiver.url, kind="webhook", is_default=True)
    make_rule(name="Load")
    application = make_application()
    with time_machine.travel(moment(30), tick=False) as clock:
        report(application, 3)
        evaluate(0)
        tell(30)
        send_due_deliveries(turn_seconds=30)
        report(application, 0, at=60)
        evaluate(60)
        tell(330)
        report(application, 3, at=340, host=host)
        evaluate(340)
        tell(370)
        receiver.answer = lambda _: (500, {}, b"")
        for at in (370, 380, 410, 530):
            clock.move_to(moment(at))
            claim = claim_delivery()
            assert claim is not None
            send_claimed(claim, mail=MailTransport())
        receiver.answer = lambda _: (200, {}, b"ok")
        send_due_deliveries(turn_seconds=30)
    told = [[alert["status"] for alert in json.loads(each.body)["alerts"]] for each in receiver.requests]
    assert told[5:] == [["firing"], ["resolved"]][: 2 if state == State.SENT else 1]
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == [State.SENT, state, State.SENT]


def _count(*receivers: Receiver) -> tuple[int, ...]:
    return tuple(len(receiver.requests) for receiver in receivers)


def test_cold_start__away_after_the_first_message__not_told_again_and_repeated_when_due(
    application: Application,
) -> None:
    """All state is in rows: a product that was away goes on where it stopped."""
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    tell(3 * HOUR)
    tell(3 * HOUR + 10 * MINUTE)
    assert len(subjects()) == 1
    tell(5 * HOUR)
    assert len(subjects()) == 2


def test_reload__routes_changed_while_it_fires__the_group_goes_on_and_is_not_told_again(
    application: Application,
) -> None:
    make_rule(name="Load")
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    policy = save_policy(
        policy=Policy(name="Later"), steps=[make_draft(StepKind.CHANNEL, [make_channel("later@example.com")])]
    )
    Route.objects.create(name="Load", matchers='{alertname="Load"}', policy=policy)
    tell(330)
    assert len(subjects()) == 1
    report(application, 3, at=400, host="erp2")
    report(application, 0, at=400, host="erp1")
    evaluate(400)
    tell(700)
    told = set(Delivery.objects.values_list("recipient", "subject"))
    assert told == {
        ("ops@example.com", "Warning: Load (host=erp1)"),
        ("ops@example.com", "Resolved after 6 min 40 s: Load (host=erp1)"),
        ("later@example.com", "Warning: Load (host=erp2)"),
    }


def test_always_inhibiting__target_ends_with_its_source__nobody_hears_of_it(application: Application) -> None:
    make_rule("load > 1", name="Load")
    make_rule("load > 5", name="Overload", severity="critical")
    save_inhibition(draft=InhibitDraft("Overload", "alertname=Overload", "alertname=Load", ("host",)))
    report(application, 9)
    evaluate(0)
    tell(60)
    report(application, 0, at=120)
    evaluate(120)
    for at in (125, 420, 720):
        tell(at)
    assert [subject.split(":")[1] for subject in subjects()] == [" Overload (host=erp1)", " Overload (host=erp1)"]
