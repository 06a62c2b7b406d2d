"""Deliveries and events as the support team sees them."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.deliveries.enums import Channel, Outcome, State
from config.deliveries.masking import MASK
from config.deliveries.models import Delivery, DeliveryAttempt
from config.deliveries.services import queue_delivery
from config.outbox.enums import EventState
from config.outbox.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(get_user_model().objects.create_superuser("ann", password="x"))
    return client


@pytest.fixture
def looker(client: Client) -> Client:
    user = User.objects.create_user("bo", password="x", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_delivery", "view_event"]))
    client.force_login(user)
    return client


def make_delivery(number: int = 1, *, state: State = State.SENT) -> Delivery:
    delivery = queue_delivery(
        channel=Channel.EMAIL,
        recipient=f"p{number}@example.com",
        idempotency_key=f"k{number}",
        subject=f"Disk {number} is full",
        text="Free some space.",
        html='<p onclick="x()">Free "some" space.</p>',
        source="alert",
        source_id=str(number),
    )
    finished = None if state == State.QUEUED else timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(state=state, finished_at=finished)
    DeliveryAttempt.objects.create(
        delivery=delivery, started_at=timezone.now(), finished_at=timezone.now(), outcome=Outcome.SENT, detail="250 OK"
    )
    return Delivery.objects.get(pk=delivery.pk)


def make_event(number: int = 1) -> Event:
    return Event.objects.create(type=f"test.{number}", state=EventState.SET_ASIDE, attempts=10, last_error="x: y")


@pytest.mark.parametrize("name", ["delivery", "event"])
def test_list__one_row_or_three__takes_the_same_queries(staff: Client, name: str) -> None:
    make = make_delivery if name == "delivery" else make_event
    url = reverse(f"admin:config_{name}_changelist")
    make(1)
    staff.get(url)
    with CaptureQueriesContext(
        connection,
    ) as one:
        assert staff.get(url).status_code == 200
    make(2)
    make(3)
    with CaptureQueriesContext(connection) as three:
        assert staff.get(url).status_code == 200
    assert len(three) == len(one)


def test_delivery__page__shows_the_mail_in_a_sandbox_and_its_attempts(staff: Client) -> None:
    delivery = make_delivery()
    content = staff.get(reverse("admin:config_delivery_change", args=[delivery.pk])).content.decode()
    assert 'sandbox="" srcdoc="&lt;p onclick=&quot;x()&quot;&gt;' in content
    assert "250 OK" in content
    assert f"postlaunch.{delivery.fingerprint}@localhost" in content.replace("&lt;", "<")
    assert "Send again" in content
    assert "Try now" not in content


def test_delivery__page_of_a_mail_with_a_link_that_acts__shows_it_masked(staff: Client) -> None:
    token = ".eJxTYmBgYM1MsWLw:1vP2xQ:aNfM5u1rQ0-_Jd3yVtGkPz"
    delivery = make_delivery()
    words = f'<a href="http://127.0.0.1:8000/a/{token}/">Acknowledge</a>'
    Delivery.objects.filter(pk=delivery.pk).update(text=words, html=words)
    content = staff.get(reverse("admin:config_delivery_change", args=[delivery.pk])).content.decode()
    assert content.count(f"/a/{MASK}/") == 2
    assert token not in content


def test_delivery__page_of_a_webhook_whose_secret_is_unreadable__is_shown(staff: Client) -> None:
    with override_settings(SECRET_KEY="another key that nobody remembers any more"):
        delivery = queue_delivery(
            channel=Channel.WEBHOOK,
            recipient="https://hooks.example.com/x",
            idempotency_key="k",
            payload={},
            signing_secret="s3cret",
        )
    content = staff.get(reverse("admin:config_delivery_change", args=[delivery.pk])).content.decode()
    assert "Idempotency-Key" in content
    assert delivery.fingerprint in content
    assert "X-Postlaunch-Signature" not in content


def test_delivery__send_again__queues_a_copy_by_that_person(staff: Client) -> None:
    delivery = make_delivery()
    response = staff.post(reverse("admin:config_delivery_send_again", args=[delivery.pk]))
    copy = Delivery.objects.get(resend_of=delivery)
    assert response["Location"] == reverse("admin:config_delivery_change", args=[copy.pk])
    assert (copy.state, copy.requested_by) == (State.QUEUED, "ann")


def test_delivery__try_now__makes_a_failed_one_due(staff: Client) -> None:
    delivery = make_delivery(state=State.FAILED)
    staff.post(reverse("admin:config_delivery_try_now", args=[delivery.pk]))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.finished_at) == (State.QUEUED, None)


def test_delivery__looker__sees_but_cannot_send(looker: Client) -> None:
    delivery = make_delivery()
    content = looker.get(reverse("admin:config_delivery_change", args=[delivery.pk])).content.decode()
    assert "Send again" not in content
    assert looker.post(reverse("admin:config_delivery_send_again", args=[delivery.pk])).status_code == 403
    assert Delivery.objects.count() == 1


def test_delivery__button_by_get__changes_nothing(staff: Client) -> None:
    delivery = make_delivery()
    assert staff.get(reverse("admin:config_delivery_send_again", args=[delivery.pk])).status_code == 405


def test_deliveries__bulk_send_again__leaves_those_on_their_way_alone(staff: Client) -> None:
    sent, queued = make_delivery(1), make_delivery(2, state=State.QUEUED)
    response = staff.post(
        reverse("admin:config_delivery_changelist"),
        {"action": "send_again", "_selected_action": [sent.pk, queued.pk]},
        follow=True,
    )
    content = response.content.decode()
    assert "1 will be sent again." in content
    assert "1 can&#x27;t be sent again now and were left alone." in content
    assert Delivery.objects.count() == 3


def test_events__try_again__makes_those_set_aside_pending(staff: Client) -> None:
    event = make_event()
    staff.post(
        reverse("admin:config_event_changelist"), {"action": "try_again", "_selected_action": [event.pk]}, follow=True
    )
    event.refresh_from_db()
    assert (event.state, event.attempts) == (EventState.PENDING, 0)
    assert "test.1" in staff.get(reverse("admin:config_event_change", args=[event.pk])).content.decode()
