"""Incidents in the admin: the list, declaring, the page of one, the home page, the pages of alerts."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.models import Incident
from incidents.services.progress import acknowledge_incident, resolve_incident
from monitoring.applications.models import Application
from tests.support.admin import sign_in
from tests.support.alerts import make_alert, make_rule, moment
from tests.support.incidents import BY, HOUR, MINUTE, declare, fresh, kinds
from tests.support.metrics import make_application
from tests.support.rosters import make_person, make_roster

pytestmark = pytest.mark.django_db
LIST, ADD = reverse("admin:incidents_incident_changelist"), reverse("admin:incidents_incident_add")
VIEW, MAKE, CHANGE = "incidents.view_incident", "incidents.add_incident", "incidents.change_incident"
FORM = {"title": "Invoices fail", "level": "P2", "description": "Since nine.", "application": "", "alert": ""}


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


def read(client: Client, address: str, **query: str) -> str:
    answer = client.get(address, query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def act(client: Client, incident: Incident, name: str, **body: Any) -> str:
    answer = client.post(reverse(f"admin:incidents_incident_{name}", args=[incident.pk]), body, follow=True)
    return unescape(answer.content.decode())


def resolve(incident: Incident, at: float) -> None:
    resolve_incident(number=incident.pk, text="Restarted.", by=BY, now=moment(at))


def test_list__open_ones_by_need__those_that_are_over_on_request(client: Client) -> None:
    over, mild, answered, bad = (
        declare(title=name, level=level)
        for name, level in (
            ("Was slow", "P1"),
            ("Logo", "P4"),
            ("Stock", "P1"),
            ("Login", "P2"),
        )
    )
    resolve(over, 60)
    acknowledge_incident(number=answered.pk, by=BY, now=moment(60))
    sign_in(client, VIEW)
    with time_machine.travel(moment(MINUTE), tick=False):
        text = read(client, LIST)
    places = [text.index(f">{each.title}<") for each in (bad, mild, answered)]
    assert places == sorted(places)
    assert "Was slow" not in text
    assert "Respond: 29 min left" in text
    assert "Was slow" in read(client, LIST, status="resolved")


def test_list__searched__by_number_title_and_status(client: Client) -> None:
    first, second = declare(title="Login"), declare(title="Stock")
    sign_in(client, VIEW)
    assert ">Login<" in read(client, LIST, q=str(first.number))
    assert ">Stock<" not in read(client, LIST, q=str(first.number))
    assert f"#{second.number}" in read(client, LIST, q="stock")
    assert "Nothing matches" in read(client, LIST, q="9" * 30)
    assert ">Login<" in read(client, LIST, status="late")
    assert ">Login<" not in read(client, LIST, status="closed")


def test_list__empty__says_what_to_do_next(client: Client) -> None:
    sign_in(client, VIEW, MAKE)
    text = read(client, LIST)
    assert "No open incidents" in text
    assert f'href="{ADD}"' in text


@pytest.mark.parametrize("address", ["list", "home", "case"])
def test_page__one_and_three_rows__same_queries(client: Client, application: Application, address: str) -> None:
    sign_in(client, VIEW, MAKE, CHANGE, "alerts.view_alert")
    rule, counts = make_rule(), []
    first = declare(application_id=application.pk, alert_ids=(make_alert(application, rule=rule).pk,))
    url = {"list": LIST, "home": reverse("admin:home_panel", args=["incidents"]), "case": first.get_absolute_url()}[
        address
    ]
    for rows in (0, 2):
        for _ in range(rows):
            declare(application_id=application.pk, alert_ids=(make_alert(application, rule=rule).pk,))
            first.alerts.create(alert_id=make_alert(application, rule=rule).pk, linked_at=moment(0))
        client.get(url)
        with CaptureQueriesContext(connection) as found:
            assert client.get(url).status_code == 200
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_declare__by_hand__kept_and_shown(client: Client, application: Application) -> None:
    sign_in(client, VIEW, MAKE)
    answer = client.post(ADD, {**FORM, "application": application.pk}, follow=True)
    incident = Incident.objects.get()
    assert answer.redirect_chain[-1][0] == incident.get_absolute_url()
    assert (incident.level, incident.application, incident.source) == ("P2", application, "person")
    assert "its clocks run" in answer.content.decode()
    assert "Since nine." in answer.content.decode()


@pytest.mark.parametrize(("field", "value"), [("title", " "), ("level", ""), ("level", "P9"), ("alert", "4711")])
def test_declare__badly__form_again_and_nothing_kept(client: Client, field: str, value: str) -> None:
    sign_in(client, VIEW, MAKE)
    client.post(ADD, {**FORM, field: value})
    assert not Incident.objects.exists()


def test_declare__on_an_alerts_page__filled_in_and_linked_both_ways(client: Client, application: Application) -> None:
    alert = make_alert(application, severity="critical", annotations={"summary": "Queue is full"})
    sign_in(client, VIEW, MAKE, "alerts.view_alert")
    link = f"{ADD}?alert={alert.pk}"
    assert f'href="{link}"' in read(client, alert.get_absolute_url())
    form = read(client, link)
    assert 'value="Queue is full"' in form
    client.post(link, {**FORM, "alert": alert.pk})
    incident = Incident.objects.get()
    assert f'href="{alert.get_absolute_url()}"' in read(client, incident.get_absolute_url())
    page = read(client, alert.get_absolute_url())
    assert f'href="{incident.get_absolute_url()}"' in page
    assert f'href="{link}"' not in page
    assert f"Incident {incident.number} is open" in unescape(
        client.post(link, {**FORM, "alert": alert.pk}).content.decode()
    )
    assert Incident.objects.count() == 1


def test_alert__reader_may_not_see_incidents__shows_none(client: Client, application: Application) -> None:
    alert = make_alert(application)
    incident = declare(alert_ids=(alert.pk,))
    sign_in(client, "alerts.view_alert")
    assert incident.get_absolute_url() not in read(client, alert.get_absolute_url())
    assert client.get(incident.get_absolute_url()).status_code == 403
    assert client.get(ADD).status_code == 403


def test_case__from_declared_to_closed__each_step_in_the_timeline(client: Client) -> None:
    incident = declare()
    sign_in(client, VIEW, CHANGE)
    with time_machine.travel(moment(5 * MINUTE), tick=False):
        assert "You respond to this incident now." in act(client, incident, "acknowledge")
        assert "Somebody responds to it already." in act(client, incident, "acknowledge")
        act(client, incident, "level", level="P2", reason="Only one warehouse.")
        act(client, incident, "note", text="It is the disk.")
        act(client, incident, "note", text="It is the network.", corrects=incident.timeline.latest("pk").pk)
        assert "Say what was done." in act(client, incident, "resolve", text="")
        act(client, incident, "resolve", text="Cable replaced.")
        act(client, incident, "reopen", text="Not yet.")
        act(client, incident, "resolve", text="Switch replaced.")
        text = act(client, incident, "close")
    assert kinds(incident) == [
        "declared",
        "acknowledged",
        "level_changed",
        "note",
        "correction",
        "resolved",
        "reopened",
        "resolved",
        "closed",
    ]
    assert "Switch replaced." in text
    assert "in time" in text
    assert fresh(incident).status == "closed"


def test_case__reader_may_only_look__no_buttons_and_no_effect(client: Client) -> None:
    incident = declare()
    sign_in(client, VIEW)
    assert '<form method="post" action="/admin/incidents' not in read(client, incident.get_absolute_url())
    for name in ("acknowledge", "resolve", "level", "note", "reopen", "close"):
        address = reverse(f"admin:incidents_incident_{name}", args=[incident.pk])
        assert client.post(address, {"text": "x"}).status_code == 403
    assert kinds(incident) == ["declared"]


def test_case__bad_numbers__not_found_or_told(client: Client) -> None:
    incident = declare()
    sign_in(client, VIEW, CHANGE)
    for number in ("4711", "x", "9" * 30):
        assert client.get(f"/admin/incidents/incident/{number}/change/").status_code == 404
    assert "no such entry" in act(client, incident, "note", text="No.", corrects="9" * 30)
    assert kinds(incident) == ["declared"]


def test_case__long_timeline__newest_lines_and_the_way_to_all(client: Client) -> None:
    incident = declare()
    for number in range(120):
        incident.timeline.create(kind="note", at=moment(number), text=f"Line {number}.", author_name="Ada")
    sign_in(client, VIEW)
    text = read(client, incident.get_absolute_url())
    assert "21 earlier entries" in text
    assert "Line 19." not in text
    assert "Line 119." in text
    assert "Line 19." in read(client, incident.get_absolute_url(), whole="1")


def test_case__what_people_wrote__is_shown_as_text(client: Client) -> None:
    incident = declare(title="<script>alert(1)</script>", description="<b>x</b>")
    sign_in(client, VIEW)
    source = client.get(incident.get_absolute_url()).content.decode()
    assert "<script>alert(1)" not in source
    assert "<b>x</b>" not in source


def test_home__incidents_that_wait__named_in_the_headline_and_beside_the_entry(client: Client) -> None:
    sign_in(client, VIEW, MAKE)
    home, panel = reverse("admin:home_headline"), reverse("admin:home_panel", args=["incidents"])
    assert "No incident is open." in read(client, panel)
    incident = declare()
    assert "1 incident has nobody who responds" in read(client, home)
    assert f'href="{incident.get_absolute_url()}"' in read(client, panel)
    acknowledge_incident(number=incident.pk, by=BY, now=moment(60))
    with time_machine.travel(moment(5 * HOUR), tick=False):
        client.force_login(sign_in(client, VIEW))
        assert "1 incident is not resolved in time" in read(client, home)


def test_case__schedules_there_are__says_who_is_on_call_now(client: Client) -> None:
    make_roster(make_person("anna"), name="Nights")
    incident = declare()
    sign_in(client, VIEW)
    assert "Who is on call now" not in read(client, incident.get_absolute_url())
    sign_in(client, VIEW, "alerts.view_oncallschedule")
    page = read(client, incident.get_absolute_url())
    assert "Who is on call now" in page
    assert "anna" in page
    assert "Nights" in page
