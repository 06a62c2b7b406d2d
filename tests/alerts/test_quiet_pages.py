"""Inhibitions and components as pages, and all that holds alerts over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.component_tree import Health, draw_tree
from alerts.inhibit_drafts import ComponentDraft, InhibitDraft
from alerts.models import Component, InhibitRule, Silence
from alerts.routing.components import Component as Judged
from alerts.routing.matchers import parse_matchers
from alerts.services.components import save_component
from alerts.services.inhibitions import install_inhibitions, save_inhibition
from alerts.services.silences import create_silence
from alerts.silencing import SilenceDraft
from config.actors import Actor
from monitoring.applications.models import Application
from monitoring.uptime.services.maintenance import create_window
from monitoring.uptime.window_drafts import WindowDraft
from tests.support.alerts import make_alert, make_rule, tell
from tests.support.metrics import NOW, make_application
from tests.support.rest import Api

pytestmark = pytest.mark.django_db
IN_TEN_MINUTES = timedelta(minutes=10)


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return str(answer.content.decode())


def make_component(name: str, matchers: str, *parents: Component) -> Component:
    return save_component(draft=ComponentDraft(name, matchers, parent_ids=tuple(one.pk for one in parents)))


def make_silence(application: Application | None = None) -> Silence:
    now = timezone.now()
    draft = SilenceDraft('{host="erp1"}', now, now + IN_TEN_MINUTES, "Known", application.pk if application else None)
    return create_silence(draft=draft, by=Actor(name="Ada"), now=now)


def make_many(name: str) -> None:
    number = InhibitRule.objects.count() + Component.objects.count()
    match name:
        case "alerts_silence":
            make_silence(make_application())
        case "alerts_inhibitrule":
            save_inhibition(draft=InhibitDraft(f"Rule {number}", "a=b", "c=d"))
        case "alerts_component":
            parents = Component.objects.order_by("pk")[:1]
            make_component(f"Part {number}", f"part=p{number}", *parents)
            make_alert(make_application(), rule=make_rule(), labels={"part": f"p{number}"})
        case _:
            now = timezone.now()
            create_window(draft=WindowDraft(make_application().pk, now, now + IN_TEN_MINUTES), now=now)


@pytest.mark.parametrize(
    "name", ["alerts_silence", "alerts_inhibitrule", "alerts_component", "monitoring_maintenancewindow"]
)
def test_list__one_row_and_three__the_same_queries_and_empty_says_what_next(admin_client: Client, name: str) -> None:
    address = reverse(f"admin:{name}_changelist")
    assert "pl-empty" in page(admin_client, address)
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make_many(name)
        page(admin_client, address)
        with CaptureQueriesContext(connection) as queries:
            page(admin_client, address)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_silence_preview__nothing_filled_in_yet__says_what_to_do_and_not_what_is_wrong(admin_client: Client) -> None:
    answer = admin_client.post(reverse("admin:alerts_silence_preview"), {"lasts": "1h"}).content.decode()
    assert "Name a label" in answer
    assert 'role="alert"' not in answer


def test_queue__held_alerts__cost_no_more_queries(admin_client: Client) -> None:
    address = reverse("admin:alerts_alert_changelist")
    make_silence()
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make_alert(make_application(), rule=make_rule())
        tell((timezone.now() - NOW).total_seconds())
        page(admin_client, address)
        with CaptureQueriesContext(connection) as queries:
            assert "Silenced" in page(admin_client, address)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_inhibition__made_previewed_refused_switched_off(admin_client: Client) -> None:
    make_alert(make_application(), rule=make_rule(name="Load"))
    wished = {"name": "Mine", "source_matchers": "alertname=Load", "target_matchers": "{host", "equal": "host, disk"}
    preview = admin_client.post(reverse("admin:alerts_inhibit_preview"), wished).content.decode()
    assert "firing alert matches" in preview
    assert "never closed" in preview

    add = reverse("admin:alerts_inhibitrule_add")
    assert "never closed" in admin_client.post(add, wished).content.decode()
    assert not InhibitRule.objects.exists()
    admin_client.post(add, {**wished, "target_matchers": "severity=warning", "enabled": "on"})
    rule = InhibitRule.objects.get()
    assert (rule.equal, rule.enabled) == (["host", "disk"], True)

    chosen = {"action": "switch_off", "_selected_action": [rule.pk]}
    admin_client.post(reverse("admin:alerts_inhibitrule_changelist"), chosen)
    rule.refresh_from_db()
    assert not rule.enabled


def test_inhibition__ring__is_warned_of(admin_client: Client) -> None:
    save_inhibition(draft=InhibitDraft("One", "a=x", "b=x"))
    save_inhibition(draft=InhibitDraft("Two", "b=x", "a=x"))
    text = page(admin_client, reverse("admin:alerts_inhibitrule_changelist"))
    assert "“One” inhibits what “Two” inhibits what “One” inhibits" in text


def test_inhibition__saved_into_a_ring__warned_of_once_with_all_its_names(admin_client: Client) -> None:
    for name, source, target in (("One", "a=1", "a=2"), ("Apart", "a=8", "a=9"), ("Back", "a=9", "a=8")):
        save_inhibition(draft=InhibitDraft(name, source, target))
    body = {"name": "Two", "source_matchers": "a=2", "target_matchers": "a=1", "enabled": "on"}

    answer = admin_client.post(reverse("admin:alerts_inhibitrule_add"), body, follow=True)

    said = [str(message) for message in answer.context["messages"] if "ring" in str(message)]
    assert [words.count("“One” inhibits what “Two” inhibits what “One”") for words in said] == [1, 0], said


def test_inhibition__built_in__is_not_deleted(admin_client: Client) -> None:
    install_inhibitions()
    rule = InhibitRule.objects.filter(builtin_key="host-cpu").get()
    assert admin_client.post(reverse("admin:alerts_inhibitrule_delete", args=[rule.pk])).status_code == 403
    page(admin_client, rule.get_absolute_url())


def test_component__tree__says_what_is_broken_and_what_is_held(admin_client: Client) -> None:
    host = make_component("Host", 'host="erp1"')
    make_component("Database", 'host="db1"', host)
    make_component("Shop", 'host="shop1"')
    application = make_application()
    for name in ("erp1", "db1"):
        make_alert(application, rule=make_rule(name="Down"), labels={"host": name})
    text = page(admin_client, reverse("admin:alerts_component_changelist"))
    assert "Host is broken: “Down (host=erp1)”." in text
    assert [text.count(health.label) for health in Health] == [1, 1, 1]


def test_component__made_and_loop_refused_in_words(admin_client: Client) -> None:
    add = reverse("admin:alerts_component_add")
    admin_client.post(add, {"name": "Host", "matchers": "host=erp1"})
    host = Component.objects.get()
    admin_client.post(add, {"name": "Database", "matchers": "", "depends_on": [host.pk]})
    database = Component.objects.get(name="Database")
    change = {"name": "Host", "matchers": "host=erp1", "depends_on": [database.pk]}
    text = admin_client.post(host.get_absolute_url(), change).content.decode()
    assert "need each other in a loop" in text
    assert not host.depends_on.exists()
    between = admin_client.post(reverse("admin:alerts_component_preview"), {"matchers": ""}).content.decode()
    assert "stands between" in between
    admin_client.post(reverse("admin:alerts_component_delete", args=[host.pk]), {"post": "yes"})
    assert not Component.objects.filter(name="Host").exists()


def test_draw_tree__diamond_and_loop__each_below_what_it_needs() -> None:
    parts = [
        Judged(1, "Host", parse_matchers("a=x")),
        Judged(2, "Left", parents=(1,)),
        Judged(3, "Right", parents=(1,)),
        Judged(4, "Bottom", parents=(2, 3)),
        Judged(5, "Round", parents=(6,)),
        Judged(6, "About", parents=(5,)),
    ]
    lines = draw_tree(parts, [(9, {"a": "x"})], frozenset())
    shown = [(line.component.name, line.depth, line.is_repeated) for line in lines]
    assert shown == [
        ("Host", 0, False),
        ("Left", 1, False),
        ("Bottom", 2, False),
        ("Right", 1, False),
        ("Bottom", 2, True),
        ("About", 0, False),
        ("Round", 1, False),
        ("About", 2, True),
    ]
    assert (lines[0].health, lines[0].alert_ids) == (Health.BROKEN, (9,))


def test_api__silence_as_alertmanager_writes_it__begun_extended_ended() -> None:
    application = make_application()
    api = Api(application)
    wished = {
        "matchers": [
            {"name": "host", "value": "erp.*", "isRegex": True},
            {"name": "a", "value": "b", "isEqual": False},
        ],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": (timezone.now() + IN_TEN_MINUTES).isoformat(),
        "createdBy": "ignored",
        "comment": "Known",
    }
    made = api("POST", "silences/", wished)
    assert made.status_code == 201
    silence = made.json()
    assert silence["matchers_text"] == '{host=~"erp.*", a!="b"}'
    assert silence["matchers"][0] == {"name": "host", "value": "erp.*", "isRegex": True, "isEqual": True}
    assert (silence["status"], silence["application"]) == ({"state": "active"}, application.pk)
    assert (silence["comment"], silence["reason"], silence["endsAt"]) == ("Known", "Known", silence["ends_at"])

    later = (timezone.now() + 3 * IN_TEN_MINUTES).isoformat()
    assert api("POST", f"silences/{silence['id']}/extend/", {"ends_at": later}).status_code == 200
    assert len(api("GET", "silences/?state=active").json()["results"]) == 1
    assert api("DELETE", f"silences/{silence['id']}/").status_code == 204
    assert api("GET", f"silences/{silence['id']}/").json()["status"] == {"state": "expired"}
    assert api("POST", f"silences/{silence['id']}/extend/", {"ends_at": later}).status_code == 409


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("reason", {"reason": None}),
        ("ends_at", {"ends_at": "2020-01-01T00:00:00Z"}),
        ("matchers", {"matchers": "{"}),
        ("matchers", {"matchers": [{"name": "host"}]}),
        ("matchers", {"matchers": 3}),
    ],
)
def test_api__wrong_silence__names_the_field(field: str, changes: dict[str, Any]) -> None:
    wished = {"ends_at": (timezone.now() + IN_TEN_MINUTES).isoformat(), "reason": "Known", **changes}
    body = {name: value for name, value in wished.items() if value is not None}
    answer = Api(make_application())("POST", "silences/", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_api__silences_of_others__are_not_there_and_general_ones_stay() -> None:
    theirs, general = make_silence(make_application()), make_silence()
    api = Api(make_application())
    assert [one["id"] for one in api("GET", "silences/").json()["results"]] == [general.pk]
    assert api("DELETE", f"silences/{theirs.pk}/").status_code == 404
    assert api("DELETE", f"silences/{general.pk}/").status_code == 409


def test_api__held_because_of_another_application__says_so_and_no_more() -> None:
    mine, other = make_application(), make_application()
    make_component("Database", 'host="db1"', make_component("Host", 'host="erp1"'))
    save_inhibition(draft=InhibitDraft("Net first", 'host="net"', 'host="client"'))
    make_alert(other, rule=make_rule(), labels={"host": "erp1"}, annotations={"summary": "Secret of theirs"})
    make_alert(other, rule=make_rule(), labels={"host": "net"}, annotations={"summary": "Secret of theirs"})
    held = [make_alert(mine, rule=make_rule(), labels={"host": name}) for name in ("db1", "client")]
    tell(5)
    api = Api(mine)
    answers = [api("GET", f"alerts/{alert.pk}/") for alert in held]
    holds = [answer.json()["holds"][0] for answer in answers]
    assert [(one["kind"], one["reference"]) for one in holds] == [("component", 0), ("inhibition", 0)]
    assert [one["text"] for one in holds] == ["Host is broken.", "An alert of another application fires."]
    assert "Secret" not in api("GET", "components-tree/").content.decode()


def test_api__inhibitions_components_and_holds__can_be_read() -> None:
    application = make_application()
    install_inhibitions()
    host = make_component("Host", 'host="erp1"')
    make_component("Database", 'host="db1"', host)
    alerts = [make_alert(application, rule=make_rule(), labels={"host": name}) for name in ("erp1", "db1")]
    tell(5)
    api = Api(application)
    assert any(one["is_builtin"] for one in api("GET", "inhibitions/").json()["results"])
    tree = api("GET", "components-tree/").json()
    assert [(one["name"], one["depth"], one["health"]) for one in tree] == [
        ("Host", 0, "broken"),
        ("Database", 1, "held"),
    ]
    assert tree[1]["needs"] == [host.pk]
    assert api("GET", f"alerts/{alerts[1].pk}/").json()["holds"][0]["kind"] == "component"
