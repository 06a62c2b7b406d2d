"""The kernel's own panels: messages, the installation, whether mail works."""

from __future__ import annotations

import time
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.admin import boards
from config.admin.boards import find_recent_failures
from config.deliveries.enums import Channel, State
from config.deliveries.models import Delivery
from config.deliveries.services import queue_delivery, resend_delivery
from config.outbox.enums import EventState
from config.outbox.models import Event
from tests.support.admin import sign_in

pytestmark = pytest.mark.django_db


def make_delivery(state: State, *, hours_ago: float = 0, key: str = "k", error: str = "") -> Delivery:
    delivery = queue_delivery(
        channel=Channel.EMAIL, recipient="a@example.com", idempotency_key=key, subject="Disk is full"
    )
    finished = None if state == State.QUEUED else timezone.now() - timedelta(hours=hours_ago)
    Delivery.objects.filter(pk=delivery.pk).update(state=state, finished_at=finished, last_error=error)
    return Delivery.objects.get(pk=delivery.pk)


def text_of(client: Client, name: str, *arguments: str) -> str:
    return unescape(client.get(reverse(name, args=arguments)).content.decode())


def test_deliveries__one_failed__needs_someone(admin_client: Client) -> None:
    make_delivery(State.FAILED)

    assert "1 message could not be sent" in text_of(admin_client, "admin:home_headline")
    assert "not all arrived" in text_of(admin_client, "admin:home_panel", "deliveries")


def test_deliveries__failed_long_ago_or_sent_again__need_nobody(admin_client: Client, admin_user: User) -> None:
    make_delivery(State.FAILED, hours_ago=25, key="old")
    resend_delivery(delivery=make_delivery(State.FAILED, key="again"), by="ann")

    assert not find_recent_failures().exists()


def test_deliveries__last_sent__is_named(admin_client: Client) -> None:
    make_delivery(State.SENT)

    assert "Disk is full" in text_of(admin_client, "admin:home_panel", "deliveries")


@pytest.fixture
def long_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web process was started an hour ago."""
    monkeypatch.setattr(boards, "_started", time.monotonic() - 3600)


def test_system__workers_silent_right_after_the_start__is_starting(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boards, "_started", time.monotonic())

    assert "All well" in text_of(admin_client, "admin:home_headline")
    assert "starting" in text_of(admin_client, "admin:home_panel", "system")


@pytest.mark.usefixtures("long_running")
def test_system__workers_silent__is_amiss(admin_client: Client) -> None:
    assert "No worker has finished a task yet." in text_of(admin_client, "admin:home_headline")
    assert "something is amiss" in text_of(admin_client, "admin:home_panel", "system")


def test_system__workers_alive__is_well(admin_client: Client) -> None:
    for queue in ("default", "deliver", "evaluate"):
        cache.set(f"heartbeat:{queue}", timezone.now().timestamp())

    assert "All well" in text_of(admin_client, "admin:home_headline")
    assert ">well</span>" in text_of(admin_client, "admin:home_panel", "system")


def test_system__event_set_aside__needs_someone(admin_client: Client) -> None:
    for queue in ("default", "deliver", "evaluate"):
        cache.set(f"heartbeat:{queue}", timezone.now().timestamp())
    Event.objects.create(type="x", state=EventState.SET_ASIDE)

    assert "1 event could not be processed" in text_of(admin_client, "admin:home_headline")


def test_mail_step__nothing_sent__offers_a_test(admin_client: Client) -> None:
    assert "Send me a test mail" in text_of(admin_client, "admin:home_steps")


def test_mail_step__server_refused__tells_why(admin_client: Client) -> None:
    make_delivery(State.QUEUED, error="Connection refused")

    text = text_of(admin_client, "admin:home_steps")
    assert "Connection refused" in text
    assert "EMAIL_URL" in text


def test_mail_step__mail_sent__is_done(admin_client: Client) -> None:
    make_delivery(State.SENT)

    text = text_of(admin_client, "admin:home_steps")
    assert "the last one went to a@example.com" in text
    assert "Send me a test mail" not in text


def test_test_mail__asked_for__is_queued_to_the_reader(client: Client) -> None:
    sign_in(client)

    client.post(reverse("admin:home_test_mail"))
    assert Delivery.objects.get().recipient == "user@example.com"


def test_test_mail__reader_without_address__is_told(client: Client) -> None:
    user = sign_in(client)
    User.objects.filter(pk=user.pk).update(email="")

    response = client.post(reverse("admin:home_test_mail"), follow=True)
    assert "Your account has no mail address" in response.content.decode()
    assert not Delivery.objects.exists()


def test_system_page__everything__is_shown(admin_client: Client) -> None:
    text = text_of(admin_client, "admin:config_system")

    assert "hands events to their subscribers" in text
    assert "Valkey" in text or "Redis" in text
    assert "Schedules" in text


def test_system_page__workers_do_not_answer__says_what_that_means(admin_client: Client) -> None:
    text = text_of(admin_client, "admin:config_system_workers")

    assert "No worker answers" in text
