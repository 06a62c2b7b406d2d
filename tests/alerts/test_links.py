"""Links in messages: only buttons act, once; nobody can make one up; old ones say what to do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from alerts.links import VALID_FOR, read_link, write_link
from alerts.models import Alert, AlertComment, CountedUse
from alerts.services.alerts import acknowledge_alert, unacknowledge_alert
from alerts.services.retention import prune_alerts
from config.actors import Actor
from config.deliveries.models import Delivery
from tests.support.alerts import evaluate, make_channel, make_rule, report, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> str:
    """The path of the link in a mail about an alert that fires."""
    make_channel("ops@example.com", is_default=True)
    make_rule(name="Load")
    report(make_application(), 3)
    evaluate(0)
    tell(30)
    text = Delivery.objects.get().text
    found = re.search(r"http://127\.0\.0\.1:8000(/a/\S+/)", text)
    assert found is not None, text
    assert found[1] in Delivery.objects.get().html
    return found[1]


def notes() -> list[tuple[str, str]]:
    return list(AlertComment.objects.values_list("kind", "author_name"))


@pytest.mark.parametrize("method", ["get", "head"])
def test_link__opened_by_a_scanner__changes_nothing(client: Client, link: str, method: str) -> None:
    for _ in range(3):
        assert getattr(client, method)(link).status_code == 200
    assert Alert.objects.get().acknowledged_at is None


def test_link__button_pressed_twice__acknowledged_once_by_the_recipient(client: Client, link: str) -> None:
    first, second = (client.post(link, {"do": "acknowledge"}).content.decode() for _ in range(2))
    assert "You look after it now." in first
    assert "works once" in second
    assert notes() == [("acknowledged", "ops@example.com (by link)")]


def test_link__snooze__holds_and_says_until_when(client: Client, link: str) -> None:
    page = client.post(link, {"do": "1h"}).content.decode()
    until = Alert.objects.get().snoozed_until
    assert "quiet for an hour" in page
    assert until is not None
    assert until - timezone.now() > timedelta(minutes=59)


def test_link__snoozed_again__works_once_and_says_so(client: Client, link: str) -> None:
    client.post(link, {"do": "4h"})
    until = Alert.objects.get().snoozed_until
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        page = client.post(link, {"do": "4h"}).content.decode()
    assert "works once" in page
    assert 'value="4h"' not in page
    assert 'value="1h"' in page
    assert Alert.objects.get().snoozed_until == until


def test_link__button_changed_nothing__is_of_use_later(client: Client, link: str) -> None:
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=Actor(name="bo"))
    assert "Nothing was left to do" in client.post(link, {"do": "acknowledge"}).content.decode()
    unacknowledge_alert(alert_id=Alert.objects.get().pk, by=Actor(name="bo"))
    assert "You look after it now." in client.post(link, {"do": "acknowledge"}).content.decode()


def test_link__of_somebody_else__has_its_own_buttons(client: Client, link: str) -> None:
    client.post(link, {"do": "1h"})
    notice_id = read_link(link.split("/")[2]).notice_id
    other = write_link(notice_id=notice_id, recipient="bo@example.com").removeprefix("http://127.0.0.1:8000")
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert "quiet for an hour" in client.post(other, {"do": "1h"}).content.decode()


def test_prune__used_buttons__kept_as_long_as_their_links(client: Client, link: str) -> None:
    client.post(link, {"do": "1h"})
    prune_alerts(now=timezone.now() + VALID_FOR)
    assert CountedUse.objects.count() == 1
    prune_alerts(now=timezone.now() + VALID_FOR + timedelta(days=1, seconds=1))
    assert CountedUse.objects.count() == 0


def test_link__unknown_wish__changes_nothing(client: Client, link: str) -> None:
    client.post(link, {"do": "delete"})
    assert notes() == []


@pytest.mark.parametrize(
    "spoil", [lambda path: path[:-2] + "/", lambda path: "/a/x:y:z/", lambda path: path[:20] + "/"]
)
def test_link__forged_or_cut_off__refused_with_words(client: Client, link: str, spoil: object) -> None:
    answer = client.post(spoil(link), {"do": "acknowledge"})  # type: ignore[operator]
    assert answer.status_code == 403
    assert "can’t be followed" in answer.content.decode()
    assert Alert.objects.get().acknowledged_at is None


def test_link__older_than_a_week__refused(client: Client, link: str) -> None:
    with time_machine.travel(timezone.now() + VALID_FOR + timedelta(minutes=1)):
        assert "older than a week" in client.get(link).content.decode()


def test_link__alert_forgotten__says_so(client: Client) -> None:
    path = write_link(notice_id=999, recipient="ops@example.com").removeprefix("http://127.0.0.1:8000")
    assert "forgotten" in client.get(path).content.decode()


def test_link__post_without_the_form__is_refused_as_forged(link: str) -> None:
    assert Client(enforce_csrf_checks=True).post(link, {"do": "acknowledge"}).status_code == 403
