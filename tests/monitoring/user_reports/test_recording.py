"""From the door to what people said: kept once, matched with its error, told, shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.outbox.models import Event
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorIssue
from monitoring.losses.enums import Signal
from monitoring.losses.selectors import Total, sum_by_signal
from monitoring.user_reports.models import UserReport
from monitoring.user_reports.selectors import find_report
from monitoring.user_reports.services.upkeep import match_reports, prune_reports
from tests.support.admin import sign_in
from tests.support.errors import make_envelope, make_event, make_issue, make_public_key, report, send_envelope
from tests.support.metrics import make_application
from tests.support.user_reports import make_feedback

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/userreport/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return make_public_key(application)


@pytest.fixture
def person(client: Client) -> User:
    return sign_in(client, "monitoring.view_errorissue", "monitoring.view_userreport", "monitoring.view_application")


def say(client: Client, application: Application, key: str, *items: tuple[str, Any], **header: Any) -> None:
    assert send_envelope(client, application, key, make_envelope(*items, **header)).status_code == 200


def test_feedback__in_either_form__is_kept_once_and_told(client: Client, application: Application, key: str) -> None:
    document, older = make_feedback("first"), make_feedback("second")
    crash = {"event_id": uuid4().hex, "name": "Ada", "email": "a@b.cd", "comments": "third"}
    for _ in range(2):
        say(client, application, key, ("feedback", document))
        say(client, application, key, ("event", older), event_id=older["event_id"])
        say(client, application, key, ("user_report", crash))
    assert sorted(UserReport.objects.values_list("message", flat=True)) == ["first", "second", "third"]
    told = Event.objects.filter(type="user_report.received").order_by("pk")
    assert [event.payload["event_id"] for event in told] == ["", "", crash["event_id"]]
    said = find_report(told[0].payload["report_id"])
    assert said is not None
    assert (said.message, said.application_id, said.issue_id) == ("first", application.pk, None)
    totals = sum_by_signal(application_id=application.pk, since=timezone.now() - timedelta(days=1))
    assert totals == {Signal.FEEDBACK: Total(6, 6)}
    assert not ErrorIssue.objects.exists()


def test_feedback__nothing_said__is_refused(client: Client, application: Application, key: str) -> None:
    answer = send_envelope(client, application, key, make_envelope(("feedback", {}), ("user_report", b"[]")))
    assert answer.status_code == 400
    assert "no message" in answer.json()["detail"]


def test_report__about_a_known_error__is_shown_with_its_issue(
    client: Client, application: Application, key: str, person: User
) -> None:
    event = make_event()
    report(application, event)
    say(
        client,
        application,
        key,
        ("user_report", {"event_id": event["event_id"], "name": "Ada", "comments": "It froze"}),
    )
    issue = ErrorIssue.objects.get()
    page = client.get(issue.get_absolute_url()).content.decode()
    assert "It froze" in page
    assert "What people said" in page
    found = client.get(LIST).content.decode()
    assert issue.get_absolute_url() in found
    case = client.get(UserReport.objects.get().get_absolute_url()).content.decode()
    assert "Ada said" in case
    assert issue.get_absolute_url() in case
    sign_in(client, "monitoring.view_errorissue")
    assert "It froze" not in client.get(issue.get_absolute_url()).content.decode()


def test_report__before_its_error__is_matched_later(client: Client, application: Application, key: str) -> None:
    event = make_event()
    say(client, application, key, ("user_report", {"event_id": event["event_id"], "comments": "It froze"}))
    now = timezone.now()
    assert match_reports(now=now) == 0
    report(application, event)
    assert match_reports(now=now) == 1
    assert match_reports(now=now) == 0
    said = find_report(UserReport.objects.get().pk)
    assert said is not None
    assert said.issue_id == ErrorIssue.objects.get().pk


def test_report__of_another_application__is_not_matched(client: Client, application: Application, key: str) -> None:
    event = make_event()
    report(make_application(), event)
    say(client, application, key, ("user_report", {"event_id": event["event_id"], "comments": "It froze"}))
    assert UserReport.objects.get().group_id is None


def test_list__reports__takes_a_constant_number_of_queries(
    client: Client, application: Application, key: str, person: User
) -> None:
    assert "Nobody has said anything yet" in client.get(LIST).content.decode()
    counts = []
    for _ in range(2):
        issue_event = make_event()
        report(application, issue_event)
        for _ in range(len(counts) + 1):
            say(client, application, key, ("feedback", make_feedback(associated_event_id=issue_event["event_id"])))
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_list__searched_and_filtered__shows_what_was_asked_for(
    client: Client, application: Application, key: str, person: User
) -> None:
    say(client, application, key, ("feedback", make_feedback("wrong total", contact_email="ada@example.org")))
    say(client, application, key, ("feedback", make_feedback("too slow")))
    page = client.get(LIST, {"q": "ada@"}).content.decode()
    assert "wrong total" in page
    assert "too slow" not in page
    assert "wrong total" not in client.get(LIST, {"about": "error"}).content.decode()
    assert client.get(f"{LIST}{10**9}/change/").status_code == 404


def test_rest__reports__are_those_of_the_key(client: Client, application: Application, key: str) -> None:
    event = make_event()
    report(application, event)
    issue = ErrorIssue.objects.get()
    say(client, application, key, ("feedback", make_feedback("wrong total", associated_event_id=event["event_id"])))
    say(client, application, key, ("feedback", make_feedback("too slow")))
    other = make_issue(application)
    secret = issue_key(application=application, kind=KeyKind.SECRET).token
    stranger = issue_key(application=make_application(), kind=KeyKind.SECRET).token

    def ask(token: str, **query: Any) -> list[str]:
        answer = client.get("/api/v1/user-reports/", query, headers={"Authorization": f"Bearer {token}"})
        return [each["message"] for each in answer.json()["results"]]

    assert ask(secret) == ["too slow", "wrong total"]
    assert ask(secret, issue=issue.pk) == ["wrong total"]
    assert ask(secret, issue=other.pk) == []
    assert ask(secret, search="slow") == ["too slow"]
    assert ask(stranger) == []
    pk = UserReport.objects.get(message="wrong total").pk
    one = client.get(f"/api/v1/user-reports/{pk}/", headers={"Authorization": f"Bearer {secret}"}).json()
    assert (one["issue_id"], one["release"]) == (issue.pk, "erp@2.1")


def test_prune__old_reports__go(client: Client, application: Application, key: str) -> None:
    say(client, application, key, ("feedback", make_feedback()))
    now = timezone.now()
    assert prune_reports(now=now) == 0
    assert prune_reports(now=now + timedelta(days=401)) == 1


def test_case__of_another_application_than_the_chosen__leads_to_the_person_and_back(
    client: Client, application: Application, person: User
) -> None:
    other = make_application()
    feedback = make_feedback("wrong total", contact_email="ada@example.org")
    say(client, other, make_public_key(other), ("feedback", feedback))
    said = UserReport.objects.get()
    assert said.user_key is not None
    page = client.get(said.get_absolute_url()).content.decode()
    address = f"{reverse('admin:monitoring_person', args=[bytes(said.user_key).hex()])}?application={other.pk}"
    assert address in page
    assert said.get_absolute_url() in client.get(address).content.decode()


def test_case_and_list__reader_may_not_see_errors__shows_none(
    client: Client, application: Application, key: str
) -> None:
    event = make_event("KeyError", "unit", user={"email": "ada@example.org"})
    report(application, event)
    feedback = make_feedback(associated_event_id=event["event_id"], contact_email="ada@example.org")
    say(client, application, key, ("feedback", feedback))
    sign_in(client, "monitoring.view_userreport")
    for address in (LIST, UserReport.objects.get().get_absolute_url()):
        page = client.get(address).content.decode()
        assert "The total is wrong" in page
        assert "KeyError: unit" not in page
        assert "Everything known of them" not in page
