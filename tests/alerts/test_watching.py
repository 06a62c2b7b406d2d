"""The watchdog: what it calls wrong, and that the outside heartbeat is told only if all is well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from alerts.models import AlertGroup, Rule
from alerts.services.channels import send_test
from alerts.services.watching import WATCHED_QUEUES, find_last_watch, keep_watch
from alerts.watching import Facts, find_problems
from config.actors import SYSTEM
from config.deliveries.enums import Channel, Outcome
from config.deliveries.models import Delivery
from config.deliveries.sending import send_due_deliveries
from config.deliveries.services import claim_delivery, finish_delivery, queue_delivery
from config.settings import OPTION
from tests.support.alerts import make_channel, make_rule
from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp import find_free_port

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
WELL = Facts(
    rules_enabled=3,
    rules_evaluated_at=NOW - timedelta(seconds=20),
    oldest_step_due=NOW - timedelta(seconds=20),
    oldest_message_due=NOW - timedelta(seconds=20),
    oldest_event=NOW - timedelta(seconds=20),
    queues={"evaluate": NOW - timedelta(seconds=20)},
)
LONG_AGO = NOW - timedelta(minutes=10)


def test_find_problems__all_well__none() -> None:
    assert find_problems(WELL, now=NOW) == []
    assert find_problems(Facts(), now=NOW) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rules_evaluated_at": LONG_AGO}, "Rules were not evaluated for 600 s."),
        ({"rules_evaluated_at": None}, "Rules were not evaluated yet."),
        ({"oldest_step_due": LONG_AGO, "stuck_groups": 2}, "2 groups of alerts is overdue"),
        ({"oldest_message_due": LONG_AGO}, "A message waits for 600 s to be sent."),
        ({"oldest_event": LONG_AGO}, "An event waits for 600 s"),
        ({"queues": {"deliver": LONG_AGO}}, "“deliver” has ended for 600 s"),
        ({"queues": {"deliver": None}}, "“deliver” has ended yet"),
        ({"failed_ways": ("email",)}, "Every email message of the last hour failed."),
        ({"stuck_ways": ("email",)}, "Messages by email are tried again and again; none has gone out lately."),
    ],
)
def test_find_problems__one_thing_wrong__named(change: dict[str, Any], words: str) -> None:
    (problem,) = find_problems(replace(WELL, **change), now=NOW)
    assert words in problem


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """The heartbeat of somebody outside, called when all is well."""
    with run_receiver() as receiver:
        monkeypatch.setitem(OPTION, "WATCHDOG_URL", receiver.url)
        yield receiver


@pytest.fixture
def _working(db: None) -> None:
    """Rules are evaluated and workers live."""
    make_rule()
    _live()


def _live() -> None:
    Rule.objects.update(last_evaluated_at=timezone.now())
    for queue in WATCHED_QUEUES:
        cache.set(f"heartbeat:{queue}", time.time())


@pytest.mark.usefixtures("_working")
def test_keep_watch__all_well__outside_is_told(outside: Receiver) -> None:
    watch = keep_watch(now=timezone.now())
    assert (watch.problems, watch.pinged, len(outside.requests)) == ((), True, 1)
    assert find_last_watch() == watch


@pytest.mark.usefixtures("_working")
def test_keep_watch__an_escalation_step_is_overdue__outside_is_not_told(outside: Receiver) -> None:
    late = timezone.now() - timedelta(minutes=5)
    AlertGroup.objects.create(key="x", destination="default", opened_at=late, due_at=late, look_at=late)
    assert len(keep_watch(now=timezone.now()).problems) == 1
    assert outside.requests == []


@pytest.mark.usefixtures("_working")
def test_keep_watch__every_mail_fails__says_so_until_one_goes_out(outside: Receiver) -> None:
    now = timezone.now()
    fields = {"channel": "email", "recipient": "a@example.com", "finished_at": now}
    Delivery.objects.create(idempotency_key="1", state="failed", **fields)
    assert keep_watch(now=now).problems == ("Every email message of the last hour failed.",)
    Delivery.objects.create(idempotency_key="2", state="sent", **fields)
    assert keep_watch(now=now).problems == ()
    assert len(outside.requests) == 1


@pytest.mark.usefixtures("_working")
def test_keep_watch__mail_server_is_away__says_so_while_mails_are_still_tried(outside: Receiver) -> None:
    start = timezone.now()
    with override_settings(EMAIL_PORT=find_free_port()), time_machine.travel(start, tick=False) as clock:
        queue_delivery(channel=Channel.EMAIL, recipient="a@example.com", idempotency_key="1", subject="x", text="x")
        problems = []
        for minute in range(8):
            clock.move_to(start + timedelta(minutes=minute))
            send_due_deliveries(turn_seconds=10)
            _live()
            problems.append(keep_watch(now=timezone.now()).problems)
    words = "Messages by email are tried again and again; none has gone out lately."
    assert problems == [()] * 6 + [(words,)] * 2


@pytest.mark.usefixtures("_working")
def test_keep_watch__one_service_does_not_answer__named_although_others_do() -> None:
    now = timezone.now()
    fields = {"channel": "apprise", "created_at": now - timedelta(minutes=6)}
    Delivery.objects.create(idempotency_key="1", lane="x", recipient="+49 1", attempt_count=3, **fields)
    Delivery.objects.create(idempotency_key="2", lane="y", recipient="Slack", attempt_count=3, **fields)
    sent = {"state": "sent", "attempt_count": 1, "finished_at": now}
    Delivery.objects.create(idempotency_key="3", lane="y", recipient="Slack", **sent, **fields)
    watch = keep_watch(now=now)
    assert (watch.problems, watch.remarks) == ((), ("Messages to +49 1 are tried in vain.",))


@pytest.mark.usefixtures("_working")
def test_keep_watch__one_slow_receiver_of_many_groups__named_and_stops_nothing(outside: Receiver) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for number in range(15):
            queue_delivery(
                channel=Channel.WEBHOOK,
                recipient=f"https://slow.example.com/{number}",
                idempotency_key=str(number),
                thread=str(number),
                payload={},
            )
        for _ in range(8):
            claim = claim_delivery()
            assert claim is not None
            clock.shift(timedelta(seconds=25))
            finish_delivery(claim=claim, outcome=Outcome.UNKNOWN)
        _live()
        watch = keep_watch(now=timezone.now())
    assert (watch.problems, len(outside.requests)) == ((), 1)
    assert watch.remarks == ("Messages to slow.example.com wait for their turn: it takes long to answer.",)


@pytest.mark.usefixtures("_working")
def test_keep_watch__one_message_is_refused_while_a_newer_one_was_taken__is_no_problem() -> None:
    now = timezone.now()
    fields = {"channel": "webhook", "lane": "x", "recipient": "https://hooks.example.com/x", "thread": "t"}
    early = now - timedelta(hours=1)
    Delivery.objects.create(idempotency_key="1", attempt_count=9, created_at=early, due_at=now, **fields)
    assert len(keep_watch(now=now).problems) == 1
    Delivery.objects.create(idempotency_key="2", state="sent", finished_at=now - timedelta(minutes=20), **fields)
    assert keep_watch(now=now).problems == ()


@pytest.mark.usefixtures("_working")
def test_keep_watch__each_message_is_replaced_by_a_newer_one_before_it_goes_out__says_so() -> None:
    now = timezone.now()
    for minute in (6, 4, 2):
        times = {"created_at": now - timedelta(minutes=minute), "finished_at": now - timedelta(minutes=minute - 2)}
        Delivery.objects.create(
            idempotency_key=str(minute),
            channel="webhook",
            recipient="https://hooks.example.com/x",
            attempt_count=2,
            state="suppressed",
            suppressed_because="Message 9 is newer.",
            **times,
        )
    (problem,) = keep_watch(now=now).problems
    assert problem.startswith("Messages by webhook are tried again and again")


@pytest.mark.usefixtures("_working")
def test_keep_watch__somebody_tries_an_address_out_in_vain__is_no_problem() -> None:
    now = timezone.now()
    channel = make_channel("https://hooks.exmaple.com/x", kind="webhook")
    send_test(channel=channel, by=SYSTEM)
    queue_delivery(channel=Channel.APPRISE, recipient="x", idempotency_key="1", source="contact", text="Your code")
    Delivery.objects.update(attempt_count=3, created_at=now - timedelta(minutes=6), due_at=now + timedelta(minutes=5))
    refused = {"channel": "email", "recipient": "typo@example.com", "state": "failed", "finished_at": now}
    Delivery.objects.create(idempotency_key="2", source="contact", **refused)
    watch = keep_watch(now=now)
    assert (watch.problems, watch.remarks) == ((), ())


@pytest.mark.usefixtures("_working")
def test_keep_watch__outside_refuses_or_is_away__is_noted(outside: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.answer = lambda _: (500, {}, b"")
    assert keep_watch(now=timezone.now()).answer.startswith("500 in")
    monkeypatch.setitem(OPTION, "WATCHDOG_URL", "http://127.0.0.1:9/")
    watch = keep_watch(now=timezone.now())
    assert (watch.pinged, watch.answer.split(":")[0]) == (False, "ConnectError")


@pytest.mark.django_db
def test_home__watchdog_found_something__says_what(admin_client: Client) -> None:
    make_rule()
    keep_watch(now=timezone.now())
    assert "Rules were not evaluated yet." in admin_client.get(reverse("admin:home_headline")).content.decode()
