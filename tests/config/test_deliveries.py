"""The delivery ledger against a real SMTP server and a real HTTP receiver."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from config.deliveries import outgoing, services, webhook
from config.deliveries.addresses import is_public
from config.deliveries.email import MailTransport
from config.deliveries.enums import TRANSITIONS, Channel, Outcome, State
from config.deliveries.models import Delivery, DeliveryAttempt
from config.deliveries.retries import find_next_attempt_after_crash
from config.deliveries.selectors import list_deliveries_of, list_slow_receivers, measure_ledger
from config.deliveries.sending import send_claimed, send_due_deliveries
from config.deliveries.signatures import verify_signature
from config.deliveries.tasks import send_deliveries
from config.deliveries.workers import is_gone, name_this_process
from config.settings import OPTION
from tests.support.certificates import make_certificate
from tests.support.receiver import Receiver, dripping_server, run_receiver
from tests.support.smtp import HANG_UP, Mailbox, find_free_port

pytestmark = pytest.mark.django_db


def queue_mail(**changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "channel": Channel.EMAIL,
        "recipient": "ops@example.com",
        "idempotency_key": "alert:1:2:3",
        "subject": "Critical: disk of erp1 is full",
        "text": "Free some space.\n",
        "html": "<p>Free some space.</p>\n",
        "source": "alert",
        "source_id": "1",
    }
    return services.queue_delivery(**{**values, **changes})


def queue_webhook(receiver: Receiver, **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "channel": Channel.WEBHOOK,
        "recipient": receiver.url,
        "idempotency_key": "alert:1:2:4",
        "payload": {"status": "firing", "umlaut": "ä"},
        "signing_secret": "s3cret",
    }
    return services.queue_delivery(**{**values, **changes})


def send() -> int:
    return send_due_deliveries(turn_seconds=30)


def outcomes(delivery: Delivery) -> list[str]:
    return list(delivery.attempts.values_list("outcome", flat=True))


def reread(delivery: Delivery) -> Delivery:
    return Delivery.objects.get(pk=delivery.pk)


def test_queue__key_known__returns_the_existing_row_unchanged() -> None:
    first = queue_mail()
    again = queue_mail(subject="Other")
    assert (again.pk, again.subject) == (first.pk, first.subject)
    assert Delivery.objects.count() == 1


def test_queue__transaction_rolled_back__leaves_nothing() -> None:
    with transaction.atomic():
        queue_mail()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


def test_queue__text_that_no_database_takes__is_mended() -> None:
    delivery = queue_mail(subject="a\x00b\r\nBcc: x@example.com", text="\ud800", idempotency_key="k" * 500)
    assert reread(delivery).subject == "ab Bcc: x@example.com"
    assert reread(delivery).text == "?"
    assert len(delivery.idempotency_key) == 300


def test_queue__suppressed__keeps_the_reason_and_is_never_sent(mailbox: Mailbox) -> None:
    delivery = queue_mail(suppressed_because="Silenced by Ann until 14:00.")
    assert send() == 0
    assert (reread(delivery).state, delivery.suppressed_because) == (State.SUPPRESSED, "Silenced by Ann until 14:00.")
    assert mailbox.messages == []


def test_queue__secret__is_encrypted_in_the_database(receiver: Receiver) -> None:
    delivery = queue_webhook(receiver)
    with connection.cursor() as cursor:
        cursor.execute("SELECT signing_secret FROM config_delivery WHERE id = %s", [delivery.pk])
        stored = cursor.fetchone()[0]
    assert "s3cret" not in stored
    assert reread(delivery).signing_secret == "s3cret"


def test_email__accepted__arrives_with_both_parts_and_headers(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    assert send() == 1
    (message,) = mailbox.to("ops@example.com")
    assert message["Subject"] == "Critical: disk of erp1 is full"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Postlaunch-Delivery"] == str(delivery.pk)
    assert message["Message-ID"] == f"<postlaunch.{delivery.fingerprint}@localhost>"
    assert message.get_body(("plain",)).get_content() == "Free some space.\r\n"
    assert message.get_body(("html",)).get_content() == "<p>Free some space.</p>\r\n"
    sent = reread(delivery)
    assert (sent.state, sent.attempt_count, sent.last_error) == (State.SENT, 1, "")
    assert outcomes(delivery) == [Outcome.SENT]
    assert send() == 0


def test_email__many__share_one_connection(mailbox: Mailbox) -> None:
    for number in range(5):
        queue_mail(idempotency_key=f"k{number}", recipient=f"p{number}@example.com")
    assert send() == 5
    assert len(mailbox.messages) == 5


def test_email__recipient_refused__fails_at_once_and_the_next_one_goes(mailbox: Mailbox) -> None:
    mailbox.on_rcpt = lambda address: "550 no such user" if address.startswith("gone") else None
    refused = queue_mail(recipient="gone@example.com")
    accepted = queue_mail(idempotency_key="other")
    send()
    assert (reread(refused).state, reread(refused).last_error) == (State.FAILED, "550 no such user")
    assert outcomes(refused) == [Outcome.PERMANENT]
    assert reread(accepted).state == State.SENT


def test_email__content_refused__fails_at_once(mailbox: Mailbox) -> None:
    mailbox.on_data = lambda message: "554 looks like spam"
    delivery = queue_mail()
    send()
    assert (reread(delivery).state, reread(delivery).last_error) == (State.FAILED, "554 looks like spam")


@pytest.mark.parametrize(("step", "is_refused"), [("rcpt", False), ("data", True)])
def test_email__refused_for_now__is_the_messages_own_fault_once_the_recipient_was_taken(
    mailbox: Mailbox, step: str, is_refused: bool
) -> None:
    setattr(mailbox, f"on_{step}", lambda _: "451 come back later")
    delivery = queue_mail()
    send()
    assert (reread(delivery).state, reread(delivery).refused_since is not None) == (State.QUEUED, is_refused)


def test_email__greylisted__waits_and_then_arrives_once(mailbox: Mailbox) -> None:
    mailbox.on_rcpt = lambda address: "451 come back later"
    delivery = queue_mail()
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        send()
        waiting = reread(delivery)
        assert (waiting.state, waiting.last_error) == (State.QUEUED, "451 come back later")
        assert waiting.due_at == start + timedelta(seconds=10)
        mailbox.on_rcpt = lambda address: None
        assert send() == 0
        clock.shift(timedelta(seconds=10))
        assert send() == 1
    assert outcomes(delivery) == [Outcome.TEMPORARY, Outcome.SENT]
    assert len(mailbox.messages) == 1


def test_email__server_hangs_up_after_the_message__is_unknown_and_repeats_under_the_same_message_id(
    mailbox: Mailbox,
) -> None:
    seen: list[str] = []

    def hang_up_once(message: EmailMessage) -> str | None:
        seen.append(message["Message-ID"])
        return HANG_UP if len(seen) == 1 else None

    mailbox.on_data = hang_up_once
    delivery = queue_mail()
    send()
    assert (reread(delivery).state, outcomes(delivery)) == (State.QUEUED, [Outcome.UNKNOWN])
    services.try_delivery_now(delivery=delivery)
    send()
    assert outcomes(delivery) == [Outcome.UNKNOWN, Outcome.SENT]
    assert seen[0] == seen[1]


@pytest.mark.django_db(transaction=True)
def test_email__database_lost_while_the_server_takes_it__is_noted_as_sent_and_not_repeated(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        sender = cursor.fetchone()[0]
    parameters = connection.get_connection_params()

    def end_the_senders_session(message: EmailMessage) -> None:
        with psycopg.connect(**{**parameters, "cursor_factory": None}) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [sender])

    mailbox.on_data = end_the_senders_session
    assert send() == 1
    assert (reread(delivery).state, outcomes(delivery)) == (State.SENT, [Outcome.SENT])
    assert len(mailbox.messages) == 1


def test_email__no_server__is_tried_for_a_day_and_then_fails_visibly() -> None:
    delivery = queue_mail()
    start = timezone.now()
    with override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=find_free_port()), time_machine.travel(start) as clock:
        while reread(delivery).state == State.QUEUED:
            assert reread(delivery).refused_since is None
            clock.move_to(max(reread(delivery).due_at, timezone.now()) + timedelta(milliseconds=1))
            assert send() == 1
        elapsed = timezone.now() - start
    failed = reread(delivery)
    assert failed.state == State.FAILED
    assert "can't be used" in failed.last_error
    assert timedelta(hours=22) < elapsed < timedelta(hours=25)
    assert set(outcomes(delivery)) == {Outcome.TEMPORARY}
    assert measure_ledger().failed == 1


def test_email__server_away__webhooks_go_out_and_other_mails_wait_untouched(receiver: Receiver) -> None:
    mails = [queue_mail(idempotency_key=f"k{number}") for number in range(3)]
    webhook_after_them = queue_webhook(receiver)
    with override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=find_free_port()):
        assert send() == 2
    assert reread(webhook_after_them).state == State.SENT
    assert [reread(mail).attempt_count for mail in mails] == [1, 0, 0]
    assert {reread(mail).state for mail in mails} == {State.QUEUED}


def test_email__address_is_none__fails_without_asking_the_server(mailbox: Mailbox) -> None:
    delivery = queue_mail(recipient="not an address")
    send()
    assert reread(delivery).state == State.FAILED
    assert "not a mail address" in reread(delivery).last_error


def test_claim__lease_ran_out_before_handing_over__is_sent_once_after_recovery(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    lost = services.claim_delivery()
    with time_machine.travel(timezone.now() + services.PREPARE_LEASE + timedelta(seconds=1)):
        assert services.recover_deliveries() == 1
        assert send() == 1
        # The first worker wakes up and finds that it may not send any more.
        with MailTransport() as mail:
            send_claimed(lost, mail=mail)
    assert len(mailbox.messages) == 1
    assert outcomes(delivery) == [Outcome.TEMPORARY, Outcome.SENT]


def test_claim__lease_ran_out_after_handing_over__is_sent_again_under_the_same_message_id(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    claim = services.claim_delivery()
    with MailTransport() as mail:
        assert mail.send(claim.delivery, lambda lease: services.mark_handed_over(claim=claim, lease=lease))
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert services.recover_deliveries() == 1
        assert send() == 1
    assert outcomes(delivery) == [Outcome.UNKNOWN, Outcome.SENT]
    assert len({message["Message-ID"] for message in mailbox.messages}) == 1


def test_claim__lease_still_runs__is_left_alone() -> None:
    queue_mail()
    assert services.claim_delivery() is not None
    assert services.recover_deliveries() == 0
    assert services.claim_delivery() is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("handed_over", "expected"), [(False, Outcome.TEMPORARY), (True, Outcome.UNKNOWN)])
def test_claim__sender_was_killed__is_recovered_at_once(mailbox: Mailbox, handed_over: bool, expected: str) -> None:
    delivery = queue_mail()
    mark = "services.mark_handed_over(claim=claim, lease=timedelta(minutes=1))" if handed_over else "None"
    program = (
        "import django, os, signal; django.setup()\n"
        "from datetime import timedelta\n"
        "from config.deliveries import services\n"
        f"claim = services.claim_delivery(); {mark}\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    name = connection.settings_dict["NAME"]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.support.same_database", "POSTLAUNCH_TEST_DATABASE": name}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == -9, done.stderr
    assert reread(delivery).state == State.SENDING
    assert send_deliveries() == 1
    assert outcomes(delivery) == [expected, Outcome.SENT]
    assert reread(delivery).state == State.SENT


def claim() -> str:
    found = services.claim_delivery()
    return found.delivery.idempotency_key if found else ""


def queue_hook(key: str, *, application_id: int | None, host: str = "") -> None:
    services.queue_delivery(
        channel=Channel.WEBHOOK,
        recipient=f"https://{host or key}.example.com/{key}",
        idempotency_key=key,
        payload={},
        application_id=application_id,
    )


def test_claim__host_busy__its_other_paths_wait_in_order() -> None:
    for key, host in (("first", "slow"), ("second", "slow"), ("third", "slow"), ("other", "quick")):
        queue_hook(key, application_id=1, host=host)
    first = services.claim_delivery()
    assert first is not None
    assert (first.delivery.idempotency_key, claim(), claim()) == ("first", "other", "")
    services.finish_delivery(claim=first, outcome=Outcome.SENT)
    assert (claim(), claim()) == ("second", "")


def test_measure__lane_is_slow__what_waits_in_it_is_not_late_while_it_is_at_work() -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for key in ("first", "second", "third"):
            queue_hook(key, application_id=1, host="slow")
        assert measure_ledger().oldest_due == start
        clock.shift(timedelta(minutes=5))
        found = services.claim_delivery()
        assert found is not None
        assert measure_ledger().oldest_due is None
        assert list_slow_receivers(since=start) == []
        assert list_slow_receivers(since=start + timedelta(minutes=3)) == ["slow.example.com"]
        services.finish_delivery(claim=found, outcome=Outcome.UNKNOWN)
        assert measure_ledger().oldest_due is None
        clock.shift(timedelta(minutes=3))
        assert measure_ledger().oldest_due == start
        assert list_slow_receivers(since=start + timedelta(minutes=3)) == []


def test_claim__application_with_many_slow_hosts__leaves_room_for_others_and_for_mail() -> None:
    for number in range(4):
        queue_hook(f"slow{number}", application_id=1)
    for number in range(2):
        queue_hook(f"other{number}", application_id=2)
    queue_mail(idempotency_key="mail", application_id=1)
    assert [claim() for _ in range(5)] == ["slow0", "slow1", "other0", "mail", ""]


def test_claim__threads_of_another_process__are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        queue_hook(f"hook{number}", application_id=number)
    assert [claim() for _ in range(4)] == ["hook0", "hook1", "hook2", ""]
    monkeypatch.setattr(services, "name_this_process", lambda: "elsewhere|-|1|1.0")
    assert claim() == "hook3"


def test_retries__senders_keep_ending__waits_begin_with_the_shortest() -> None:
    now = timezone.now()
    found = [
        find_next_attempt_after_crash(now=now, attempts=attempts, give_up_at=now + timedelta(days=1))
        for attempts in range(1, 7)
    ]
    assert found == [now + timedelta(seconds=seconds) for seconds in (0, 0, 0, 10, 30, 120)]


@pytest.mark.django_db(transaction=True)
def test_claim__many_workers_race__each_mail_goes_out_once(mailbox: Mailbox) -> None:
    for number in range(40):
        queue_mail(idempotency_key=f"k{number}", recipient=f"p{number}@example.com")

    def work() -> None:
        send()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(address for to in mailbox.recipients for address in to) == sorted(
        f"p{number}@example.com" for number in range(40)
    )
    assert DeliveryAttempt.objects.count() == 40


def test_webhook__accepted__arrives_signed_with_its_key(receiver: Receiver) -> None:
    delivery = queue_webhook(receiver)
    send()
    (request,) = receiver.requests
    assert json.loads(request.body) == {"status": "firing", "umlaut": "ä"}
    assert request.headers["idempotency-key"] == delivery.fingerprint
    assert request.headers["host"] == receiver.url.split("/")[2]
    signature = request.headers["x-postlaunch-signature"]
    now = int(time.time())
    assert verify_signature(signature, request.body, secret="s3cret", now=now)
    assert not verify_signature(signature, request.body + b" ", secret="s3cret", now=now)
    assert not verify_signature(signature, request.body, secret="other", now=now)
    assert not verify_signature(signature, request.body, secret="s3cret", now=now + 3600)
    assert reread(delivery).state == State.SENT


@pytest.mark.parametrize(
    ("status", "state", "outcome"),
    [
        (400, State.FAILED, Outcome.PERMANENT),
        (410, State.FAILED, Outcome.PERMANENT),
        (302, State.FAILED, Outcome.PERMANENT),
        (408, State.QUEUED, Outcome.TEMPORARY),
        (425, State.QUEUED, Outcome.TEMPORARY),
        (500, State.QUEUED, Outcome.TEMPORARY),
        (503, State.QUEUED, Outcome.TEMPORARY),
    ],
)
def test_webhook__refused__is_judged_by_its_status(
    receiver: Receiver, status: int, state: State, outcome: Outcome
) -> None:
    receiver.answer = lambda request: (status, {"Location": "http://127.0.0.1:1/"}, b"because")
    delivery = queue_webhook(receiver)
    send()
    assert (reread(delivery).state, outcomes(delivery)) == (state, [outcome])
    assert str(status) in reread(delivery).last_error
    assert reread(delivery).refused_since is not None


def test_webhook__asked_to_wait__waits_that_long(receiver: Receiver) -> None:
    receiver.answer = lambda request: (429, {"Retry-After": "77"}, b"")
    delivery = queue_webhook(receiver)
    with time_machine.travel(timezone.now(), tick=False):
        send()
        assert reread(delivery).due_at == timezone.now() + timedelta(seconds=77)


def test_webhook__connection_ends_without_an_answer__is_unknown_and_repeats_under_the_same_key(
    receiver: Receiver,
) -> None:
    receiver.answer = lambda request: (0, {}, b"")
    delivery = queue_webhook(receiver)
    send()
    assert (reread(delivery).state, outcomes(delivery)) == (State.QUEUED, [Outcome.UNKNOWN])
    receiver.answer = lambda request: (204, {}, b"")
    assert services.try_delivery_now(delivery=delivery)
    send()
    assert [request.headers["idempotency-key"] for request in receiver.requests] == [delivery.fingerprint] * 2
    assert reread(delivery).state == State.SENT


@pytest.mark.parametrize(
    ("beginning", "state", "outcome"),
    [
        (b"", State.QUEUED, Outcome.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nX-Header: ", State.QUEUED, Outcome.UNKNOWN),
        # The answer is there; what follows it changes nothing.
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", State.SENT, Outcome.SENT),
    ],
)
def test_webhook__answer_never_ends__is_cut_off_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, beginning: bytes, state: State, outcome: Outcome
) -> None:
    monkeypatch.setattr(webhook, "DEADLINE_SECONDS", 0.5)
    monkeypatch.setitem(OPTION, "WEBHOOK_ALLOW_PRIVATE", True)
    with dripping_server(beginning) as port:
        delivery = queue_webhook(Receiver(url=f"http://127.0.0.1:{port}/"))
        send()
    assert (reread(delivery).state, outcomes(delivery)) == (state, [outcome])
    # Left alone, it would have read until it had that much.
    assert len(delivery.attempts.get().detail) < webhook.SHOWN_BODY_BYTES


def test_webhook__nobody_listens__is_tried_again() -> None:
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = True
    delivery = queue_webhook(Receiver(url=f"http://127.0.0.1:{find_free_port()}/"))
    send()
    assert (reread(delivery).state, outcomes(delivery)) == (State.QUEUED, [Outcome.TEMPORARY])
    assert reread(delivery).refused_since is None


def test_webhook__first_address_is_dead__takes_the_next(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [ipaddress.ip_address("::1"), ipaddress.ip_address("127.0.0.1")]
    monkeypatch.setattr(outgoing, "resolve_public_addresses", lambda *_, **__: found)
    delivery = queue_webhook(receiver)
    send()
    assert reread(delivery).state == State.SENT
    assert len(receiver.requests) == 1


@pytest.mark.parametrize("is_trusted", [True, False])
def test_webhook__https__checks_the_certificate_against_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_trusted: bool
) -> None:
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = True
    certificate = make_certificate(tmp_path, host="localhost")
    context = ssl.create_default_context(cafile=str(certificate) if is_trusted else None)
    monkeypatch.setattr(outgoing, "trusted_authorities", lambda: context)
    with run_receiver(certificate=certificate) as receiver:
        delivery = queue_webhook(receiver, recipient=receiver.url.replace("127.0.0.1", "localhost"))
        send()
        assert len(receiver.requests) == int(is_trusted)
    assert reread(delivery).state == (State.SENT if is_trusted else State.QUEUED)
    assert is_trusted or "certificate verify failed" in reread(delivery).last_error


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/hook",
        "http://localhost:{port}/hook",
        "http://[::ffff:127.0.0.1]:{port}/hook",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "ftp://example.com/",
        "http://user:pass@127.0.0.1/",
        "not an address",
        "http://",
    ],
)
def test_webhook__inner_or_impossible_address__is_refused_and_nothing_is_sent(receiver: Receiver, url: str) -> None:
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = False
    target = url.format(port=receiver.url.split(":")[2].split("/")[0])
    delivery = queue_webhook(receiver, recipient=target)
    send()
    assert reread(delivery).state == State.FAILED
    assert "can't be used" in reread(delivery).last_error
    assert receiver.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "192.88.99.1",
        "198.18.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_is_public__inner_address_however_wrapped__is_not(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::"]
)
def test_is_public__outer_address__is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


def test_webhook__secret_of_a_forgotten_key__holds_up_nobody(receiver: Receiver, mailbox: Mailbox) -> None:
    with override_settings(SECRET_KEY="another key that nobody remembers any more"):
        unreadable = queue_webhook(receiver)
    queue_mail()
    assert send() == 2
    assert (reread(unreadable).state, outcomes(unreadable)) == (State.QUEUED, [Outcome.TEMPORARY])
    assert "SECRET_KEY" in reread(unreadable).last_error
    assert receiver.requests == []
    assert len(mailbox.messages) == 1
    Delivery.objects.filter(pk=unreadable.pk).update(state=State.FAILED, finished_at=timezone.now())
    with pytest.raises(services.NotResendable, match="SECRET_KEY"):
        services.resend_delivery(delivery=reread(unreadable))


def test_webhook__receiver_busy__others_are_not_held_up(receiver: Receiver) -> None:
    queue_webhook(receiver, idempotency_key="a")
    queue_webhook(receiver, idempotency_key="b")
    other = queue_mail()
    assert services.claim_delivery().delivery.idempotency_key == "a"
    assert services.claim_delivery().delivery.pk == other.pk
    assert services.claim_delivery() is None


def test_resend__sent_before__makes_a_new_row_with_its_own_key(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    send()
    copy = services.resend_delivery(delivery=reread(delivery), by="ann")
    again = services.resend_delivery(delivery=reread(delivery), by="ann")
    assert (copy.idempotency_key, copy.resend_of_id, copy.requested_by) == ("alert:1:2:3:resend:1", delivery.pk, "ann")
    assert again.idempotency_key == "alert:1:2:3:resend:2"
    send()
    assert len({message["Message-ID"] for message in mailbox.messages}) == 3
    assert list_deliveries_of(source="alert", source_ids=[1]).count() == 3


def test_resend__still_waiting__is_refused() -> None:
    with pytest.raises(services.NotResendable):
        services.resend_delivery(delivery=queue_mail())


def test_try_now__sent_already__does_nothing(mailbox: Mailbox) -> None:
    delivery = queue_mail()
    send()
    assert services.try_delivery_now(delivery=delivery) is False
    assert send() == 0


def test_try_now__given_up__gets_another_day(mailbox: Mailbox) -> None:
    mailbox.on_rcpt = lambda address: "550 no"
    delivery = queue_mail()
    send()
    mailbox.on_rcpt = lambda address: None
    assert services.try_delivery_now(delivery=delivery) is True
    send()
    assert outcomes(delivery) == [Outcome.PERMANENT, Outcome.SENT]


def test_prune__finished_long_ago__goes_with_its_attempts(mailbox: Mailbox) -> None:
    queue_mail()
    send()
    waiting = queue_mail(idempotency_key="waiting")
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert services.prune_deliveries(older_than=timedelta(days=90)) == 1
    assert list(Delivery.objects.all()) == [waiting]
    assert not DeliveryAttempt.objects.exists()


def test_delivery__state_without_its_marks__is_refused_by_the_database() -> None:
    delivery = queue_mail()
    for wrong in ({"state": State.SENDING}, {"state": State.SENT}, {"state": State.SUPPRESSED}, {"state": "lost"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Delivery.objects.filter(pk=delivery.pk).update(**wrong)


def test_transitions__every_state__is_named() -> None:
    assert set(TRANSITIONS) == set(State)


def test_is_gone__this_process__is_not() -> None:
    name = name_this_process()
    host, boot, namespace, pid, started = name.split("|")
    assert not is_gone(name)
    assert is_gone(f"{host}|{boot}|{namespace}|{pid}|{int(started) - 1}")
    for other in (
        "",
        f"elsewhere|{boot}|{namespace}|{pid}|1",
        f"{host}|another|{namespace}|{pid}|1",
        f"{host}|{pid}|1",
    ):
        assert not is_gone(other)


def test_is_gone__clock_of_the_machine_was_set__is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    name = name_this_process()
    moved = psutil.boot_time() + 1
    monkeypatch.setattr("psutil._psplatform.boot_time", lambda: moved)
    assert not is_gone(name)


def test_is_gone__process_ended__is_so_before_and_after_its_parent_has_seen_it() -> None:
    program = "import sys; from config.deliveries.workers import name_this_process\n"
    program += "print(name_this_process(), flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert not is_gone(name)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(name)
    assert is_gone(name)


@pytest.fixture(autouse=True)
def _allow_private_as_before() -> Iterator[None]:
    before = OPTION["WEBHOOK_ALLOW_PRIVATE"]
    yield
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = before


def test_thread__older_one_waits_for_its_next_attempt__newer_one_stays_behind_it() -> None:
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = True
    with run_receiver() as receiver:
        receiver.answer = lambda _: (503, {}, b"")
        queue_webhook(receiver, idempotency_key="1", payload={"n": 1}, thread="group 1")
        assert send() == 1
        queue_webhook(receiver, idempotency_key="2", payload={"n": 2}, thread="group 1")
        queue_webhook(receiver, idempotency_key="3", payload={"n": 3}, thread="group 2")
        receiver.answer = lambda _: (200, {}, b"")
        assert (send(), [json.loads(each.body)["n"] for each in receiver.requests]) == (1, [1, 3])
        with time_machine.travel(timezone.now() + timedelta(minutes=3)):
            assert measure_ledger().oldest_due == Delivery.objects.get(idempotency_key="1").due_at
        Delivery.objects.filter(idempotency_key="1").update(due_at=timezone.now())
        assert (send(), [json.loads(each.body)["n"] for each in receiver.requests]) == (2, [1, 3, 1, 2])


def test_thread__newer_one_says_what_is_true__older_news_stay_here() -> None:
    OPTION["WEBHOOK_ALLOW_PRIVATE"] = True
    with run_receiver() as receiver:
        receiver.answer = lambda _: (503, {}, b"")
        first = queue_webhook(receiver, idempotency_key="1", thread="t", supersedable=True)
        end = queue_webhook(receiver, idempotency_key="2", thread="t")
        send()
        elsewhere = queue_webhook(receiver, idempotency_key="3", thread="u", supersedable=True)
        newest = queue_webhook(receiver, idempotency_key="4", thread="t", supersedes=True)
        assert (reread(first).state, reread(first).suppressed_because) == (
            State.SUPPRESSED,
            f"Message {newest.pk} is newer and says what is true by now.",
        )
        assert [reread(each).state for each in (end, elsewhere, newest)] == [State.QUEUED] * 3


def test_thread__newer_one_is_queued_while_the_older_is_on_its_way__older_is_not_tried_again() -> None:
    first = queue_mail(idempotency_key="1", thread="t", supersedable=True)
    claim = services.claim_delivery()
    assert claim is not None
    newer = queue_mail(idempotency_key="2", thread="t", supersedes=True)
    assert services.claim_delivery() is None
    services.finish_delivery(claim=claim, outcome=Outcome.TEMPORARY, detail="451 busy")
    assert (reread(first).state, outcomes(first)) == (State.SUPPRESSED, [Outcome.TEMPORARY])
    following = services.claim_delivery()
    assert following is not None
    assert following.delivery == newer


def test_thread__the_older_was_sent_or_failed__says_so() -> None:
    for number, (outcome, state) in enumerate([(Outcome.SENT, State.SENT), (Outcome.PERMANENT, State.FAILED)]):
        first = queue_mail(idempotency_key=f"{number}a", thread=f"{number}", supersedable=True)
        claim = services.claim_delivery()
        assert claim is not None
        queue_mail(idempotency_key=f"{number}b", thread=f"{number}", supersedes=True)
        services.finish_delivery(claim=claim, outcome=outcome)
        assert reread(first).state == state
        assert services.claim_delivery() is not None


def try_claim(**ended: Any) -> str:
    """Claim what may be sent now and end it so; return its key, empty if there is none."""
    found = services.claim_delivery()
    if found is None:
        return ""
    services.finish_delivery(claim=found, **ended)
    return found.delivery.idempotency_key


def test_thread__receiver_was_away_for_long__order_is_kept_once_it_is_back() -> None:
    for key in ("1", "2"):
        queue_mail(idempotency_key=key, thread="t")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for seconds in (0, 10, 40, 160, 460):
            clock.move_to(start + timedelta(seconds=seconds))
            assert try_claim(outcome=Outcome.TEMPORARY, is_away=True) == "1"
            assert services.claim_delivery() is None
        clock.move_to(start + timedelta(seconds=475))
        assert services.claim_delivery() is None
        clock.move_to(start + timedelta(seconds=760))
        assert [try_claim(outcome=Outcome.SENT) for _ in range(3)] == ["1", "2", ""]


def test_thread__receiver_is_back_and_refuses_what_it_did_not_take_before__newer_one_waits_anew() -> None:
    for key in ("1", "2"):
        queue_mail(idempotency_key=key, thread="t")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        for seconds, is_away in ((0, False), (10, False), (40, True), (160, False)):
            clock.move_to(start + timedelta(seconds=seconds))
            assert try_claim(outcome=Outcome.TEMPORARY, is_away=is_away) == "1"
            assert services.claim_delivery() is None
        clock.move_to(start + timedelta(seconds=460))
        assert [try_claim(outcome=Outcome.TEMPORARY) for _ in range(3)] == ["1", "2", ""]


def test_thread__channel_leads_to_another_host_by_now__newer_one_does_not_wait_for_the_old_one() -> None:
    for key, host in (("1", "old"), ("2", "new"), ("3", "new")):
        queue_webhook(Receiver(url=f"https://{host}.example.com/"), idempotency_key=key, thread="t")
    assert try_claim(outcome=Outcome.TEMPORARY, is_away=True) == "1"
    assert measure_ledger().oldest_due == Delivery.objects.get(idempotency_key="2").due_at
    assert [try_claim(outcome=Outcome.TEMPORARY), try_claim(outcome=Outcome.TEMPORARY)] == ["2", ""]


def test_thread__receiver_asks_to_wait_for_hours__newer_one_is_tried_after_minutes() -> None:
    for key in ("1", "2"):
        queue_mail(idempotency_key=key, thread="t")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        assert try_claim(outcome=Outcome.TEMPORARY, retry_after=timedelta(hours=6)) == "1"
        clock.shift(timedelta(minutes=2))
        assert services.claim_delivery() is None
        clock.shift(timedelta(minutes=1))
        assert try_claim(outcome=Outcome.TEMPORARY, retry_after=timedelta(hours=6)) == "2"
        queue_mail(idempotency_key="3", thread="t")
        clock.shift(timedelta(minutes=3))
        assert [try_claim(outcome=Outcome.SENT) for _ in range(4)] == ["3", "1", "2", ""]


def queue_news(key: str, *, ongoing: str = "", ended: str = "", supersedes: bool = True) -> Delivery:
    return queue_mail(
        idempotency_key=key, thread="t", ongoing=list(ongoing), ended=list(ended), supersedes=supersedes, subject=key
    )


def refuse_for_minutes(clock: time_machine.Coordinates, key: str) -> None:
    """Let the receiver refuse a message until what is newer may be tried."""
    start = timezone.now()
    for seconds in (0, 10, 40, 160):
        clock.move_to(start + timedelta(seconds=seconds))
        assert try_claim(outcome=Outcome.TEMPORARY, detail="500") == key


def test_thread__receiver_is_back_when_the_newer_one_is_tried__the_end_follows_at_once() -> None:
    end = queue_news("A is over", ended="A")
    queue_news("C fires", ongoing="C")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        refuse_for_minutes(clock, "A is over")
        clock.shift(timedelta(seconds=5))
        assert [try_claim(outcome=Outcome.SENT) for _ in range(3)] == ["C fires", "A is over", ""]
    assert outcomes(end) == [Outcome.TEMPORARY] * 4 + [Outcome.SENT]


def test_thread__its_senders_die_of_one_message__the_newer_one_goes_out_after_minutes() -> None:
    queue_news("A fires", ongoing="A", ended="B")
    queue_news("C fires", ongoing="C")
    tried = []
    with time_machine.travel(timezone.now(), tick=False) as clock:
        while (claim := services.claim_delivery()) is not None and len(tried) < 10:
            tried.append(claim.delivery.subject)
            if claim.delivery.subject == "C fires":
                break
            assert services.mark_handed_over(claim=claim, lease=timedelta(seconds=10))
            clock.shift(timedelta(seconds=60))
            assert services.recover_deliveries() == 1
    assert tried == ["A fires"] * 4 + ["C fires"]


def test_thread__one_message_is_refused_for_ever__holds_up_nobody_and_fails_after_its_day() -> None:
    end = queue_news("A is over", ended="A")
    queue_news("C fires", ongoing="C")
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        refuse_for_minutes(clock, "A is over")
        assert try_claim(outcome=Outcome.SENT) == "C fires"
        assert try_claim(outcome=Outcome.TEMPORARY) == "A is over"
        clock.shift(timedelta(minutes=1))
        queue_news("C and D fire", ongoing="CD")
        assert try_claim(outcome=Outcome.SENT) == "C and D fire"
        while reread(end).state == State.QUEUED:
            clock.move_to(reread(end).due_at)
            assert try_claim(outcome=Outcome.TEMPORARY) == "A is over"
        assert (reread(end).state, timezone.now() - start > timedelta(hours=23)) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("older", "newer", "state"),
    [
        # Sent afterwards, it would close what fires again.
        ({"ended": "A"}, {"ongoing": "AC"}, State.SUPPRESSED),
        # It would say that B fires, which by now is over.
        ({"ongoing": "B", "ended": "A"}, {"ongoing": "C"}, State.QUEUED),
        ({"ongoing": "B", "ended": "A"}, {"ongoing": "BC"}, State.QUEUED),
        # One that does not say all that fires makes nothing untrue but what it names.
        ({"ongoing": "B", "ended": "A"}, {"ended": "C", "supersedes": False}, State.QUEUED),
        ({"ongoing": "B", "ended": "A"}, {"ended": "B", "supersedes": False}, State.SUPPRESSED),
        # What ended and began anew goes on.
        ({"ongoing": "A", "ended": "A"}, {"ongoing": "A"}, State.QUEUED),
    ],
)
def test_thread__newer_message_was_taken_first__the_older_goes_if_it_still_is_true(
    older: dict[str, Any], newer: dict[str, Any], state: State
) -> None:
    first = queue_news("older", **older)
    second = queue_news("newer", **newer)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        refuse_for_minutes(clock, "older")
        assert try_claim(outcome=Outcome.SENT) == "newer"
    assert reread(first).state == state
    if state == State.SUPPRESSED:
        assert f"message {second.pk}, which is newer" in reread(first).suppressed_because


def test_thread__newer_message_is_on_its_way__the_older_is_not_sent_beside_it() -> None:
    queue_news("A is over", ended="A")
    queue_news("A fires again", ongoing="A")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        refuse_for_minutes(clock, "A is over")
        assert services.claim_delivery() is not None
        Delivery.objects.filter(idempotency_key="A is over").update(due_at=timezone.now())
        assert services.claim_delivery() is None


def test_try_now__end_of_what_fires_again__stays_here() -> None:
    end, newer = queue_news("A is over", ended="A"), queue_news("A fires again", ongoing="A")
    Delivery.objects.filter(pk=end.pk).update(state=State.FAILED, finished_at=timezone.now())
    Delivery.objects.filter(pk=newer.pk).update(state=State.SENT, finished_at=timezone.now())
    assert not services.try_delivery_now(delivery=reread(end))


def test_try_now__newer_message_went_out__old_news_stay_here_and_ends_go() -> None:
    failed = queue_mail(idempotency_key="1", thread="t", supersedable=True)
    end = queue_mail(idempotency_key="2", thread="t")
    newer = queue_mail(idempotency_key="3", thread="t", supersedes=True)
    Delivery.objects.filter(pk__in=[failed.pk, end.pk]).update(
        state=State.FAILED, suppressed_because="", finished_at=timezone.now()
    )
    Delivery.objects.filter(pk=newer.pk).update(state=State.SENT, finished_at=timezone.now())
    assert not services.try_delivery_now(delivery=reread(failed))
    assert services.try_delivery_now(delivery=reread(end))
