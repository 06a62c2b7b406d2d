"""Links that act without a login, in every kind of message: down to the receiver, and what comes of opening and pressing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from alerts.messages import MAX_SMS
from alerts.models import Alert, AlertComment, Channel, ContactMethod, NotificationPreference
from alerts.services.channels import ChannelInvalid, save_channel
from config.deliveries.enums import State
from config.deliveries.models import Delivery, DeliveryAttempt
from tests.alerts.test_channels import SLACK, fire, make, make_any, send
from tests.alerts.test_groups import make_policy, use
from tests.support.admin import sign_in
from tests.support.alerts import make_rule, tell
from tests.support.metrics import make_application
from tests.support.receiver import Receiver
from tests.support.services import Asked, Services

pytestmark = pytest.mark.django_db
LINK = re.compile(r"http://127\.0\.0\.1:8000(/a/[a-z2-7]{48}/)")

#: What people read of a message, out of what its service got.
READ: dict[str, Callable[[bytes], str]] = {
    "slack": lambda body: json.loads(body)["attachments"][0]["text"],
    "teams": lambda body: json.loads(body)["attachments"][0]["content"]["body"][1]["text"],
    "sms": lambda body: parse_qs(body.decode())["Body"][0],
    "phone": lambda body: parse_qs(body.decode())["Twiml"][0],
}


def raise_alarm() -> None:
    make_rule(name="Load", annotations={"summary": "Load of {{ $labels.host }} is high"})
    fire(make_application(name="Acme"))
    tell(30)
    send()


def find_link(text: str) -> str:
    found = LINK.search(text)
    assert found is not None, text
    return found[1]


def notes() -> list[tuple[str, str]]:
    return list(AlertComment.objects.values_list("kind", "author_name"))


def echo(asked: Asked) -> tuple[int, dict[str, str], bytes]:
    """Answer as Twilio does, which repeats the message, here with its slashes quoted; others only say ok."""
    said = parse_qs(asked.body.decode()).get("Body") if "twilio" in asked.host else None
    return (201, {}, json.dumps({"body": said}).replace("/", r"\/").encode()) if said else (200, {}, b"ok")


@pytest.mark.parametrize(
    ("kind", "who"),
    [
        ("slack", "Slack #ops (Ops by slack)"),
        ("teams", "Teams Operations (Ops by teams)"),
        ("sms", "+491701234567"),
    ],
)
def test_link__in_every_kind__opened_changes_nothing_and_pressed_acknowledges_once(
    client: Client, services: Services, kind: str, who: str
) -> None:
    services.answer = echo
    make(kind, **({"address": "+491701234567"} if kind == "sms" else {}))
    raise_alarm()
    (asked,) = services.requests
    path = find_link(READ[kind](asked.body))

    page = client.get(path).content.decode()
    assert (who in page, SLACK in page, notes()) == (True, False, [])
    pages = [client.post(path, {"do": "acknowledge"}).content.decode() for _ in range(2)]
    assert ["You look after it now." in page for page in pages] == [True, False]
    assert notes() == [("acknowledged", f"{who} (by link)")]


def test_link__in_any_other_service__acknowledges(client: Client, receiver: Receiver) -> None:
    make_any(receiver, address="Pager")
    raise_alarm()
    client.post(find_link(json.loads(receiver.requests[0].body)["message"]), {"do": "acknowledge"})
    assert notes() == [("acknowledged", "Pager (Any) (by link)")]


def test_link__by_telephone__is_not_spoken(services: Services) -> None:
    services.answer = echo
    make("phone", body_template="{{ $summary }} {{ $act_link }}")
    raise_alarm()
    assert "<Say>Load of erp 1 is high</Say>" in READ["phone"](services.requests[0].body)


def test_link__nothing_fires_any_more__is_none(services: Services) -> None:
    make("slack", body_template="[{{ $act_link }}]")
    raise_alarm()
    fire(Alert.objects.get().application, value=0, at=300)
    tell(330)
    texts = list(Delivery.objects.order_by("pk").values_list("text", flat=True))
    assert (LINK.search(texts[0]) is not None, texts[1]) == (True, "[]")


def test_link__of_a_person__acts_as_that_user(client: Client, services: Services) -> None:
    ada = get_user_model().objects.create_user("ada", first_name="Ada", last_name="Lovelace")
    ContactMethod.objects.create(user=ada, kind="slack", address=SLACK, label="my Slack", verified_at="2026-01-01T00Z")
    NotificationPreference.objects.create(user=ada, severity="warning", kinds=["slack"])
    rule = make_rule(name="Load", severity="warning")
    use(make_policy({"kind": "person", "people": [ada]}), rule)
    fire(make_application())
    tell(30)
    send()
    client.post(find_link(READ["slack"](services.requests[0].body)), {"do": "acknowledge"})
    assert notes() == [("acknowledged", "Ada Lovelace (by link)")]
    assert Alert.objects.get().acknowledged_by == ada


def test_link__two_numbers_of_a_channel__each_has_its_own(services: Services) -> None:
    services.answer = echo
    make("sms")
    raise_alarm()
    links = {find_link(READ["sms"](asked.body)) for asked in services.requests}
    assert len(links) == 2
    assert all(len(READ["sms"](asked.body)) <= MAX_SMS for asked in services.requests)


def test_link__own_words__carry_it_in_the_text_and_not_in_the_title(services: Services) -> None:
    make("slack", body_template="{{ $link }} or {{ $act_link }}")
    raise_alarm()
    text = READ["slack"](services.requests[0].body)
    assert (
        text
        == f"http://127.0.0.1:8000{Alert.objects.get().get_absolute_url()} or http://127.0.0.1:8000{find_link(text)}"
    )
    with pytest.raises(ChannelInvalid) as refused:
        make("slack", name="Other", title_template="{{ $act_link }}")
    assert "“$act_link” is not known" in refused.value.errors["title_template"]


def test_link__own_mail__carries_it(client: Client) -> None:
    mail = Channel(name="Mail", address="ops@example.com", is_default=True, body_template="{{ $act_link }}")
    save_channel(channel=mail)
    raise_alarm()
    sent = Delivery.objects.get()
    assert find_link(sent.text) == find_link(sent.html)


@pytest.mark.parametrize("kind", ["slack", "teams", "sms"])
def test_link__read_in_the_ledger__is_masked_also_where_the_service_repeats_it(
    client: Client, services: Services, kind: str
) -> None:
    services.answer = echo
    make(kind)
    raise_alarm()
    sent = Delivery.objects.order_by("pk").first()
    assert sent is not None
    assert sent.state == State.SENT
    token = find_link(sent.text).split("/")[2]
    sign_in(client, "config.view_delivery")
    page = client.get(reverse("admin:config_delivery_change", args=[sent.pk])).content.decode()
    details = " ".join(DeliveryAttempt.objects.values_list("detail", flat=True))
    assert [token in text for text in (page, details, sent.shown_text)] == [False, False, False]
    assert "/a/•••" in page
    assert (r"\/a\/•••" in details) == (kind == "sms")


def test_preview__own_words_with_the_link__shows_its_length_and_no_link(client: Client) -> None:
    make("slack")
    raise_alarm()
    user = sign_in(client)
    user.is_superuser = True
    user.save()
    answer: Any = client.post(
        reverse("admin:alerts_channel_preview"), {"kind": "sms", "body_template": "{{ $act_link }}"}
    )
    text = answer.content.decode()
    assert f"http://127.0.0.1:8000/a/{'•' * 48}/" in text
