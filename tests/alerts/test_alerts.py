"""What people do with alerts, and what is told and forgotten."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from alerts.enums import TRANSITIONS, AlertState
from alerts.models import Alert, AlertComment
from alerts.services.alerts import (
    AlertOver,
    CommentInvalid,
    acknowledge_alert,
    add_comment,
    assign_alert,
    close_alert,
    unacknowledge_alert,
)
from alerts.services.retention import NEVER_FIRED_FOR, RESOLVED_FOR, prune_alerts
from alerts.services.transitions import IllegalTransition, change_state, check_transition
from alerts.timeline import tell_story
from config.actors import Actor
from config.deliveries.models import Delivery
from config.deliveries.signatures import verify_signature
from config.deliveries.tasks import send_deliveries
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, moment, report, states, tell
from tests.support.metrics import NOW, make_application
from tests.support.receiver import Receiver
from tests.support.smtp import Mailbox

pytestmark = pytest.mark.django_db
BY = Actor("Ada")


def test_acknowledge_alert__open__noted_once() -> None:
    alert = make_alert(make_application())

    assert acknowledge_alert(alert_id=alert.pk, by=BY)
    assert not acknowledge_alert(alert_id=alert.pk, by=Actor("Bob"))

    alert.refresh_from_db()
    assert alert.acknowledged_name == "Ada"
    assert list(alert.comments.values_list("kind", "author_name")) == [("acknowledged", "Ada")]


def test_unacknowledge_alert__acknowledged__taken_back() -> None:
    alert = make_alert(make_application())
    acknowledge_alert(alert_id=alert.pk, by=BY)

    assert unacknowledge_alert(alert_id=alert.pk, by=BY)
    assert not unacknowledge_alert(alert_id=alert.pk, by=BY)

    alert.refresh_from_db()
    assert (alert.acknowledged_at, alert.acknowledged_name) == (None, "")


@pytest.mark.parametrize("act", [acknowledge_alert, unacknowledge_alert])
def test_acknowledging__alert_over__told_so(act: object) -> None:
    alert = make_alert(make_application(), state="resolved")

    with pytest.raises(AlertOver):
        act(alert_id=alert.pk, by=BY)  # type: ignore[operator]


def test_acknowledge_alert__while_an_evaluation_goes_on__neither_undoes_the_other() -> None:
    application = make_application()
    make_rule()
    report(application, 3)
    evaluate()
    alert = Alert.objects.get()
    acknowledge_alert(alert_id=alert.pk, by=BY)

    report(application, 4, at=10)
    evaluate(15)
    report(application, 0, at=20)
    evaluate(30)

    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_name) == ("resolved", "Ada")


def test_assign_alert__to_someone_and_nobody__noted(django_user_model: type) -> None:
    ada = django_user_model.objects.create_user("ada")  # type: ignore[attr-defined]
    alert = make_alert(make_application())

    assert assign_alert(alert_id=alert.pk, assignee=ada, by=BY)
    assert not assign_alert(alert_id=alert.pk, assignee=ada, by=BY)
    assert assign_alert(alert_id=alert.pk, assignee=None, by=BY)

    assert list(alert.comments.values_list("kind", "text")) == [("assigned", "ada"), ("assigned", "nobody")]


def test_add_comment__alert_over__kept_all_the_same() -> None:
    alert = make_alert(make_application(), state="resolved")

    add_comment(alert_id=alert.pk, text=" It was the backup. \x00", by=BY)

    assert AlertComment.objects.get().text == "It was the backup."


@pytest.mark.parametrize("text", ["", "  \x00 ", "x" * 10_001])
def test_add_comment__empty_or_too_long__refused(text: str) -> None:
    alert = make_alert(make_application())

    with pytest.raises(CommentInvalid):
        add_comment(alert_id=alert.pk, text=text, by=BY)


def test_close_alert__firing__ends_and_those_told_are_told() -> None:
    application = make_application()
    make_channel("ops@example.com", is_default=True)
    make_rule()
    report(application, 3)
    evaluate()
    tell(30)
    alert = Alert.objects.get()

    assert close_alert(alert_id=alert.pk, by=BY, reason="The host is gone.")
    assert not close_alert(alert_id=alert.pk, by=BY)
    tell(330)

    assert states() == ["resolved"]
    assert alert.transitions.last().reason == "Ada closed it. The host is gone."
    assert list(Delivery.objects.values_list("recipient", flat=True)) == ["ops@example.com"] * 2


def test_close_alert__condition_still_holds__a_new_alert_opens() -> None:
    application = make_application()
    make_rule()
    report(application, 3)
    evaluate(0)
    close_alert(alert_id=Alert.objects.get().pk, by=BY)

    evaluate(15)

    assert states() == ["resolved", "firing"]


@pytest.mark.parametrize("before", AlertState)
def test_check_transition__every_pair__as_the_table_says(before: AlertState) -> None:
    for after in AlertState:
        if after in TRANSITIONS[before]:
            check_transition(before, after)
        else:
            with pytest.raises(IllegalTransition):
                check_transition(before, after)


def test_change_state__moved_meanwhile__nothing_written() -> None:
    alert = make_alert(make_application())
    Alert.objects.filter(pk=alert.pk).update(version=7)

    assert change_state(alert=alert, to=AlertState.RESOLVED, at=NOW, reason="") is None
    assert (states(), alert.transitions.count()) == (["firing"], 0)


def test_change_state__clock_behind__does_not_end_before_it_began() -> None:
    alert = make_alert(make_application(), fired_at=moment(60))

    change_state(alert=alert, to=AlertState.RESOLVED, at=moment(0), reason="")

    alert.refresh_from_db()
    assert alert.resolved_at == moment(60)


def test_tell_story__steps_and_words__in_the_order_they_happened() -> None:
    application = make_application()
    make_rule(for_seconds=15)
    report(application, 3)
    evaluate(0)
    evaluate(15)
    alert = Alert.objects.get()
    AlertComment.objects.create(alert=alert, kind="acknowledged", author_name="Ada", created_at=moment(20))
    AlertComment.objects.create(alert=alert, author_name="Ada", text="Looking.", created_at=moment(5))

    story = tell_story(alert.transitions.all(), alert.comments.all())

    assert [(entry.title, entry.text) for entry in story] == [
        ("Condition met", "The condition is met; it fires if that lasts 15 s."),
        ("Ada wrote", "Looking."),
        ("Firing", "The condition was met for 15 s."),
        ("Ada looks after it", ""),
    ]


def test_prune_alerts__long_over__forgotten_with_their_story() -> None:
    application = make_application()
    make_alert(application, state="firing", last_seen_at=NOW - RESOLVED_FOR * 2)
    make_alert(application, state="inactive", last_seen_at=NOW - NEVER_FIRED_FOR - timedelta(days=1))
    make_alert(application, state="inactive", last_seen_at=NOW)
    old = make_alert(application, state="resolved", last_seen_at=NOW - RESOLVED_FOR - timedelta(days=1))
    make_alert(application, state="resolved", last_seen_at=NOW - NEVER_FIRED_FOR * 2)
    add_comment(alert_id=old.pk, text="x", by=BY)

    assert prune_alerts(now=NOW) == 2
    assert (states(), AlertComment.objects.count()) == (["firing", "inactive", "resolved"], 0)


@pytest.mark.django_db(transaction=True)
def test_mails__firing_and_resolved__reach_a_real_server_once_each(mailbox: Mailbox) -> None:
    application = make_application(name="Acme <ERP>")
    channel = make_channel("ops@example.com")
    rule = make_rule(
        "load > 1",
        name="Load",
        severity="critical",
        for_seconds=15,
        channel_ids=(channel.pk,),
        annotations={
            "summary": "Load of {{ $labels.host }} above 1",
            "description": "It is {{ $value | humanize }} & rising.",
            "runbook": "See https://example.com/runbook",
        },
    )
    report(application, 3)
    evaluate(0)
    evaluate(15)
    tell(45)
    send_deliveries()
    report(application, 0, at=50)
    evaluate(60)
    tell(345)
    send_deliveries()

    firing, resolved = mailbox.to("ops@example.com")
    text, html = (firing.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    alert = Alert.objects.get()
    assert firing["Subject"] == "Critical: Load of erp1 above 1 for 15 s"
    assert resolved["Subject"] == "Resolved after 45 s: Load of erp1 above 1"
    for wanted in ("It is 3 & rising.", "Acme <ERP> (production)", "host: erp1", "https://example.com/runbook"):
        assert wanted in text
    assert f"Open alert: http://127.0.0.1:8000{alert.get_absolute_url()}" in text
    assert f"http://127.0.0.1:8000{rule.get_absolute_url()}" in text
    for wanted in (
        "It is 3 &amp; rising.",
        "Acme &lt;ERP&gt; (production)",
        'href="https://example.com/runbook"',
        "Open alert",
    ):
        assert wanted in html
    assert len(mailbox.messages) == 2


@pytest.mark.django_db(transaction=True)
def test_webhook__firing_and_resolved__as_alertmanager_would(receiver: Receiver) -> None:
    application = make_application(name="Acme", slug="acme")
    channel = make_channel(receiver.url, name="Bridge", kind="webhook", signing_secret="s3cret")
    make_rule("load > 1", name="Load", channel_ids=(channel.pk,), labels={"team": "erp {{ $labels.host }}"})
    report(application, 3)
    evaluate(0)
    tell(30)
    send_deliveries()
    report(application, 0, at=40)
    evaluate(60)
    tell(330)
    send_deliveries()

    firing, resolved = (json.loads(request.body) for request in receiver.requests)
    labels = {
        "alertname": "Load",
        "severity": "warning",
        "application": "acme",
        "environment": "production",
        "host": "erp1",
        "team": "erp erp1",
    }
    assert (firing["version"], firing["status"], firing["receiver"]) == ("4", "firing", "Bridge")
    assert (firing["notification_reason"], resolved["notification_reason"]) == ("first notification", "alerts resolved")
    assert firing["alerts"][0]["labels"] == firing["commonLabels"] == labels
    assert firing["alerts"][0]["startsAt"] == "2026-03-10T12:00:00.000Z"
    assert firing["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert resolved["alerts"][0]["endsAt"] == "2026-03-10T12:01:00.000Z"
    assert firing["alerts"][0]["fingerprint"] == resolved["alerts"][0]["fingerprint"]
    sent = receiver.requests[0]
    signature = sent.headers["x-postlaunch-signature"]
    signed_at = int(signature.partition(",")[0].removeprefix("t="))
    assert verify_signature(signature, sent.body, secret="s3cret", now=signed_at)
