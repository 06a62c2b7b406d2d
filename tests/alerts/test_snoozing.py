"""Snoozing: until when, on the pages, over REST."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.holds import Reason
from alerts.models import Alert, AlertComment, Hold
from alerts.services.alerts import snooze_all
from alerts.services.notifying import take_turn
from alerts.snoozing import MAX_LENGTH, SnoozeInvalid, find_snooze_end
from config.actors import Actor
from monitoring.applications.models import Application
from tests.alerts.test_channels import Caller
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, report, tell
from tests.support.metrics import make_application

NOW = datetime(2026, 3, 28, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


@pytest.fixture
def responder(client: Client) -> Client:
    sign_in(client, "alerts.view_alert", "alerts.change_alert")
    return client


@pytest.mark.parametrize(
    ("choice", "text", "until"),
    [
        ("1h", "", datetime(2026, 3, 28, 23, 30, tzinfo=UTC)),
        ("4h", "", datetime(2026, 3, 29, 2, 30, tzinfo=UTC)),
        # In Berlin it is 23:30, and clocks change in this night.
        ("tomorrow", "", datetime(2026, 3, 29, 6, tzinfo=UTC)),
        ("other", "2026-03-29T09:15", datetime(2026, 3, 29, 7, 15, tzinfo=UTC)),
    ],
)
def test_end__choice__by_the_reader_s_clock(choice: str, text: str, until: datetime) -> None:
    assert find_snooze_end(choice, text=text, now=NOW, zone=BERLIN) == until


@pytest.mark.parametrize(
    ("choice", "text", "words"),
    [
        ("", "", "Choose until when."),
        ("monday", "", "Choose until when."),
        ("other", "", "Say until when."),
        ("other", "0001-01-01T00:00", "Say until when."),
        ("other", "2026-03-28T23:00", "It would be over already."),
        ("other", "2026-05-01T08:00", "14 days at most"),
    ],
)
def test_end__senseless__said_why(choice: str, text: str, words: str) -> None:
    with pytest.raises(SnoozeInvalid, match=words):
        find_snooze_end(choice, text=text, now=NOW, zone=BERLIN)


def test_case__snoozed_and_ended__said_and_in_the_story(responder: Client, application: Application) -> None:
    alert = make_alert(application)
    form = {"alert": alert.pk, "lasts": "4h", "back": "alert"}
    page = responder.post(reverse("admin:alerts_snooze"), form, follow=True).content.decode()
    assert ("The alert is quiet until" in page, "End snooze" in page, "snoozed it until" in page) == (True, True, True)
    ended = responder.post(reverse("admin:alerts_snooze_end"), form, follow=True).content.decode()
    assert ("The snooze is over" in ended, "End snooze" in ended, "ended the snooze" in ended) == (True, False, True)
    assert Alert.objects.get().snoozed_until is None


def test_case__time_of_one_s_own__by_the_reader_s_clock(responder: Client, application: Application) -> None:
    alert = make_alert(application)
    form = {"alert": alert.pk, "lasts": "other", "until": "2026-03-29T09:15", "reader_zone": "Europe/Berlin"}
    with time_machine.travel(NOW, tick=False):
        sign_in(responder, "alerts.view_alert", "alerts.change_alert")
        responder.post(reverse("admin:alerts_snooze"), form)
    assert Alert.objects.get().snoozed_until == datetime(2026, 3, 29, 7, 15, tzinfo=UTC)


def test_case__no_time_named__asked_for_again(responder: Client, application: Application) -> None:
    alert = make_alert(application)
    page = responder.post(reverse("admin:alerts_snooze"), {"alert": alert.pk, "lasts": "other"}).content.decode()
    assert ("Say until when." in page, f'value="{alert.pk}"' in page) == (True, True)
    assert AlertComment.objects.count() == 0


def test_list__several_selected__asked_until_when_and_snoozed(responder: Client, application: Application) -> None:
    alerts = [make_alert(application), make_alert(application), make_alert(application, state="resolved")]
    chosen = [alert.pk for alert in alerts]
    page = responder.post(
        reverse("admin:alerts_alert_changelist") + "?status=all",
        {"action": "snooze_selected", "_selected_action": chosen},
        follow=True,
    ).content.decode()
    assert "Quiet for a while: 2 alerts" in page
    done = responder.post(reverse("admin:alerts_snooze"), {"alert": chosen, "lasts": "1h"}, follow=True)
    assert "2 alerts are quiet until" in done.content.decode()
    ended = responder.post(
        reverse("admin:alerts_alert_changelist"),
        {"action": "end_snooze_of_selected", "_selected_action": chosen},
        follow=True,
    )
    assert "The snooze of 2 alerts is over" in ended.content.decode()


def test_board__group_snoozed_and_ended__there_and_back(responder: Client, application: Application) -> None:
    make_channel("ops@example.com", is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    board = responder.get(reverse("admin:alerts_board")).content.decode()
    group = reverse("admin:alerts_board_snooze", args=[Alert.objects.get().memberships.get().group_id])
    assert group in board
    form = responder.get(group, follow=True).content.decode()
    assert ("Quiet for a while: 1 alert<" in form, 'name="back" value="board"' in form) == (True, True)
    reason = Reason("snooze", 0, "Ada snoozed it.")
    Hold.objects.create(alert=Alert.objects.get(), kind=reason.kind, text=reason.text, began_at=timezone.now())
    assert "End snooze" in responder.get(reverse("admin:alerts_board")).content.decode()


def test_board__snoozes_that_end_at_different_times__ended_apart(responder: Client, application: Application) -> None:
    short, *long = [make_alert(application, labels={"host": f"erp{number}"}) for number in range(4)]
    until = timezone.now() + timedelta(hours=1)
    snooze_all(alert_ids=[short.pk], until=until, by=Actor(name="Ada"))
    snooze_all(alert_ids=[alert.pk for alert in long], until=until + timedelta(days=3), by=Actor(name="Ada"))
    take_turn(now=timezone.now())
    board = responder.get(reverse("admin:alerts_board")).content.decode()
    assert (board.count("End snooze"), "3 alerts" in board) == (2, True)
    form = {"alert": long[0].pk, "alike": "1", "back": "board"}
    page = responder.post(reverse("admin:alerts_snooze_end"), form, follow=True).content.decode()
    assert "The snooze of 3 alerts is over" in page
    assert list(Alert.objects.filter(snoozed_until__isnull=False)) == [short]


def test_board__group_too_large_to_snooze__said_so(
    responder: Client, monkeypatch: pytest.MonkeyPatch, application: Application
) -> None:
    monkeypatch.setattr("alerts.admin.board.MAX_AT_ONCE", 0)
    make_channel("ops@example.com", is_default=True)
    make_rule(name="Load")
    report(application, 3)
    evaluate(0)
    tell(30)
    address = reverse("admin:alerts_board_snooze", args=[Alert.objects.get().memberships.get().group_id])
    assert "for 1 a silence is the better way" in responder.get(address, follow=True).content.decode()


@pytest.mark.parametrize("name", ["alerts_snooze", "alerts_snooze_end"])
def test_pages__someone_who_may_only_look__refused(client: Client, application: Application, name: str) -> None:
    alert = make_alert(application)
    sign_in(client, "alerts.view_alert")
    assert client.post(reverse(f"admin:{name}"), {"alert": alert.pk, "lasts": "1h"}).status_code == 403
    assert "Snooze" not in client.get(reverse("admin:alerts_alert_change", args=[alert.pk])).content.decode()


def test_rest__snoozed_and_ended__repeating_changes_nothing(application: Application) -> None:
    caller, alert = Caller(application), make_alert(application)
    path = f"/api/v1/alerts/{alert.pk}"
    until = (timezone.now() + timedelta(hours=2)).replace(microsecond=0)
    answers = [
        caller.send("post", f"{path}/snooze/", {"until": until.isoformat()}),
        caller.send("post", f"{path}/snooze/", {"seconds": 3600}),
        caller.send("post", f"{path}/unsnooze/"),
        caller.send("post", f"{path}/unsnooze/"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200]
    found = [answer.json()["snoozed_until"] for answer in answers]
    assert [text and datetime.fromisoformat(text) for text in found] == [until, until, None, None]
    assert answers[0].json()["snoozed_by"].startswith("key ")
    assert [note["kind"] for note in answers[3].json()["comments"]] == ["snoozed", "unsnoozed"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "until"),
        ({"until": "2026-01-01T00:00:00Z"}, "until"),
        ({"until": "2999-01-01T00:00:00Z"}, "until"),
        ({"until": "soon"}, "until"),
        ({"seconds": 5}, "seconds"),
        ({"seconds": int(MAX_LENGTH.total_seconds()) + 1}, "seconds"),
        ({"seconds": 600, "until": "2999-01-01T00:00:00Z"}, "until"),
    ],
)
def test_rest__senseless__refused_by_field(application: Application, body: dict[str, object], field: str) -> None:
    alert = make_alert(application)
    answer = Caller(application).send("post", f"/api/v1/alerts/{alert.pk}/snooze/", body)
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (400, [field])


@pytest.mark.parametrize("action", ["snooze", "unsnooze"])
def test_rest__over_not_its_own_or_only_reading__refused(application: Application, action: str) -> None:
    alert, over = make_alert(application), make_alert(application, state="resolved")
    other = make_alert(make_application(name="Other"))
    caller, reader, body = Caller(application), Caller(application, scopes=("read",)), {"seconds": 600}
    asked = [(caller, over), (caller, other), (reader, alert)]
    answers = [who.send("post", f"/api/v1/alerts/{one.pk}/{action}/", body) for who, one in asked]
    assert [answer.status_code for answer in answers] == [409, 404, 403]
