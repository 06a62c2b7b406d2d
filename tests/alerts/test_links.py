"""Links in messages: only buttons act, once; nobody can make one up; old ones say what to do."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.test import Client, override_settings
from django.utils import timezone

from alerts.links import SALT, VALID_FOR, read_link, write_link
from alerts.models import Alert, AlertComment, CountedUse, Notice
from alerts.recipients import Recipient
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


def path_of(recipient: Recipient, *, notice_id: int) -> str:
    """The path of a recipient's link in a message."""
    return write_link(notice_id=notice_id, recipient=recipient).removeprefix("http://127.0.0.1:8000")


def mail_to(address: str, *, person_id: int = 0) -> Recipient:
    return Recipient(0, "Somebody", "email", address, person_id=person_id)


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
    other = path_of(mail_to("bo@example.com"), notice_id=notice_id)
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
    path = path_of(mail_to("ops@example.com"), notice_id=999)
    assert "forgotten" in client.get(path).content.decode()


def test_link__post_without_the_form__is_refused_as_forged(link: str) -> None:
    assert Client(enforce_csrf_checks=True).post(link, {"do": "acknowledge"}).status_code == 403


def test_link__any_recipient__names_it_by_a_digest_and_is_short() -> None:
    recipient = Recipient(7, "Ops", "slack", "Slack #ops (Ops)", secret="https://hooks.slack.com/services/T1/B1/x")
    with time_machine.travel(timezone.now(), tick=False):
        link = write_link(notice_id=2**39, recipient=recipient)
        assert link == write_link(notice_id=2**39, recipient=replace(recipient, secret=""))
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/a/[a-z2-7]{48}/", link)
    assert read_link(link.split("/")[4]).notice_id == 2**39


def test_link__changed_anywhere__refused(client: Client, link: str) -> None:
    for place in range(3, len(link) - 1):
        spoilt = f"{link[:place]}{'b' if link[place] == 'a' else 'a'}{link[place + 1 :]}"
        assert client.post(spoilt, {"do": "acknowledge"}).status_code == 403
    assert notes() == []


def test_link__made_before_they_were_short__acts_once_as_its_recipient(client: Client, link: str) -> None:
    token = signing.dumps([Notice.objects.get().pk, "ops@example.com"], salt=SALT, compress=True)
    assert "ops@example.com" in client.get(f"/a/{token}/").content.decode()
    first, second = (client.post(f"/a/{token}/", {"do": "acknowledge"}).content.decode() for _ in range(2))
    assert ("You look after it now." in first, "works once" in second) == (True, True)
    assert notes() == [("acknowledged", "ops@example.com (by link)")]


def test_link__made_before_they_were_short_and_older_than_a_week__refused(client: Client) -> None:
    token = signing.dumps([1, "ops@example.com"], salt=SALT, compress=True)
    with time_machine.travel(timezone.now() + VALID_FOR + timedelta(minutes=1)):
        assert "older than a week" in client.get(f"/a/{token}/").content.decode()


def test_link__key_changed_since__valid_while_the_earlier_one_is_known(client: Client, link: str) -> None:
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert client.get(link).status_code == 200
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert client.get(link).status_code == 403


def test_link__of_a_person__acts_as_that_user_while_the_account_is_on(client: Client, link: str) -> None:
    ada = get_user_model().objects.create_user("ada", first_name="Ada", last_name="Lovelace")
    path = path_of(mail_to("ada@example.com", person_id=ada.pk), notice_id=Notice.objects.get().pk)
    get_user_model().objects.update(is_active=False)
    assert "switched off" in client.post(path, {"do": "acknowledge"}).content.decode()
    get_user_model().objects.update(is_active=True)
    client.post(path, {"do": "acknowledge"})
    assert notes() == [("acknowledged", "Ada Lovelace (by link)")]
    assert Alert.objects.get().acknowledged_by == ada
