"""Messages by Apprise against real receivers: what arrives, how every kind of answer ends, and that no secret is told."""

from __future__ import annotations

import base64
import json
import logging
import re
import socket
from typing import Any
from urllib.parse import parse_qs

import pytest
from apprise.manager_plugins import NotificationManager
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from config.deliveries import apprise_transport, services
from config.deliveries.apprise_transport import FILE_SETTINGS, ServiceInvalid, open_service
from config.deliveries.enums import Channel, Outcome, State
from config.deliveries.lanes import find_lane
from config.deliveries.masking import MASK, mask_text
from config.deliveries.models import Delivery
from config.deliveries.sending import send_due_deliveries
from config.settings import OPTION
from tests.support.receiver import Receiver, dripping_server
from tests.support.services import Services

pytestmark = pytest.mark.django_db
SECRET = "s3cretT0kenOfTheTest"
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
SID, TOKEN = "AC" + "0123456789abcdef" * 2, "fedcba9876543210" * 2
TWILIO = f"twilio://{SID}:{TOKEN}@+15005550006/+491701234567/"
TEAMS = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual"
    "/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A&format=text"
)


def queue(address: str, **changes: Any) -> Delivery:
    number = Delivery.objects.count()
    values: dict[str, Any] = {
        "channel": Channel.APPRISE,
        "recipient": "Chat #ops",
        "idempotency_key": f"notice:{number}",
        "subject": "Critical: disk is full",
        "text": "Free some space.",
        "secret_address": address,
    }
    return services.queue_delivery(**{**values, **changes})


def send(delivery: Delivery) -> tuple[Delivery, str, str]:
    """Send what is due; return the row, and outcome and detail of its newest attempt."""
    send_due_deliveries(turn_seconds=30)
    attempt = delivery.attempts.order_by("-pk").first()
    assert attempt is not None
    return Delivery.objects.get(pk=delivery.pk), attempt.outcome, attempt.detail


def json_address(receiver: Receiver, *, user: str = f"ops:{SECRET}@") -> str:
    return receiver.url.replace("http://", f"json://{user}")


def test_slack__webhook__arrives_as_one_post(services: Services) -> None:
    delivery, outcome, _ = send(queue(SLACK, text="<!channel> & more"))

    (asked,) = services.requests
    assert (asked.host, asked.path) == ("hooks.slack.com", "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    (attachment,) = json.loads(asked.body)["attachments"]
    assert attachment["title"] == "Critical: disk is full"
    assert attachment["text"] == "&lt;!channel&gt; &amp; more"
    assert (delivery.state, outcome) == (State.SENT, Outcome.SENT)


def test_teams__workflow__arrives_as_a_card(services: Services) -> None:
    delivery, _, _ = send(queue(TEAMS))

    (asked,) = services.requests
    assert asked.host == "prod-12.westeurope.logic.azure.com"
    assert "sig=KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A" in asked.path
    (card,) = json.loads(asked.body)["attachments"]
    texts = [block["text"] for block in card["content"]["body"]]
    assert texts == ["Critical: disk is full", "Free some space."]
    assert delivery.state == State.SENT


def test_sms__twilio__arrives_with_the_accounts_name_and_token(services: Services) -> None:
    services.answer = lambda _: (201, {}, b'{"sid": "SM1"}')
    delivery, _, _ = send(queue(TWILIO, subject="", text="Critical: disk is full"))

    (asked,) = services.requests
    assert (asked.host, asked.path) == ("api.twilio.com", f"/2010-04-01/Accounts/{SID}/Messages.json")
    assert asked.headers["authorization"] == f"Basic {base64.b64encode(f'{SID}:{TOKEN}'.encode()).decode()}"
    assert parse_qs(asked.body.decode()) == {
        "Body": ["Critical: disk is full"],
        "From": ["+15005550006"],
        "To": ["+491701234567"],
    }
    assert delivery.state == State.SENT


def test_phone__twilio__is_spoken(services: Services) -> None:
    services.answer = lambda _: (201, {}, b"{}")
    delivery, _, _ = send(queue(f"{TWILIO}?method=call", subject="", text="Critical alert. Disk & more"))

    (asked,) = services.requests
    assert asked.path == f"/2010-04-01/Accounts/{SID}/Calls.json"
    assert parse_qs(asked.body.decode())["Twiml"] == ["<Response><Say>Critical alert. Disk &amp; more</Say></Response>"]
    assert delivery.state == State.SENT


def test_any__json__arrives_signed_in(receiver: Receiver) -> None:
    delivery, _, detail = send(queue(json_address(receiver)))

    (request,) = receiver.requests
    assert json.loads(request.body)["message"] == "Free some space."
    assert request.headers["authorization"].startswith("Basic ")
    assert delivery.state == State.SENT
    assert detail.startswith("200 OK")


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [
        (500, Outcome.TEMPORARY, State.QUEUED),
        (503, Outcome.TEMPORARY, State.QUEUED),
        (429, Outcome.TEMPORARY, State.QUEUED),
        (408, Outcome.TEMPORARY, State.QUEUED),
        (400, Outcome.PERMANENT, State.FAILED),
        (401, Outcome.PERMANENT, State.FAILED),
        (404, Outcome.PERMANENT, State.FAILED),
    ],
)
def test_answer__refused__is_judged_by_its_status(
    receiver: Receiver, status: int, outcome: Outcome, state: State
) -> None:
    receiver.answer = lambda _: (status, {}, b"no")
    delivery, ended, detail = send(queue(json_address(receiver)))
    assert (ended, delivery.state) == (outcome, state)
    assert str(status) in detail
    assert delivery.refused_since is not None
    assert len(receiver.requests) == 1


def test_answer__asked_to_wait__waits_that_long(receiver: Receiver) -> None:
    receiver.answer = lambda _: (429, {"Retry-After": "900"}, b"slow down")
    delivery, _, _ = send(queue(json_address(receiver)))
    assert 890 <= (delivery.due_at - delivery.created_at).total_seconds() <= 920


def test_answer__redirect__is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda _: (307, {"Location": receiver.url + "/elsewhere"}, b"")
    delivery, outcome, detail = send(queue(json_address(receiver) + "?redirect=yes"))
    assert len(receiver.requests) == 1
    assert (delivery.state, outcome) == (State.FAILED, Outcome.PERMANENT)
    assert "redirects are not followed" in detail


def test_answer__garbage_of_a_service_that_answers_in_json__is_visible(services: Services) -> None:
    services.answer = lambda _: (200, {}, b"\xff<html>")
    delivery, outcome, detail = send(queue(SLACK))
    assert (delivery.state, outcome) == (State.QUEUED, Outcome.UNKNOWN)
    assert "could be understood" in detail


def test_answer__none__is_unknown_and_tried_again(receiver: Receiver) -> None:
    receiver.answer = lambda _: (0, {}, b"")
    delivery, outcome, _ = send(queue(json_address(receiver)))
    assert (delivery.state, outcome) == (State.QUEUED, Outcome.UNKNOWN)


def test_answer__nobody_listens__is_tried_again(receiver: Receiver) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        delivery, outcome, detail = send(queue(f"json://127.0.0.1:{free.getsockname()[1]}/{SECRET}"))
    assert (delivery.state, outcome, delivery.refused_since) == (State.QUEUED, Outcome.TEMPORARY, None)
    assert "can't be reached" in detail


def test_answer__never_ends__is_cut_off(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_transport, "DEADLINE_SECONDS", 0.5)
    with dripping_server() as port:
        delivery, outcome, _ = send(queue(f"json://127.0.0.1:{port}/"))
    assert (delivery.state, outcome) == (State.QUEUED, Outcome.UNKNOWN)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0"])
def test_address__inner__is_refused_and_nothing_is_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setitem(OPTION, "WEBHOOK_ALLOW_PRIVATE", False)
    port = receiver.url.rpartition(":")[2].partition("/")[0]
    delivery, outcome, _ = send(queue(f"json://{host}:{port}/{SECRET}"))
    assert receiver.requests == []
    assert (delivery.state, outcome) == (State.FAILED, Outcome.PERMANENT)


def test_address__inner_proxy_of_the_installation__is_used(services: Services) -> None:
    assert not OPTION["WEBHOOK_ALLOW_PRIVATE"]
    assert send(queue(SLACK))[0].state == State.SENT


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "whole address"),
        ("nosuchthing://abc", "does not know “nosuchthing”"),
        ("syslog://localhost", "this machine"),
        ("workflows://host/abc/def/?template=/etc/passwd", "names a file"),
        (f"twilio://{SID}@+15005550006/+491701234567", "missing or misspelt"),
        (f"twilio://nosid:{TOKEN}@+15005550006/+491701234567", "missing or misspelt"),
        ("https://hooks.slack.com/services/T1/B1", "no service"),
    ],
)
def test_address__impossible__says_why_without_its_secrets(address: str, words: str) -> None:
    with pytest.raises(ServiceInvalid, match=words) as caught:
        open_service(address)
    assert TOKEN not in str(caught.value)


DISCORD = f"discord://1234567890123456/{SECRET * 4}"


@pytest.mark.parametrize(
    "address",
    [
        f"{DISCORD}/?template=/tmp/message.json",
        f"{DISCORD}/?x=1;template=/tmp/message.json",
        f"{DISCORD}/?%74emplate=/tmp/message.json",
        f"{DISCORD}/?%2574emplate=/tmp/message.json",
        f"{DISCORD}/?a&;;%3Btemplate=/tmp/message.json",
        f"{DISCORD}/?:Template=/tmp/message.json",
        f"{DISCORD}/?:content=file:///tmp/message.json",
        DISCORD.replace("discord://", "https://discord.com/api/webhooks/") + "?x;%74emplate=/tmp/message.json",
        f"{SLACK}?x=1;%74emplate=/tmp/message.json",
        f"tgram://123456789:{SECRET * 2}/123/?x;template=/tmp/message.json",
        "mailto://ops:secret@example.com?pgppub=/tmp/key.asc",
        "mailto://ops:secret@example.com?wkd=yes",
    ],
)
def test_address__names_a_file_however_spelled__is_refused(address: str) -> None:
    with pytest.raises(ServiceInvalid, match="names a file"):
        open_service(address)


def test_address__service_holds_a_file_all_the_same__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_transport, "FILE_SETTINGS", frozenset())
    with pytest.raises(ServiceInvalid, match="names a file"):
        open_service(f"{DISCORD}/?template=/tmp/message.json")


@pytest.mark.parametrize("schema", ["deltachat", "deltachats", "qt", "gio", "Syslog", "vapid"])
def test_address__any_schema_of_a_local_service__is_refused(schema: str) -> None:
    with pytest.raises(ServiceInvalid, match="this machine"):
        open_service(f"{schema}://ops:secret@example.com/you@example.com")


@pytest.mark.parametrize(
    "address",
    [
        f"{DISCORD}/?tts=no;avatar=no&thread=12",
        "json://ops:secret@example.com/x?+X-Key=a&:key=v&-query=1",
        "ntfys://topic?priority=5",
    ],
)
def test_address__with_harmless_settings__is_taken(address: str) -> None:
    assert open_service(address).enabled


def test_settings__of_all_services__those_that_sound_of_files_are_judged() -> None:
    plugins = NotificationManager().plugins()  # type: ignore[no-untyped-call]
    names = {name for plugin in plugins for name in (plugin.template_args or {})}
    suspects = {name for name in names if re.search("file|path|template|pgp|pem|cert|attach|wkd|include|config", name)}
    # Names of fields and of files at the receiver, the path of an URL, addresses that the service itself fetches.
    harmless = {"attach-as", "filename", "file_url", "path", "profile"}
    assert suspects - harmless <= FILE_SETTINGS


def test_secrets__service_repeats_them__are_nowhere(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda request: (400, {}, (str(request.headers) + request.path).encode())
    delivery, _, detail = send(queue(f"{json_address(receiver)}/{SECRET}9/x?+X-Key={SECRET}7"))
    basic = base64.b64encode(f"ops:{SECRET}".encode()).decode()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT config_delivery::text, (SELECT string_agg(a::text, ' ') FROM config_deliveryattempt AS a) FROM config_delivery"
        )
        stored = " ".join(cursor.fetchone())
    assert MASK in detail
    for text in (detail, delivery.last_error, stored, caplog.text):
        assert SECRET not in text
        assert basic not in text


@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8), before=st.text(max_size=20))
def test_mask__any_secret_of_an_address__is_gone(secret: str, before: str) -> None:
    address = f"json://user:{secret}@example.com/path"
    assert secret not in mask_text(f"{before}{secret} said no", address)


def test_claim__service_busy__others_of_its_account_wait_and_the_rest_goes(receiver: Receiver) -> None:
    busy = queue(TWILIO)
    assert services_claim() == busy.pk
    queue(TWILIO.replace("+491701234567", "+491709999999"))
    other = queue(json_address(receiver))
    assert services_claim() == other.pk
    assert services_claim() is None


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        ("https://hooks.example.com/one", "https://hooks.example.com/two?x=1", True),
        ("https://hooks.example.com/one", "https://HOOKS.example.com:443/", True),
        ("https://hooks.example.com/one", "https://hooks.example.com:8443/one", False),
        ("https://hooks.example.com/one", "https://hooks.example.org/one", False),
        ("jsons://ann:secret@hooks.example.com/", "xmls://bo@hooks.example.com/x", True),
        ("json://localhost:8000/a", "json://user@localhost:8000/b", True),
        (TWILIO, TWILIO.replace("+491701234567", "+491709999999"), True),
        (TWILIO, TWILIO.replace(SID, f"AC{'1' * 32}"), False),
        ("ntfys://topic", "ntfys://other", False),
        ("json://[bad/", "json://[bad/x", True),
    ],
)
def test_lane__two_addresses__shared_by_host_or_account(first: str, second: str, is_shared: bool) -> None:
    assert (find_lane(first) == find_lane(second)) is is_shared


def services_claim() -> int | None:
    claim = services.claim_delivery()
    return claim.delivery.pk if claim else None


def test_resend__message__goes_to_the_same_address(receiver: Receiver) -> None:
    first, _, _ = send(queue(json_address(receiver)))
    copy = services.resend_delivery(delivery=first)
    assert send(copy)[0].state == State.SENT
    assert len(receiver.requests) == 2
