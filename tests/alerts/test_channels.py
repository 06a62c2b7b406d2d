"""Channels of every kind: set up, tried, used by alerts, held back; against receivers that count what arrives."""

from __future__ import annotations

import json
from datetime import time, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.escalation import StepKind
from alerts.models import Alert, AlertGroup, Channel, ChannelMessage, Notice, Policy, Rule
from alerts.services.alerts import acknowledge_alert
from alerts.services.channels import ChannelInvalid, TooManyTests, save_channel, send_test
from alerts.services.policies import make_draft, save_policy
from config.actors import Actor
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from config.deliveries.sending import send_due_deliveries
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application
from tests.support.receiver import Receiver
from tests.support.services import Services
from tests.support.smtp import Mailbox

pytestmark = pytest.mark.django_db
BY = Actor(name="Ada")
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
SID, TOKEN = "AC" + "0123456789abcdef" * 2, "fedcba9876543210" * 2
TWILIO = {"account_sid": SID, "auth_token": TOKEN, "from_number": "+1 (500) 555-0006"}
SIGNATURE = "KODuebWbDGYFr0z0eu-6Rj8aUKz7108W3wrNJZxFE5A"
TEAMS = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual"
    f"/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={SIGNATURE}"
)
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "slack": ("#ops", {"url": SLACK}),
    "teams": ("Operations", {"url": TEAMS}),
    "sms": ("+49 170 1234567, 0044 7700 900123", TWILIO),
    "phone": ("+491701234567", TWILIO),
}
SECRETS = (TOKEN, SID, "TIiajkdnlazkcOXrIdevi7FQ", SIGNATURE)


class Caller:
    """A client with a key."""

    def __init__(self, application: Application, *, scopes: tuple[str, ...] = ("read", "write")) -> None:
        self.application = application
        token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes).token
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        return getattr(self.client, method)(path, data=json.dumps(body or {}), content_type="application/json")


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


@pytest.fixture
def admin(client: Client) -> Client:
    user = sign_in(client)
    user.is_superuser = True
    user.save()
    return client


def make(kind: str, **fields: Any) -> Channel:
    address, parts = KINDS[kind]
    channel = Channel(**{"name": f"Ops by {kind}", "kind": kind, "address": address, "is_default": True, **fields})
    return save_channel(channel=channel, parts=parts)


def make_any(receiver: Receiver, **fields: Any) -> Channel:
    url = receiver.url.replace("http://", "json://ops:s3cretPassword@")
    channel = Channel(**{"name": "Any", "kind": "apprise", "is_default": True, **fields})
    return save_channel(channel=channel, parts={"url": url})


def fire(application: Application, *, value: float = 3, host: str = "erp1", at: float = 0) -> None:
    report(application, value, host=host, at=at)
    evaluate(at)


def send() -> None:
    send_due_deliveries(turn_seconds=30)


@pytest.fixture
def load_rule() -> Any:
    return make_rule(name="Load", severity="warning", annotations={"summary": "Load of {{ $labels.host }} is high"})


def test_slack__alert_fires_and_ends__two_messages(
    application: Application, services: Services, load_rule: Any
) -> None:
    make("slack")
    fire(application)
    tell(30)
    send()
    fire(application, value=0, at=300)
    tell(330)
    send()

    bodies = [json.loads(asked.body)["attachments"][0] for asked in services.requests]
    assert [body["title"] for body in bodies] == [
        "Warning: Load of erp1 is high",
        "Resolved after 5 min: Load of erp1 is high",
    ]
    assert bodies[0]["text"].startswith("Warning: Load of erp1 is high (Acme)\nhttp")
    assert set(Delivery.objects.values_list("recipient", "state")) == {("Slack #ops (Ops by slack)", State.SENT)}


def test_slack__own_words_that_mention__do_so_and_foreign_labels_do_not(application: Application) -> None:
    make_rule(name="Load", annotations={"summary": "<!channel> {{ $labels.host }}"})
    make(
        "slack", title_template="@oncall {{ $labels.host }}", body_template="<!here> {{ $summary }} {{ $labels.host }}"
    )
    fire(application, host="@everyone")
    tell(30)
    delivery = Delivery.objects.get()
    assert (delivery.subject, delivery.text) == ("@oncall ＠everyone", "<!here> ‹!channel› ＠everyone ＠everyone")


def test_teams__alert_fires__one_card(application: Application, services: Services, load_rule: Any) -> None:
    make("teams")
    fire(application)
    tell(30)
    send()
    (asked,) = services.requests
    assert SIGNATURE in asked.path
    card = json.loads(asked.body)["attachments"][0]["content"]["body"]
    assert card[1]["text"].startswith("Warning: Load of erp1 is high (Acme)\n\nhttp")


def test_sms__alert_fires__one_to_each_number(application: Application, services: Services, load_rule: Any) -> None:
    services.answer = lambda _: (201, {}, b"{}")
    make("sms")
    fire(application)
    tell(30)
    send()
    sent = [parse_qs(asked.body.decode()) for asked in services.requests]
    assert sorted(one["To"][0] for one in sent) == ["+447700900123", "+491701234567"]
    assert all(one["Body"][0].startswith("Warning: Load of erp1 is high (Acme) http") for one in sent)
    assert {asked.path for asked in services.requests} == {f"/2010-04-01/Accounts/{SID}/Messages.json"}


def test_phone__alert_fires__is_called(application: Application, services: Services, load_rule: Any) -> None:
    services.answer = lambda _: (201, {}, b"{}")
    make("phone")
    fire(application)
    tell(30)
    send()
    (asked,) = services.requests
    assert asked.path.endswith("/Calls.json")
    assert "<Say>Warning alert. Acme. Load of erp 1 is high." in parse_qs(asked.body.decode())["Twiml"][0]


def test_any__alert_fires__one_post(application: Application, receiver: Receiver, load_rule: Any) -> None:
    make_any(receiver)
    fire(application)
    tell(30)
    send()
    (request,) = receiver.requests
    assert json.loads(request.body)["type"] == "warning"


@pytest.mark.parametrize("kind", KINDS)
def test_test__every_kind__arrives(services: Services, kind: str) -> None:
    services.answer = lambda _: (200, {}, b"ok")
    channel = make(kind)
    count = send_test(channel=channel, by=BY)
    send_due_deliveries(turn_seconds=30)
    assert len(services.requests) == count == (2 if kind == "sms" else 1)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}


@pytest.mark.parametrize("kind", KINDS)
def test_secrets__every_kind__nowhere_to_be_read(
    application: Application, services: Services, load_rule: Any, admin: Client, kind: str
) -> None:
    services.answer = lambda asked: (500, {}, f"{asked.path} {asked.headers}".encode())
    channel = make(kind)
    fire(application)
    tell(30)
    send()
    delivery = Delivery.objects.order_by("pk").first()
    assert delivery is not None
    assert delivery.state == State.QUEUED
    pages = [
        admin.get(reverse("admin:alerts_channel_change", args=[channel.pk])),
        admin.get(reverse("admin:alerts_channel_changelist")),
        admin.get(reverse("admin:config_delivery_change", args=[delivery.pk])),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(c::text, ' ') FROM alerts_channel AS c")
        stored = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(d::text, ' ') FROM config_delivery AS d")
        stored += cursor.fetchone()[0]
    texts = [stored, *(page.content.decode() for page in pages), *delivery.attempts.values_list("detail", flat=True)]
    assert not [secret for secret in SECRETS for text in texts if secret in text]


@pytest.mark.parametrize(
    ("kind", "address", "parts", "field", "words"),
    [
        ("slack", "", {"url": "https://hooks.slack.com/services/T1"}, "url", "not the URL of an incoming webhook"),
        (
            "slack",
            "",
            {"url": "https://evil.example.com/services/T1/B1/x"},
            "url",
            "not the URL of an incoming webhook",
        ),
        ("slack", "", {}, "url", "Enter the address"),
        ("teams", "", {"url": "https://evilpowerplatform.com/workflows/x?sig=a"}, "url", "not the URL of a workflow"),
        ("sms", "+49170", {**TWILIO}, "address", "international form"),
        ("sms", "0170 1234567", {**TWILIO}, "address", "“01701234567” is not a number"),
        ("sms", "+491701234567", {**TWILIO, "auth_token": ""}, "auth_token", "token is missing"),
        ("sms", "+491701234567", {**TWILIO, "auth_token": "a b"}, "auth_token", "letters and digits"),
        ("sms", "+491701234567", {**TWILIO, "account_sid": "nonsense"}, "account_sid", "AC and 32"),
        ("phone", "+491701234567", {**TWILIO, "from_number": "12345"}, "from_number", "with its country"),
        ("sms", "+491701234567", {**TWILIO, "auth_token": f"{TOKEN}\n{TOKEN}"}, "auth_token", "can't be seen"),
        ("apprise", "", {"url": "nosuch://abc"}, "url", "does not know “nosuch”"),
        ("apprise", "a\x07b", {"url": "json://example.com"}, "address", "can't be seen"),
        ("apprise", "", {"url": "syslog://"}, "url", "this machine"),
    ],
)
def test_save__anything_wrong__said_by_field_and_nothing_stored(
    kind: str, address: str, parts: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(ChannelInvalid) as caught:
        save_channel(channel=Channel(name="X", kind=kind, address=address), parts=parts)
    assert words in caught.value.errors[field]
    assert Channel.objects.count() == 0


def test_save__part_left_empty__stays() -> None:
    channel = make("sms")
    save_channel(channel=Channel.objects.get(pk=channel.pk), parts={"auth_token": "", "from_number": "+15005550007"})
    stored = json.loads(Channel.objects.get().credentials)
    assert stored == {**TWILIO, "from_number": "+15005550007"}


def test_form__slack__kept_and_never_shown(admin: Client) -> None:
    data = {
        "name": "Chat",
        "kind": "slack",
        "address": "#ops",
        "enabled": "on",
        "quiet_zone": "UTC",
        "quiet_below": "critical",
    }
    response = admin.post(reverse("admin:alerts_channel_add"), {**data, "url": SLACK})
    assert response.status_code == 302, response.context["errors"]
    channel = Channel.objects.get()
    page = reverse("admin:alerts_channel_change", args=[channel.pk])
    assert "TIiajkdn" not in admin.get(page).content.decode()
    admin.post(page, {**data, "name": "New", "url": ""})
    channel = Channel.objects.get()
    assert (channel.name, json.loads(channel.credentials)) == ("New", {"url": SLACK})


def test_form__bad_template__said_with_its_place(admin: Client) -> None:
    data = {"name": "Ops", "kind": "email", "address": "a@example.com", "quiet_zone": "UTC", "quiet_below": "critical"}
    response = admin.post(reverse("admin:alerts_channel_add"), {**data, "body_template": "{{ $nothing }}"})
    assert "“$nothing” is not known." in response.content.decode()
    assert Channel.objects.count() == 0


def test_secret__of_a_forgotten_key__is_said_and_stops_nobody(
    application: Application, services: Services, load_rule: Any
) -> None:
    with override_settings(SECRET_KEY="another key that nobody remembers any more"):
        make("slack")
    make("teams")
    fire(application)
    tell(30)
    held = Delivery.objects.get(recipient__startswith="Slack")
    assert held.state == State.SUPPRESSED
    assert "Enter it again" in held.suppressed_because
    assert Delivery.objects.get(recipient__startswith="Teams").state == State.QUEUED


def test_templates__own_words__used_in_chat_and_mail(
    application: Application, receiver: Receiver, mailbox: Mailbox, load_rule: Any
) -> None:
    own = {
        "title_template": "[{{ $severity }}] {{ $summary }}",
        "body_template": "{{ $labels.host }} <b>: {{ $value }}, {{ $firing }} firing. {{ $link }}",
    }
    make_any(receiver, **own)
    save_channel(channel=Channel(name="Mail", address="ops@example.com", is_default=True, **own))
    fire(application)
    tell(30)
    chat = Delivery.objects.get(channel="apprise")
    mail = Delivery.objects.get(channel="email")
    assert chat.subject == mail.subject == "[Warning] Load of erp1 is high"
    assert chat.text.startswith("erp1 <b>: 3, 1 firing. http")
    assert mail.text.strip() == chat.text
    assert "&lt;b&gt;" in mail.html


@pytest.fixture
def limited(receiver: Receiver) -> Channel:
    return make_any(receiver, limit_count=1, limit_minutes=60)


def suppressed() -> list[str]:
    return list(
        Delivery.objects.filter(state=State.SUPPRESSED).order_by("pk").values_list("suppressed_because", flat=True)
    )


def test_limit__second_message__recorded_with_the_reason(application: Application, limited: Channel) -> None:
    make_rule(name="Load")
    make_rule("load > 2", name="High load")
    fire(application)
    tell(30)
    assert Delivery.objects.filter(state=State.QUEUED).count() == 1
    assert suppressed() == ["rate limit: 1 messages in the last 60 min, at most 1 are let through"]


def test_limit__many_at_once__each_told_as_soon_as_the_limit_allows(application: Application, limited: Channel) -> None:
    for number in range(4):
        make_rule(name=f"Load {number}")
    fire(application)
    for second in range(30, 3 * 3600 + 300, 60):
        tell(second)
    told = list(Delivery.objects.filter(state=State.QUEUED).order_by("pk").values_list("subject", flat=True))
    assert sorted(told) == [f"Warning: Load {number} (host=erp1)" for number in range(4)]
    assert len(suppressed()) == 3
    at = list(Notice.objects.order_by("at").values_list("at", flat=True))
    assert all(later - earlier >= timedelta(hours=1) for earlier, later in pairwise(at[-3:]))


def test_limit__somebody_looks_after_it_meanwhile__not_told_later(application: Application, limited: Channel) -> None:
    make_rule(name="Load")
    make_rule("load > 2", name="High load")
    fire(application)
    tell(30)
    for alert in Alert.objects.all():
        acknowledge_alert(alert_id=alert.pk, by=Actor(name="Ada"))
    for second in range(60, 2 * 3600, 60):
        tell(second)
    assert Delivery.objects.filter(state=State.QUEUED).count() == 1


def test_limit__at_the_end_of_quiet_hours__told_when_it_allows(application: Application, receiver: Receiver) -> None:
    channel = quiet(receiver, minutes=20)
    Channel.objects.filter(pk=channel.pk).update(limit_count=1, limit_minutes=60)
    make_rule(name="Load")
    make_rule("load > 2", name="High load")
    fire(application)
    for second in range(30, 2 * 3600, 30):
        tell(second)
    assert Delivery.objects.filter(state=State.QUEUED).count() == 2


def test_limit__news_of_the_end__does_not_count(application: Application, receiver: Receiver, load_rule: Any) -> None:
    make_any(receiver, limit_count=2, limit_minutes=600)
    fire(application)
    fire(application, host="erp2")
    tell(30)
    fire(application, value=0, host="erp2", at=60)
    fire(application, at=290)
    tell(330)
    assert ChannelMessage.objects.count() == 1


def test_limit__critical__goes_out(application: Application, limited: Channel) -> None:
    make_rule(name="Load")
    make_rule("load > 2", name="High load", severity="critical")
    fire(application)
    tell(30)
    assert suppressed() == []


def test_limit__news_of_the_end__goes_out(application: Application, limited: Channel, load_rule: Any) -> None:
    fire(application)
    tell(30)
    fire(application, host="erp2", at=60)
    fire(application, value=0, at=120)
    tell(330)
    subjects = list(Delivery.objects.filter(state=State.QUEUED).order_by("pk").values_list("subject", flat=True))
    assert subjects == ["Warning: Load of erp1 is high", "Resolved after 2 min: Load of erp1 is high"]
    assert len(suppressed()) == 1


def quiet(receiver: Receiver, *, minutes: int) -> Channel:
    """A channel that is quiet from a while before NOW to so many minutes after it."""
    start, end = moment(-3600), moment(minutes * 60)
    return make_any(
        receiver, quiet_from=time(start.hour, start.minute), quiet_until=time(end.hour, end.minute), quiet_zone="UTC"
    )


def test_quiet__still_firing_at_the_end__told_then_once(
    application: Application, receiver: Receiver, load_rule: Any
) -> None:
    quiet(receiver, minutes=20)
    fire(application)
    for second in range(30, 3600, 30):
        tell(second)
    (reason,) = suppressed()
    assert reason.startswith("quiet hours until ")
    told = Delivery.objects.get(state=State.QUEUED)
    assert told.subject == "Warning: Load of erp1 is high"
    assert AlertGroup.objects.get().deferred == []


def test_quiet__channel_switched_off_before_the_end__not_told_and_the_reason_recorded(
    application: Application, receiver: Receiver, load_rule: Any
) -> None:
    channel = quiet(receiver, minutes=20)
    fire(application)
    tell(30)
    Channel.objects.filter(pk=channel.pk).update(enabled=False)
    for second in range(60, 3600, 30):
        tell(second)
    assert not Delivery.objects.filter(state=State.QUEUED).exists()
    assert [reason.partition(" ")[0] for reason in suppressed()] == ["quiet", f"“{channel.name}”"]


def test_quiet__over_before_the_end__nobody_is_told(
    application: Application, receiver: Receiver, load_rule: Any
) -> None:
    quiet(receiver, minutes=20)
    fire(application)
    tell(30)
    fire(application, value=0, at=300)
    for second in range(330, 3600, 30):
        tell(second)
    assert not Delivery.objects.filter(state=State.QUEUED).exists()


def test_quiet__critical__told_at_once(application: Application, receiver: Receiver) -> None:
    make_rule(name="Load", severity="critical")
    quiet(receiver, minutes=20)
    fire(application)
    tell(30)
    assert Delivery.objects.get().state == State.QUEUED


@pytest.fixture
def caller(application: Application) -> Caller:
    return Caller(application)


def test_channels__made_changed_deleted__secrets_never_come_out(caller: Caller) -> None:
    body = {"name": "Chat", "kind": "slack", "address": "#ops", "url": SLACK, "limit_count": 5, "limit_minutes": 10}
    made = caller.send("post", "/api/v1/channels/", body)
    assert made.status_code == 201, made.json()
    path = f"/api/v1/channels/{made.json()['id']}/"
    changed = caller.send("patch", path, {"address": "#night", "quiet_from": "22:00", "quiet_until": "07:00"})
    assert changed.status_code == 200, changed.json()
    shown = [made, changed, caller.get(path), caller.get("/api/v1/channels/")]
    assert not [answer for answer in shown if "TIiajkdn" in answer.content.decode()]
    channel = Channel.objects.get()
    assert (channel.address, channel.limit_count, channel.application) == ("#night", 5, caller.application)
    assert json.loads(channel.credentials) == {"url": SLACK}
    assert caller.send("delete", path).status_code == 204
    assert Channel.objects.count() == 0


def test_channels__anything_wrong__field_named_and_nothing_stored(caller: Caller) -> None:
    body = {"name": "SMS", "kind": "sms", "address": "0170", **TWILIO, "body_template": "{{ $x }}", "limit_count": 3}
    answer = caller.send("post", "/api/v1/channels/", body)
    assert answer.status_code in {400, 422}
    assert {error["field"] for error in answer.json()["errors"]} == {"address", "body_template", "limit_minutes"}
    assert TOKEN not in answer.content.decode()
    assert Channel.objects.count() == 0


def test_channels__name_taken__said(caller: Caller) -> None:
    make_channel(name="Taken")
    answer = caller.send("post", "/api/v1/channels/", {"name": "Taken", "kind": "email"})
    assert answer.json()["errors"][0]["field"] == "name"


def test_channels__test__arrives(caller: Caller, services: Services) -> None:
    channel = make("slack", application=caller.application, is_default=False)
    answer = caller.send("post", f"/api/v1/channels/{channel.pk}/test/")
    assert (answer.status_code, answer.json()) == (202, {"recipients": 1})
    send()
    assert len(services.requests) == 1


def test_channels__more_than_twenty_addresses__refused_and_nothing_stored(caller: Caller) -> None:
    for kind, many in (
        ("email", [f"p{n}@example.com" for n in range(21)]),
        ("sms", [f"+49170123456{n:02}" for n in range(21)]),
    ):
        body = {"name": "Many", "kind": kind, "address": ",".join(many), **(TWILIO if kind == "sms" else {})}
        (error,) = caller.send("post", "/api/v1/channels/", body).json()["errors"]
        assert error["field"] == "address"
        assert "20" in error["detail"]
        assert "21" in error["detail"]
    assert Channel.objects.count() == 0


def test_channels__tested_too_often__wait_is_named_and_nothing_queued(caller: Caller) -> None:
    channel = make_channel("ops@example.com", application=caller.application)
    answers = [caller.send("post", f"/api/v1/channels/{channel.pk}/test/") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert 3500 < int(answers[-1]["Retry-After"]) <= 3600
    assert "Deliveries shows" in answers[-1].json()["detail"]
    assert Delivery.objects.count() == 5


def test_test__new_channels_of_one_application__twenty_an_hour(application: Application) -> None:
    for number in range(20):
        send_test(channel=make_channel(f"p{number}@example.com", application=application), by=BY)
    with pytest.raises(TooManyTests, match="too many tests"):
        send_test(channel=make_channel("p20@example.com", application=application), by=BY)
    assert send_test(channel=make_channel("ops@example.com"), by=BY) == 1


def test_channel_page__tested_too_often__says_when_again(admin: Client) -> None:
    channel = make_channel("ops@example.com")
    address = reverse("admin:alerts_channel_try_out", args=[channel.pk])
    pages = [admin.post(address, follow=True).content.decode() for _ in range(6)]
    assert ["too many tests" in page for page in pages] == [False] * 5 + [True]
    data = {"action": "send_tests", "_selected_action": [channel.pk]}
    assert (
        "too many tests" in admin.post(reverse("admin:alerts_channel_changelist"), data, follow=True).content.decode()
    )
    assert Delivery.objects.count() == 5


def test_channels__of_all_applications__read_only(caller: Caller) -> None:
    path = f"/api/v1/channels/{make('slack').pk}/"
    assert caller.get(path).status_code == 200
    assert caller.send("patch", path, {"name": "Mine"}).status_code == 409
    assert caller.send("delete", path).status_code == 409
    assert caller.send("post", f"{path}test/").status_code == 409


def test_channels__of_another_application__not_there(caller: Caller) -> None:
    other = make("slack", application=make_application(name="Other"), is_default=False)
    assert caller.get(f"/api/v1/channels/{other.pk}/").status_code == 404
    rule = {"name": "R", "condition": "load > 1", "channels": [other.pk]}
    assert "channels" in caller.send("post", "/api/v1/rules/", rule).content.decode()


def test_channels__key_that_may_only_read__can_change_nothing(application: Application) -> None:
    reader = Caller(application, scopes=("read",))
    assert reader.send("post", "/api/v1/channels/", {"name": "X", "kind": "email"}).status_code == 403


def test_channels__one_row_and_three__the_same_queries(caller: Caller) -> None:
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make_channel()
        caller.get("/api/v1/channels/")
        with CaptureQueriesContext(connection) as found:
            assert caller.get("/api/v1/channels/").status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_channel__named_by_others__is_given_to_no_single_application(admin: Client, application: Application) -> None:
    hook = make_channel("https://ops.example.com/alerts", name="Ops webhook", kind="webhook")
    for name in ("Load", "Memory"):
        make_rule(name=name, channel_ids=(hook.pk,))
    own = make_rule(name="Own", application_id=application.pk, channel_ids=(hook.pk,))
    policy = save_policy(policy=Policy(name="Night"), steps=[make_draft(StepKind.CHANNEL, [hook])])
    form = {
        "name": hook.name,
        "kind": "webhook",
        "address": hook.address,
        "enabled": "on",
        "application": application.pk,
    }
    words = "“Load”, “Memory” and “Night” name this channel and are not of this application alone."

    page = admin.post(reverse("admin:alerts_channel_change", args=[hook.pk]), form).content.decode()
    hook.application = application
    with pytest.raises(ChannelInvalid) as refused:
        save_channel(channel=hook)

    assert words in page
    assert refused.value.errors == {"application": words}
    Rule.objects.exclude(pk=own.pk).delete()
    policy.delete()
    save_channel(channel=hook)
    assert Channel.objects.get().application == application


def test_channel__named_by_others_already__can_still_be_changed(application: Application) -> None:
    hook = make_channel("https://ops.example.com/alerts", kind="webhook")
    make_rule(channel_ids=(hook.pk,))
    Channel.objects.update(application=application)
    hook = Channel.objects.get()
    hook.enabled = False
    save_channel(channel=hook)
    assert not Channel.objects.get().enabled


def test_preview__own_words__on_the_newest_alert(admin: Client, application: Application) -> None:
    fields = {"kind": "slack", "body_template": "{{ $severity }}! {{ $labels.host }}"}
    page = reverse("admin:alerts_channel_preview")
    assert "no alert yet" in admin.post(page, fields).content.decode()
    make_rule(name="Load")
    fire(application)
    assert "Warning! erp1" in admin.post(page, fields).content.decode()
    assert "is not known" in admin.post(page, {**fields, "body_template": "{{ $x }}"}).content.decode()
    for kind in ("email", "webhook", "sms", "phone", "teams", "apprise"):
        assert admin.post(page, {"kind": kind}).status_code == 200


def test_list__tests_of_selected__queued(admin: Client) -> None:
    channel = make_channel("ops@example.com")
    data = {"action": "send_tests", "_selected_action": [channel.pk]}
    admin.post(reverse("admin:alerts_channel_changelist"), data)
    assert Delivery.objects.get().source == "channel"
