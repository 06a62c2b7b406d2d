"""“How I am reached”: contacts, their codes, preferences, and what they change about an alert."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.addressing import list_people_recipients
from alerts.models import ContactMethod, NotificationPreference, Policy, PolicyStep, Rule
from alerts.services.channels import save_channel
from alerts.services.people import (
    ContactInvalid,
    add_contact,
    remove_contact,
    save_preference,
    send_code,
    verify_contact,
)
from config.deliveries.api.serializers import DeliveryDetailOutput
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from config.deliveries.sending import send_due_deliveries
from tests.alerts.test_channels import SLACK, TWILIO
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_rule, report, tell
from tests.support.metrics import make_application
from tests.support.services import Services
from tests.support.smtp import Mailbox

pytestmark = pytest.mark.django_db
NUMBER = "+491701234567"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", email="ada@example.com", password="x", first_name="Ada", is_staff=True)


def make_sender(kind: str = "sms") -> None:
    from alerts.models import Channel

    save_channel(channel=Channel(name=f"Twilio {kind}", kind=kind), parts=TWILIO)


def verified(user: Any, kind: str, address: str) -> ContactMethod:
    contact = add_contact(user=user, kind=kind, address=address, now=timezone.now())
    ContactMethod.objects.filter(pk=contact.pk).update(verified_at=timezone.now())
    return contact


def find_code() -> str:
    text = Delivery.objects.order_by("-pk").values_list("text", flat=True)[0]
    return re.sub(r"\D", "", re.findall(r"\d(?:(?:, )?\d){5}", text)[0])


@pytest.mark.parametrize("kind", ["sms", "phone", "slack", "email"])
def test_contact__added__code_arrives_and_verifies(ada: User, services: Services, mailbox: Mailbox, kind: str) -> None:
    services.answer = lambda asked: (201 if "twilio" in asked.host else 200, {}, b"ok")
    if kind in {"sms", "phone"}:
        make_sender(kind)
    address = {"slack": SLACK, "email": "night@example.com"}.get(kind, "+49 170 1234567")
    contact = add_contact(user=ada, kind=kind, address=address, now=timezone.now())
    send_due_deliveries(turn_seconds=30)

    assert len(services.requests) + len(mailbox.messages) == 1
    assert Delivery.objects.get().state == State.SENT
    with pytest.raises(ContactInvalid, match="not the code"):
        verify_contact(contact=contact, code="x", now=timezone.now())
    verify_contact(contact=contact, code=find_code(), now=timezone.now())
    contact.refresh_from_db()
    assert contact.verified_at is not None


def test_code__guessed_too_often__is_void(ada: User) -> None:
    contact = add_contact(user=ada, kind="email", address="n@example.com", now=timezone.now())
    for _ in range(5):
        with pytest.raises(ContactInvalid, match="not the code"):
            verify_contact(contact=contact, code="12345", now=timezone.now())
    with pytest.raises(ContactInvalid, match="Too many"):
        verify_contact(contact=contact, code=find_code(), now=timezone.now())


def test_code__old__is_void_and_a_new_one_waits_a_minute(ada: User) -> None:
    now = timezone.now()
    contact = add_contact(user=ada, kind="email", address="n@example.com", now=now)
    with pytest.raises(ContactInvalid, match="a moment ago"):
        send_code(contact=contact, now=now + timedelta(seconds=30))
    with pytest.raises(ContactInvalid, match="too old"):
        verify_contact(contact=contact, code=find_code(), now=now + timedelta(minutes=16))
    send_code(contact=contact, now=now + timedelta(minutes=16))
    verify_contact(contact=contact, code=find_code(), now=now + timedelta(minutes=17))


def test_code__contact_taken_away_and_added_again__three_an_hour_to_one_address(ada: User) -> None:
    make_sender()
    now = timezone.now()
    for minute in range(3):
        remove_contact(contact=add_contact(user=ada, kind="sms", address=NUMBER, now=now + timedelta(minutes=minute)))
    bo = User.objects.create_user("bo")
    for user in (ada, bo):
        with pytest.raises(ContactInvalid, match="in 57 min"):
            add_contact(user=user, kind="sms", address="0049 170 1234567", now=now + timedelta(minutes=3))
    assert (ContactMethod.objects.count(), Delivery.objects.count()) == (0, 3)
    add_contact(user=bo, kind="sms", address=NUMBER, now=now + timedelta(hours=1))


def test_code__many_addresses__five_an_hour_of_one_person(ada: User) -> None:
    now = timezone.now()
    for number in range(5):
        add_contact(user=ada, kind="email", address=f"n{number}@example.com", now=now)
    with pytest.raises(ContactInvalid, match="Too many codes"):
        add_contact(user=ada, kind="email", address="n5@example.com", now=now)
    assert Delivery.objects.count() == ContactMethod.objects.count() == 5
    add_contact(user=User.objects.create_user("bo"), kind="email", address="n5@example.com", now=now)


@pytest.mark.parametrize("kind", ["email", "sms", "phone"])
def test_code__in_the_ledger__is_not_readable(
    client: Client, ada: User, services: Services, mailbox: Mailbox, kind: str
) -> None:
    if kind != "email":
        make_sender(kind)
    services.answer = lambda asked: (201, {}, asked.body)
    add_contact(user=ada, kind=kind, address="n@example.com" if kind == "email" else NUMBER, now=timezone.now())
    send_due_deliveries(turn_seconds=30)
    delivery, code = Delivery.objects.get(), find_code()
    sign_in(client, "config.view_delivery")
    text = client.get(reverse("admin:config_delivery_change", args=[delivery.pk])).content.decode()
    text += client.get(reverse("admin:config_delivery_changelist")).content.decode()
    text += str(DeliveryDetailOutput(delivery).data)
    assert delivery.state == State.SENT
    assert "for its recipient alone" in text
    assert code not in re.sub(r"[\s,+]|%2C", "", text)


@pytest.mark.parametrize(
    ("kind", "address", "words"),
    [
        ("sms", "0170", "international form"),
        ("sms", NUMBER, "no SMS channel"),
        ("email", "nobody", "not a mail address"),
        ("slack", "https://example.com/x", "incoming webhook"),
        ("apprise", "nosuch://x", "does not know"),
        ("pigeon", "x", "Choose how"),
    ],
)
def test_contact__anything_wrong__said_and_nothing_kept(ada: User, kind: str, address: str, words: str) -> None:
    with pytest.raises(ContactInvalid, match=words):
        add_contact(user=ada, kind=kind, address=address, now=timezone.now())
    assert ContactMethod.objects.count() == Delivery.objects.count() == 0


def test_recipients__preference__every_chosen_way_in_order(ada: User) -> None:
    make_sender()
    verified(ada, "sms", NUMBER)
    save_preference(user=ada, severity="critical", kinds=["sms", "email"])
    found = [(each.kind, each.address) for each in list_people_recipients([ada.pk], "critical")]
    assert found == [("sms", NUMBER), ("email", "ada@example.com")]
    assert [each.kind for each in list_people_recipients([ada.pk], "info")] == ["email"]


def test_recipients__chosen_way_not_verified__the_accounts_mail(ada: User) -> None:
    make_sender()
    add_contact(user=ada, kind="sms", address=NUMBER, now=timezone.now())
    save_preference(user=ada, severity="critical", kinds=["sms"])
    assert [each.address for each in list_people_recipients([ada.pk], "critical")] == ["ada@example.com"]


def test_alert__person_of_a_policy__told_by_sms_and_of_its_end(ada: User, services: Services) -> None:
    services.answer = lambda _: (201, {}, b"{}")
    make_sender()
    verified(ada, "sms", NUMBER)
    Delivery.objects.all().delete()
    save_preference(user=ada, severity="critical", kinds=["sms"])
    application = make_application(name="Acme")
    policy = Policy.objects.create(name="On call")
    PolicyStep.objects.create(policy=policy, kind="person").people.add(ada)
    rule = make_rule(name="Load", severity="critical")
    Rule.objects.filter(pk=rule.pk).update(policy=policy)
    report(application, 3)
    evaluate(0)
    tell(30)
    send_due_deliveries(turn_seconds=30)
    report(application, 0, at=300)
    evaluate(300)
    tell(330)
    send_due_deliveries(turn_seconds=30)
    bodies = [parse_qs(asked.body.decode())["Body"][0] for asked in services.requests]
    assert [body.partition(":")[0] for body in bodies] == ["Critical", "Resolved"]


def test_alert__critical_one_joins_a_group_told_by_mail__told_as_wished_for_critical_ones(
    ada: User, services: Services
) -> None:
    make_sender()
    verified(ada, "sms", NUMBER)
    Delivery.objects.all().delete()
    save_preference(user=ada, severity="critical", kinds=["sms"])
    save_preference(user=ada, severity="warning", kinds=["email"])
    policy = Policy.objects.create(name="On call", group_by=["application"])
    PolicyStep.objects.create(policy=policy, kind="person").people.add(ada)
    for rule in (make_rule(name="Load"), make_rule("load > 5", name="Overload", severity="critical")):
        Rule.objects.filter(pk=rule.pk).update(policy=policy)
    application = make_application(name="Acme")
    report(application, 3, host="erp1")
    evaluate(0)
    tell(30)
    report(application, 9, at=100, host="erp2")
    evaluate(100)
    tell(330)
    assert list(Delivery.objects.order_by("pk").values_list("channel", flat=True)) == ["email", "email", "apprise"]


def test_page__contact_and_preference__whole_way(client: Client, services: Services) -> None:
    user = sign_in(client)
    page = reverse("admin:alerts_reach")
    client.post(reverse("admin:alerts_reach_add"), {"kind": "slack", "address": SLACK})
    contact = ContactMethod.objects.get()
    assert "Not verified" in client.get(page).content.decode()
    client.post(reverse("admin:alerts_reach_verify", args=[contact.pk]), {"code": find_code()})
    client.post(page, {"critical": ["slack", "nonsense"], "warning": ["email"]})
    text = client.get(page).content.decode()
    assert "Verified" in text
    assert "TIiajkdn" not in text
    assert NotificationPreference.objects.get(user=user, severity="critical").kinds == ["slack"]
    client.post(reverse("admin:alerts_reach_remove", args=[contact.pk]))
    assert ContactMethod.objects.count() == 0


def test_page__contact_of_somebody_else__not_there(client: Client, ada: User) -> None:
    contact = add_contact(user=ada, kind="email", address="n@example.com", now=timezone.now())
    sign_in(client)
    for name in ("code", "verify", "remove"):
        assert client.post(reverse(f"admin:alerts_reach_{name}", args=[contact.pk])).status_code == 404


def test_contact__secret__encrypted_in_the_database(ada: User) -> None:
    add_contact(user=ada, kind="slack", address=SLACK, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT c::text || (SELECT d::text FROM config_delivery AS d) FROM alerts_contactmethod AS c")
        assert "TIiajkdn" not in json.dumps(cursor.fetchone())
