"""Alerts from outside, from the request down to rows, messages and pages."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.enums import AlertSource
from alerts.escalation import StepKind
from alerts.models import Alert, AlertGroup, AlertTransition, Channel, Policy
from alerts.services import incoming
from alerts.services.alerts import acknowledge_alert, close_alert
from alerts.services.incoming import expire_alerts, take_reports
from alerts.services.policies import RouteDraft, make_draft, save_policy, save_route
from alerts.services.retention import prune_alerts
from config.actors import Actor
from config.deliveries.models import Delivery
from config.outbox.models import Event
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.losses.models import LossAccount
from tests.alerts.test_incoming_reports import GRAFANA, say
from tests.support.admin import sign_in
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, moment, report, states, tell
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
V1, V2 = "/alertmanager/api/v1/alerts", "/alertmanager/api/v2/alerts"
ANY, GRAFANA_URL = "/api/v1/alerts/incoming/", "/api/v1/alerts/incoming/grafana/"
ALERTMANAGER_URL = "/api/v1/alerts/incoming/alertmanager/"


class Sender:
    """A system with a key of an application."""

    def __init__(self, application: Application, *, scopes: tuple[str, ...] = ("ingest",)) -> None:
        self.application = application
        self.token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes).token
        self.client = Client(headers={"Authorization": f"Bearer {self.token}"})

    def post(self, path: str, body: Any, **headers: str) -> Any:
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.client.post(path, data=data, content_type="application/json", headers=headers or None)


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


@pytest.fixture
def sender(application: Application) -> Sender:
    return Sender(application)


def stamp(seconds: float) -> str:
    return (timezone.now() + timedelta(seconds=seconds)).isoformat()


def entry(name: str = "Down", *, starts: float = -30, ends: float = 240, **fields: Any) -> dict[str, Any]:
    labels = {"alertname": name, "severity": "critical", "job": "erp", **fields.pop("labels", {})}
    return {"labels": labels, "startsAt": stamp(starts), "endsAt": stamp(ends), **fields}


def account(application: Application) -> tuple[int, int, int]:
    """Return how many alerts of an application were stored, refused and over a limit."""
    rows = LossAccount.objects.filter(application=application, signal="alerts")
    return tuple(sum(column) for column in zip(*rows.values_list("stored", "refused", "limited"), strict=True)) or (
        0,
        0,
        0,
    )  # type: ignore[return-value]


def take(
    application: Application, *alerts: dict[str, Any], at: float = 0, source: AlertSource = AlertSource.HTTP
) -> Any:
    """Take our own JSON at a chosen moment."""
    reading = say({"alerts": list(alerts)})
    assert not reading.refused
    return take_reports(
        application_id=application.pk, source=source, reports=reading.reports, refused=0, now=moment(at)
    )


def test_prometheus__fires_and_resolves__one_alert_with_its_story(sender: Sender, application: Application) -> None:
    url = "http://prometheus:9090/graph?g0.expr=up"
    answer = sender.post(V2, [entry(generatorURL=url, annotations={"summary": "ERP is down"})])
    assert (answer.status_code, answer.content) == (200, b"")

    alert = Alert.objects.get()
    assert (alert.rule, alert.source, alert.name, alert.severity) == (None, "prometheus", "Down", "critical")
    assert (alert.labels, alert.summary, alert.generator_link) == ({"job": "erp"}, "ERP is down", url)
    assert alert.expires_at is not None

    sender.post(V2, [entry(ends=-1)])
    assert states() == ["resolved"]
    assert [(each.from_state, each.to_state) for each in AlertTransition.objects.all()] == [
        ("inactive", "firing"),
        ("firing", "resolved"),
    ]
    assert list(Event.objects.order_by("pk").values_list("type", flat=True)) == ["alert.firing", "alert.resolved"]
    assert account(application) == (2, 0, 0)


def test_prometheus__repeats_itself__one_alert_that_lasts_longer(sender: Sender) -> None:
    sender.post(V2, [entry(ends=60)])
    first = Alert.objects.get()
    for _ in range(5):
        sender.post(V2, [entry(ends=240, annotations={"summary": "now 97 %"})])

    alert = Alert.objects.get()
    assert alert.expires_at is not None
    assert first.expires_at is not None
    assert alert.expires_at > first.expires_at + timedelta(seconds=100)
    assert alert.last_seen_at > first.last_seen_at
    assert alert.annotations == {"summary": "now 97 %"}
    assert (AlertTransition.objects.count(), alert.version) == (1, first.version)
    sender.post(V2, [entry(ends=60)])
    assert Alert.objects.get().expires_at == alert.expires_at


def test_repetition__many_alerts__as_few_queries_as_one(sender: Sender) -> None:
    counts = []
    for number in (1, 50):
        body = [entry(f"A{each}") for each in range(number)]
        sender.post(V2, body)
        with CaptureQueriesContext(connection) as found:
            sender.post(V2, body)
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_prometheus__some_invalid__400_and_the_others_are_taken(sender: Sender, application: Application) -> None:
    answer = sender.post(V2, [entry(), {"labels": {}}, entry("X", starts=10, ends=5)])
    assert answer.status_code == 400
    assert answer.json() == (
        "alert 1: labels: at least one label pair required; alert 2: endsAt: start time must be before end time"
    )
    assert states() == ["firing"]
    assert account(application) == (1, 2, 0)


def test_prometheus_v1__answers_in_its_own_words(sender: Sender) -> None:
    assert sender.post(V1, [entry()]).json() == {"status": "success"}
    refused = sender.post(V1, [{"labels": {}}])
    assert (refused.status_code, refused.json()["errorType"]) == (400, "bad_data")
    assert sender.post(V1, "{}").json()["status"] == "error"


@pytest.mark.parametrize("body", ["", "{", "{}", "[" * 50_000, b"\xff"])
def test_prometheus__body_broken__400_and_counted(sender: Sender, application: Application, body: Any) -> None:
    answer = sender.post(V2, body)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert LossAccount.objects.get(application=application, signal="bodies").refused == 1


def test_body__over_a_mebibyte__413_also_when_it_was_small_on_the_wire(sender: Sender) -> None:
    body = json.dumps([entry(annotations={"x": "y" * 1_100_000})]).encode()
    assert sender.post(V2, body).status_code == 413
    assert sender.post(ANY, gzip.compress(body), **{"Content-Encoding": "gzip"}).status_code == 413
    assert states() == []


@pytest.mark.parametrize("path", [V1, V2, ANY, GRAFANA_URL, ALERTMANAGER_URL])
def test_doors__wrong_key_or_scope__are_closed(application: Application, path: str) -> None:
    assert Client().post(path, data="[]", content_type="application/json").status_code == 401
    assert Sender(application, scopes=("read", "write")).post(path, "[]").status_code == 403
    assert Sender(application).client.get(path).status_code == 405


@pytest.mark.parametrize("path", [V1, V2, ANY, GRAFANA_URL, ALERTMANAGER_URL])
def test_doors__public_key_of_a_page__can_wake_nobody(application: Application, path: str) -> None:
    token = issue_key(application=application, kind=KeyKind.PUBLIC).token
    answer = Client().post(f"{path}?key={token}", data="[]", content_type="application/json")
    assert answer.status_code == 403
    assert "secret key" in answer.content.decode()


def test_doors__key_as_password__is_taken(sender: Sender) -> None:
    secret = base64.b64encode(f"any:{sender.token}".encode()).decode()
    client = Client(headers={"Authorization": f"Basic {secret}"})
    assert client.post(V2, data=json.dumps([entry()]), content_type="application/json").status_code == 200


def test_keys__of_two_applications__alerts_of_their_own(application: Application) -> None:
    other = make_application()
    for one in (application, other):
        Sender(one).post(V2, [entry()])
    Sender(other).post(V2, [entry(ends=-1)])

    assert list(Alert.objects.order_by("pk").values_list("application_id", "state")) == [
        (application.pk, "firing"),
        (other.pk, "resolved"),
    ]
    seen = Sender(other, scopes=("read",)).client.get("/api/v1/alerts/?source=prometheus").json()["results"]
    assert [(row["source"], row["state"]) for row in seen] == [("prometheus", "resolved")]


def test_probes_and_status__as_clients_ask() -> None:
    client = Client()
    assert client.get("/alertmanager/-/ready").content == b"OK"
    assert client.get("/alertmanager/-/healthy").status_code == 200
    assert client.get("/alertmanager/api/v2/status").status_code == 401
    known = Sender(make_application()).client
    assert known.get("/alertmanager/api/v2/status").json()["versionInfo"]["version"] == "0.25.0"
    assert known.get("/alertmanager/api/v1/status").json()["status"] == "success"
    assert known.post("/alertmanager/api/v2/status").status_code == 405


def test_grafana__documented_body__alert_with_picture_and_value(sender: Sender) -> None:
    answer = sender.post(GRAFANA_URL, GRAFANA)
    assert answer.json() == {"stored": 2, "limited": 0, "refused_count": 0, "refused": []}
    alert = Alert.objects.get()
    assert (alert.source, alert.value, alert.expires_at) == ("grafana", 44.23943737541908, None)

    over = json.loads(GRAFANA)
    over["alerts"][0] |= {"status": "resolved", "endsAt": "2021-10-12T10:01:03+02:00"}
    sender.post(GRAFANA_URL, over)
    assert states() == ["resolved"]
    assert sender.post(GRAFANA_URL, {"alerts": [{"status": "firing"}]}).status_code == 400


def test_webhook__expiry__from_the_address(sender: Sender) -> None:
    body = {"alerts": [{"status": "firing", "labels": {"alertname": "A"}}]}
    sender.post(f"{ALERTMANAGER_URL}?expire_after=3600", body)
    assert Alert.objects.get().expires_at is not None
    for wrong in ("59", "x", "-1", "9" * 12):
        assert sender.post(f"{ALERTMANAGER_URL}?expire_after={wrong}", body).status_code == 400


def test_generic__nothing_taken__400_naming_each(sender: Sender) -> None:
    answer = sender.post(ANY.rstrip("/"), {"alerts": [{"title": "A"}, {"severity": "info"}]})
    assert answer.json()["refused"] == [{"index": 1, "field": "title", "reason": "is missing"}]
    problem = sender.post(ANY, {"severity": "info"})
    assert (problem.status_code, problem.json()["errors"][0]["field"]) == (400, "alerts.0.title")


def test_report__twice__changes_nothing(application: Application) -> None:
    for _ in range(2):
        take(application, {"title": "A", "key": "x"})
    for _ in range(2):
        take(application, {"key": "x", "status": "resolved"}, at=10)
    assert states() == ["resolved"]
    assert AlertTransition.objects.count() == 2


DISK = {"title": "Disk filling", "key": "disk", "severity": "warning"}
FULL = {**DISK, "title": "Disk full", "severity": "critical", "annotations": {"description": "Nothing fits."}}


def subjects() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("subject", flat=True))


def test_report__same_key_but_worse__one_alert_as_it_is_now_and_told_at_once(application: Application) -> None:
    make_channel(is_default=True)
    take(application, DISK)
    tell(40)

    take(application, {**FULL, "labels": {"host": "erp1"}}, at=60)
    tell(65)

    alert = Alert.objects.get()
    assert (alert.name, alert.severity, alert.labels) == ("Disk full", "critical", {"host": "erp1"})
    assert alert.annotations == {"description": "Nothing fits."}
    assert [each.text for each in alert.comments.all()] == ["It is reported as critical now."]
    assert subjects() == ["Warning: Disk filling", "Critical: Disk full (host=erp1)"]
    take(application, {**FULL, "labels": {"host": "erp1"}}, at=70)
    tell(400)
    assert len(subjects()) == 2


def test_report__same_key_and_less_bad__described_anew_and_neither_lowered_nor_told(application: Application) -> None:
    make_channel(is_default=True)
    take(application, FULL)
    tell(40)

    take(application, DISK, at=60)
    take(application, FULL, at=70)
    take(application, {**DISK, "title": "Disk emptier"}, at=80)
    tell(400)

    alert = Alert.objects.get()
    assert (alert.name, alert.severity, alert.annotations) == ("Disk emptier", "critical", {})
    assert len(subjects()) == 1


def test_report__worse_than_what_somebody_acknowledged__calls_anew(application: Application) -> None:
    make_channel(is_default=True)
    take(application, DISK)
    tell(40)
    acknowledge_alert(alert_id=Alert.objects.get().pk, by=Actor(name="Ada"))

    take(application, FULL, at=60)
    tell(65)

    assert Alert.objects.get().acknowledged_at is None
    assert subjects()[1:] == ["Critical: Disk full"]


def test_report__worse_in_quiet_hours__made_up_for_when_they_are_over(application: Application) -> None:
    start, end = moment(50), moment(20 * 60)
    hours = {"quiet_from": time(start.hour, start.minute), "quiet_until": time(end.hour, end.minute)}
    make_channel(is_default=True)
    take(application, {**DISK, "severity": "info"})
    tell(40)
    Channel.objects.update(quiet_zone="UTC", **hours)
    take(application, DISK, at=60)
    for second in range(65, 1500, 30):
        tell(second)
    sent = Delivery.objects.filter(suppressed_because="").values_list("subject", flat=True)
    assert list(sent.order_by("pk"))[-1:] == ["Warning: Disk filling"]
    assert AlertGroup.objects.get().deferred == []


def test_report__worse_in_quiet_hours_and_again_held_back__made_up_for_all_the_same(application: Application) -> None:
    start, first, second = moment(50), moment(20 * 60), moment(60 * 60)
    make_channel(is_default=True)
    take(application, {**DISK, "severity": "info"})
    tell(40)
    hours = {"quiet_zone": "UTC", "quiet_from": time(start.hour, start.minute)}
    Channel.objects.update(quiet_until=time(first.hour, first.minute), **hours)
    take(application, DISK, at=60)
    tell(65)
    Channel.objects.update(quiet_until=time(second.hour, second.minute), **hours)
    for at in range(1100, 4000, 100):
        tell(at)
    sent = Delivery.objects.filter(suppressed_because="").values_list("subject", flat=True)
    assert list(sent.order_by("pk"))[-1:] == ["Warning: Disk filling"]


def test_report__over_and_again_as_worse_between_two_looks__both_are_told(application: Application) -> None:
    make_channel(is_default=True)
    take(application, DISK)
    tell(40)
    take(application, {**DISK, "status": "resolved"}, at=60)
    take(application, {**DISK, "severity": "critical"}, at=70)
    for at in range(75, 700, 30):
        tell(at)
    first, second = Delivery.objects.order_by("pk")
    assert (first.subject, second.subject) == (
        "Warning: Disk filling",
        "Critical: 1 alert, 1 resolved: Disk filling, …",
    )


def test_report__worse__also_goes_where_routes_lead_by_then_and_its_end_to_all(application: Application) -> None:
    make_channel("ops@example.com", is_default=True)
    steps = [make_draft(StepKind.CHANNEL, [make_channel("boss@example.com")])]
    policy = save_policy(policy=Policy(name="Worst"), steps=steps)
    save_route(draft=RouteDraft("Critical", "severity=critical", policy_id=policy.pk, continues=False))
    take(application, DISK)
    tell(40)

    take(application, FULL, at=60)
    tell(65)
    tell(100)
    take(application, {**FULL, "status": "resolved"}, at=200)
    tell(600)

    told = Delivery.objects.order_by("pk").values_list("recipient", "subject")
    assert [(address, subject.partition(" ")[0]) for address, subject in told if address == "boss@example.com"] == [
        ("boss@example.com", "Critical:"),
        ("boss@example.com", "Resolved"),
    ]
    assert [subject.partition(" ")[0] for address, subject in told if address == "ops@example.com"] == [
        "Warning:",
        "Critical:",
        "Resolved",
    ]


def test_report__again_after_its_end__a_new_alert(application: Application) -> None:
    take(application, {"title": "A"})
    take(application, {"title": "A", "status": "resolved"}, at=10)
    take(application, {"title": "A"}, at=20)
    assert states() == ["resolved", "firing"]


def test_report__late__is_no_new_alert(application: Application) -> None:
    began = {"title": "A", "starts_at": moment(0).isoformat()}
    for source, expected in ((AlertSource.PROMETHEUS, ["resolved"]), (AlertSource.GRAFANA, ["resolved", "firing"])):
        take(application, began, source=source)
        take(application, {"title": "A", "status": "resolved", "ends_at": moment(30).isoformat()}, at=31, source=source)
        take(application, began, at=60, source=source)
        assert list(Alert.objects.filter(source=source).order_by("pk").values_list("state", flat=True)) == expected


def test_end_of_an_earlier_one__comes_late__the_new_one_goes_on(application: Application) -> None:
    take(application, {"title": "A", "starts_at": moment(100).isoformat()}, at=100)
    end = {"title": "A", "status": "resolved", "starts_at": moment(0).isoformat(), "ends_at": moment(50).isoformat()}
    take(application, end, at=101)
    assert states() == ["firing"]


def test_resolved_time__never_before_it_fired(application: Application) -> None:
    take(application, {"title": "A"}, at=10)
    take(application, {"title": "A", "status": "resolved", "ends_at": moment(9).isoformat()}, at=9)
    alert = Alert.objects.get()
    assert alert.state == "resolved"
    assert alert.resolved_at == alert.fired_at


def test_sources__same_labels__alerts_of_their_own(application: Application) -> None:
    take(application, {"title": "A"}, source=AlertSource.HTTP)
    take(application, {"title": "A"}, source=AlertSource.GRAFANA)
    assert states() == ["firing", "firing"]


def test_open_alerts__beyond_the_limit__429_and_counted(
    sender: Sender, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_OPEN", 2)
    answer = sender.post(V2, [entry("A"), entry("B"), entry("C")])
    assert answer.status_code == 429
    assert sender.post(V2, [entry("A"), entry("B")]).status_code == 200
    assert sender.post(ANY, {"title": "X"}).status_code == 429
    assert account(application) == (4, 0, 2)
    sender.post(V2, [entry("A", ends=-1)])
    assert sender.post(ANY, {"title": "X"}).json()["stored"] == 1


def test_expiry__no_news__over_by_itself(application: Application) -> None:
    take(application, {"title": "A", "expires_in_seconds": 60}, {"title": "B"})
    assert expire_alerts(now=moment(59)) == 0
    assert expire_alerts(now=moment(60)) == 1
    assert expire_alerts(now=moment(61)) == 0
    alert = Alert.objects.get(name="A")
    assert (alert.state, alert.source_ended_at) == ("resolved", None)
    assert alert.transitions.last().reason == "HTTP had no more news of it in the time that it had set."  # type: ignore[union-attr]
    assert Alert.objects.get(name="B").state == "firing"


def test_expiry__reported_again_afterwards__fires_anew(application: Application) -> None:
    alert = {"title": "A", "starts_at": moment(0).isoformat(), "expires_in_seconds": 60}
    take(application, alert)
    expire_alerts(now=moment(61))
    take(application, alert, at=62)
    assert states() == ["resolved", "firing"]


def test_expiry__the_product_was_away__waits_until_senders_were_heard(application: Application) -> None:
    take(application, {"title": "A", "expires_in_seconds": 60})
    tell(0)
    tell(3600)
    tell(3650)
    assert states() == ["firing"]
    tell(3700)
    assert states() == ["resolved"]


def test_messages__default_channels_are_told_of_both(application: Application) -> None:
    make_channel(is_default=True)
    take(application, {"title": "Backup failed", "severity": "critical", "url": "https://backup/log"})
    tell(30)
    take(application, {"title": "Backup failed", "status": "resolved"}, at=90)
    tell(330)

    fired, over = Delivery.objects.order_by("pk")
    assert (fired.subject, over.subject[:14]) == ("Critical: Backup failed", "Resolved after")
    assert "“Default channels” sends to you what HTTP reports" in fired.text
    assert "Where it comes from: https://backup/log" in fired.text
    assert "Reported by: HTTP" in over.text
    assert "https://backup/log" in over.html


def test_messages__webhook__source_as_generator(application: Application) -> None:
    make_channel("https://hooks.example.com/x", kind="webhook", is_default=True)
    take(application, {"title": "A", "url": "javascript:alert(1)"}, {"title": "B", "url": "https://b/"})
    tell(30)
    urls = {delivery.payload["alerts"][0]["generatorURL"] for delivery in Delivery.objects.all()}
    assert "https://b/" in urls
    assert not any(url.startswith("javascript") for url in urls)


def test_people__acknowledge_and_close__as_with_any_alert(application: Application) -> None:
    take(application, {"title": "A"})
    alert = Alert.objects.get()
    assert acknowledge_alert(alert_id=alert.pk, by=Actor(name="Ada"))
    assert close_alert(alert_id=alert.pk, by=Actor(name="Ada"))
    take(application, {"title": "A"}, at=60)
    assert states() == ["resolved", "firing"]


def test_rules__beside_outside_alerts__are_evaluated(application: Application) -> None:
    take(application, {"title": "A"})
    make_rule()
    report(application, 3)
    assert evaluate(0) is not None
    assert states() == ["firing", "firing"]
    assert AlertGroup.objects.count() == 2


def test_flapping__outside_alerts_too__are_held(application: Application) -> None:
    make_channel(is_default=True)
    for turn in range(8):
        take(application, {"title": "A"}, at=turn * 20)
        if turn < 7:
            take(application, {"title": "A", "status": "resolved"}, at=turn * 20 + 10)
    tell(150)
    assert Alert.objects.get(state="firing").holds.filter(kind="flapping").exists()


def test_constraints__rule_and_source__never_both_nor_neither(application: Application) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_alert(application, source="http")
    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.filter(pk=make_alert(application).pk).update(rule=None)


def test_pages__outside_alert__says_whose_and_links_only_to_web_addresses(
    client: Client, application: Application
) -> None:
    take(application, {"title": "Good", "url": "https://backup/log"}, {"title": "Evil", "url": "javascript:alert(1)"})
    sign_in(client, "alerts.view_alert")
    good, evil = (
        client.get(reverse("admin:alerts_alert_change", args=[Alert.objects.get(name=name).pk])).content.decode()
        for name in ("Good", "Evil")
    )
    assert 'href="https://backup/log"' in good
    assert "Reported by" in good
    assert 'href="javascript' not in evil
    assert "javascript:alert(1)" in evil
    listed = client.get(reverse("admin:alerts_alert_changelist"), {"source": "http"}).content.decode()
    assert "Evil" in listed
    assert "Evil" not in client.get(reverse("admin:alerts_alert_changelist"), {"source": "own"}).content.decode()


def test_prometheus_api__outside_alert__is_there_with_its_source(application: Application) -> None:
    take(application, {"title": "A", "url": "https://a/"})
    client = Sender(application, scopes=("read",)).client
    (alert,) = client.get("/prometheus/api/v1/alerts").json()["data"]["alerts"]
    assert (alert["source"], alert["generatorURL"], alert["labels"]["alertname"]) == ("http", "https://a/", "A")


def test_retention__outside_alerts__are_pruned_like_others(application: Application) -> None:
    take(application, {"title": "A"})
    take(application, {"title": "A", "status": "resolved"}, at=10)
    assert prune_alerts(now=moment(800 * 86_400)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_senders__the_same_at_once__one_alert(application: Application) -> None:
    make_channel(is_default=True)
    alerts = [{"title": f"A{number}"} for number in range(20)]
    problems: list[BaseException] = []
    start = threading.Barrier(6)

    def send(turn: int) -> None:
        try:
            start.wait(10)
            for step in range(5):
                status = "resolved" if turn % 3 == 2 and step == 2 else "firing"
                take(application, *({**alert, "status": status} for alert in alerts), at=step)
                expire_alerts(now=moment(step))
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=(turn,)) for turn in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert problems == []
    assert Alert.objects.filter(state="firing").count() == 20
    for alert in Alert.objects.all():
        ways = [(each.from_state, each.to_state) for each in alert.transitions.all()]
        assert ways == [("inactive", "firing"), ("firing", "resolved")][: 2 if alert.state == "resolved" else 1]


@pytest.mark.django_db(transaction=True)
def test_answer__written_before_it_is_given(application: Application) -> None:
    sender = Sender(application)
    assert sender.post(V2, [entry()]).status_code == 200
    seen: list[int] = []

    def look() -> None:
        seen.append(Alert.objects.count())
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join(30)
    assert seen == [1]
