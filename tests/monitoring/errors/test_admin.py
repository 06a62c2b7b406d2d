"""Errors in the admin: the queue, the page of one, what people do there."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorHour, ErrorIssue
from monitoring.errors.services.digesting import digest_batch
from monitoring.errors.services.inbox import Incoming, write_events
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake
from tests.support.admin import sign_in
from tests.support.errors import make_event, make_frame, make_issue, report
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
QUEUE = "/admin/monitoring/errorissue/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def person(client: Client) -> User:
    return sign_in(client, "monitoring.view_application", "monitoring.view_errorissue", "monitoring.change_errorissue")


def act(client: Client, issue: ErrorIssue, what: str, **data: str) -> str:
    answer = client.post(reverse(f"admin:monitoring_errorissue_{what}", args=[issue.pk]), data, follow=True)
    assert answer.status_code == 200
    issue.refresh_from_db()
    return str(answer.content.decode())


def test_queue__nothing_yet__says_what_to_do(client: Client, person: User) -> None:
    page = client.get(QUEUE).content.decode()
    assert "No open errors" in page
    assert "DSN" in page


def test_queue__issues__are_shown_with_a_constant_number_of_queries(
    client: Client, person: User, application: Application
) -> None:
    counts = []
    for _ in range(2):
        make_issue(application, release="1.0")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = client.get(QUEUE).content.decode()
        counts.append(len(queries))
        make_issue(application, release="1.1")
    assert counts[0] == counts[1]
    assert "erp.invoices in post_invoice" in page
    assert "pl-spark" in page


def test_queue__resolved__is_shown_on_request(client: Client, person: User, application: Application) -> None:
    issue = make_issue(application)
    act(client, issue, "resolve")
    assert issue.title not in client.get(QUEUE).content.decode()
    assert issue.type in client.get(f"{QUEUE}?status=resolved").content.decode()
    assert issue.type in client.get(f"{QUEUE}?status=all&q=post_invoice").content.decode()


@pytest.mark.parametrize(
    ("action", "states"),
    [
        ("resolve_selected", {"resolved"}),
        ("mute_selected", {"muted"}),
        ("merge_selected", {"new", "merged"}),
        ("reopen_selected", {"new"}),
    ],
)
def test_queue__bulk_action__changes_the_selected(
    client: Client, person: User, application: Application, action: str, states: set[str]
) -> None:
    issues = [make_issue(application), make_issue(application)]
    answer = client.post(QUEUE, {"action": action, "_selected_action": [issue.pk for issue in issues]}, follow=True)
    assert answer.status_code == 200
    assert set(ErrorIssue.objects.values_list("state", flat=True)) == states


def test_issue__page__tells_all_of_it(client: Client, person: User, application: Application) -> None:
    issue = make_issue(
        application,
        frames=[make_frame("dispatch", module="framework", in_app=False), make_frame(vars={"amount": "12"})],
        breadcrumbs={
            "values": [{"category": "ui", "message": "opened invoice 7", "timestamp": 1.0, "level": "error"}, {}]
        },
        request={"method": "POST", "url": "https://erp.example/invoices", "headers": [["User-Agent", "Firefox"]]},
        user={"id": "u42", "email": "ada@example.com"},
        tags={"company": "main"},
        contexts={"browser": {"name": "Firefox", "version": "140"}, "odd": 5},
        extra={"cart": [1, {"a": None}]},
        release="1.0",
        environment="production",
    )
    page = client.get(issue.get_absolute_url()).content.decode()
    for text in (
        "ledger.post(invoice)", "opened invoice 7", "POST https://erp.example/invoices", "ada@example.com", "Firefox 140",
        "company", "your code", "Why these are one issue", "erp.invoices in post_invoice", "It happened for the first time.",
        "production", "&quot;platform&quot;: &quot;python&quot;", "amount",
    ):  # fmt: skip
        assert text in page, text


def test_issue__odd_event__is_shown_all_the_same(client: Client, person: User, application: Application) -> None:
    odd = {
        "message": {"formatted": "<b>odd</b>"}, "breadcrumbs": [5, {"data": [1], "timestamp": "later"}], "request": 5,
        "contexts": [], "extra": "x", "user": [], "exception": {"values": [None, {"stacktrace": {"frames": [None, 5]}}]},
    }  # fmt: skip
    report(application, odd)
    issue = ErrorIssue.objects.get()
    answer = client.get(issue.get_absolute_url())
    assert answer.status_code == 200
    assert "<b>odd</b>" not in answer.content.decode()


def follow(client: Client, page: Any, word: str) -> Any:
    """Follow the step of that name to another event."""
    (query,) = re.findall(rf'href="(\?[^"]+)" rel="\w+">{word}<', page.content.decode())
    return client.get(f"{page.request['PATH_INFO']}{unescape(query)}")


def value_on(page: Any) -> str:
    value: str = page.context["exceptions"][0].record.value
    return value


def test_issue__several_events__can_be_walked_through(client: Client, person: User, application: Application) -> None:
    report(application, *(make_event(value=value) for value in ("first", "second", "third")))
    address = ErrorIssue.objects.get().get_absolute_url()
    newest = client.get(address, {"range": "14d"})
    older = follow(client, newest, "Older")
    oldest = follow(client, older, "First")
    assert [value_on(page) for page in (newest, older, oldest)] == ["third", "second", "first"]
    assert value_on(follow(client, oldest, "Newer")) == "second"
    assert value_on(follow(client, oldest, "Newest")) == "third"
    assert all(f'rel="{rel}"' not in oldest.content.decode() for rel in ("first", "prev"))
    assert 'aria-current="true">14 days' in oldest.content.decode()
    assert client.get(f"{address}?event={'9' * 30}").status_code == 200


def test_issue__course__shows_when_and_the_releases_meanwhile(
    client: Client, person: User, application: Application
) -> None:
    report(application, make_event(release="1.0 <beta>"), make_event(release="1.0 <beta>"))
    issue = ErrorIssue.objects.get()
    page = " ".join(client.get(issue.get_absolute_url()).content.decode().split())
    assert "2 events in 2 days" in re.sub(r"<[^>]+>", "", page)
    assert "Events over time: 2 in all" in page
    assert "1.0 &lt;beta&gt;</title>" in page
    assert re.search(r"<td>[^<]+</td><td>2</td>", page)
    ErrorHour.objects.update(hour=timezone.now() - timedelta(days=30))
    assert "It did not happen in this time" in client.get(issue.get_absolute_url()).content.decode()
    later = client.get(issue.get_absolute_url(), {"range": "90d"}).content.decode()
    assert "Events over time: 2 in all" in later


def test_issue__people__are_listed_and_lead_to_their_page(
    client: Client, person: User, application: Application
) -> None:
    for name in ("anna", "anna", "bo"):
        report(application, make_event(user={"id": name, "email": f"{name}@example.com"}))
    page = client.get(ErrorIssue.objects.get().get_absolute_url()).content.decode()
    (link,) = re.findall(r'href="([^"]+)">anna@example.com</a></div><span[^>]*><span[^>]*>2</span> times', page)
    assert client.get(link).status_code == 200
    assert "bo@example.com" in page


def test_issue__life__is_told_in_its_history(client: Client, person: User, application: Application) -> None:
    issue = make_issue(application)
    assert "comes back" in act(client, issue, "resolve", **{"in": "next_release"})
    assert (issue.state, issue.resolved_in) == ("resolved", "next_release")
    act(client, issue, "reopen")
    act(client, issue, "mute", until="events:10")
    assert (issue.state, issue.muted_until_count) == ("muted", issue.event_count + 10)
    act(client, issue, "reopen")
    act(client, issue, "mute", until="users:10")
    assert (issue.state, issue.muted_until_users) == ("muted", issue.user_count + 10)
    act(client, issue, "reopen")
    assert "has arrived yet" in act(client, issue, "resolve", **{"in": "release:9"})
    act(client, issue, "mute", until="hours:24")
    assert issue.muted_until is not None
    act(client, issue, "assign", assignee=str(person.pk))
    assert issue.assignee == person
    assert "can&#x27;t be given" in act(client, issue, "assign", assignee="99999")
    page = act(client, issue, "comment", text="It is the <tax> service.")
    assert "It is the &lt;tax&gt; service." in page
    assert "until it happened 10 times more" in page
    assert "Write something first." in act(client, issue, "comment", text=" ")
    assert client.get(reverse("admin:monitoring_errorissue_story", args=[issue.pk])).status_code == 200


def test_issue__merged__leads_to_the_other_and_back(client: Client, person: User, application: Application) -> None:
    one, two = make_issue(application), make_issue(application)
    client.post(QUEUE, {"action": "merge_selected", "_selected_action": [one.pk, two.pk]})
    page = client.get(two.get_absolute_url()).content.decode()
    assert "This was merged into" in page
    assert two.type in client.get(one.get_absolute_url()).content.decode()
    act(client, two, "unmerge")
    assert two.state == "ongoing"


def test_issue__without_the_permission__is_closed(client: Client, application: Application) -> None:
    issue = make_issue(application)
    sign_in(client)
    assert client.get(issue.get_absolute_url()).status_code == 403
    sign_in(client, "monitoring.view_errorissue")
    assert (
        "data-key"
        not in client.get(issue.get_absolute_url()).content.decode().split("extrahead")[0].partition("<main")[2]
    )
    assert client.post(reverse("admin:monitoring_errorissue_resolve", args=[issue.pk])).status_code == 403
    assert client.get("/admin/monitoring/errorissue/999999/change/").status_code == 404


def test_losses__page__adds_up_and_names_what_was_set_aside(
    client: Client, person: User, application: Application
) -> None:
    intake = Intake(application.pk, Signal.ERRORS, stored=3, refused=1, dropped=2, lost=7)
    write_events([Incoming.pack(application.pk, uuid4(), timezone.now(), b"5")])
    count_intake(intakes=[intake], now=timezone.now())
    digest_batch()
    page = client.get("/admin/monitoring/losses/?range=7d").content.decode()
    assert "the event is not a JSON object" in page
    assert "Lost at the client" in page
    call_command("retry_errors")
    assert digest_batch().set_aside == 1


def test_issue_page__number_that_is_no_number__is_not_found(client: Client, person: User) -> None:
    assert client.get("/admin/monitoring/errorissue/²/change/").status_code in {302, 404}
