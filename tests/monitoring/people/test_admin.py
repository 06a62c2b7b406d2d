"""The page of one person, and finding them."""

from __future__ import annotations

from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.browser.records import VitalRecord
from monitoring.errors.events import make_user_key
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.usage.records import UsageEvent
from monitoring.user_reports.models import UserReport
from tests.support.admin import sign_in
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.performance import make_request
from tests.support.releases import make_session, store_sessions

pytestmark = pytest.mark.django_db
SEARCH, REQUESTS = "/admin/monitoring/people/", "/admin/monitoring/requests/"


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(client, "monitoring.view_errorissue", "monitoring.view_application")
    return client


def read(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query, follow=True)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def make_life(application: Application, value: str = "unit") -> bytes:
    """Everything that can be known of user 42."""
    key = make_user_key({"id": "42"})
    assert key is not None
    report(application, make_event("KeyError", value, user={"id": 42, "email": "ada@example.com"}))
    store_sessions(application, make_session(did="42", status="crashed"))
    now = timezone.now()
    batch = Batch(application.pk)
    batch.add(make_request(application.pk, started_at=now, user_key=key), signal="transactions")
    batch.add(UsageEvent(application.pk, now, "feature", name="post-invoice", user_key=key), signal="events")
    batch.add(VitalRecord(application.pk, now, "load", 1.0, page="/orders/{id}", user_key=key), signal="vitals")
    store_batch(batch)
    return key


def test_search__by_id__leads_to_the_person(reader: Client, application: Application) -> None:
    key = make_life(application)
    page = read(reader, SEARCH, q="42")
    for expected in ("KeyError: unit", "GET /orders/{id}", "post-invoice", "/orders/{id}", "crashed", key.hex()):
        assert expected in page


def test_search__nobody_or_nothing__says_how_people_are_named(reader: Client, application: Application) -> None:
    assert "Nobody who is called “4711” was seen" in read(reader, SEARCH, q="4711")
    assert "written exactly as the application has it" in read(reader, SEARCH)


def test_person__of_another_application__is_not_shown(reader: Client, application: Application) -> None:
    key = make_life(make_application())
    assert "Nothing is known of this person" in read(reader, reverse("admin:monitoring_person", args=[key.hex()]))


def test_person__no_key__is_not_found(reader: Client, application: Application) -> None:
    for text in ("zz", "ab", "ab" * 17):
        assert reader.get(f"{SEARCH}{text}/").status_code == 404


def test_person__one_error_or_three__asks_the_same_number_of_queries(reader: Client, application: Application) -> None:
    address = reverse("admin:monitoring_person", args=[make_life(application).hex()])
    counts = []
    for value in ("unit", "price", "stock"):
        make_life(application, value)
        if value != "price":
            with CaptureQueriesContext(connection) as asked:
                read(reader, address)
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_issue__of_an_event_with_trace_release_and_person__leads_to_all_three(
    reader: Client, application: Application
) -> None:
    event = make_event("KeyError", "unit", user={"id": 42}, release="2.0")
    report(application, event | {"contexts": {"trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8}}})
    sign_in(reader, "monitoring.view_errorissue", "monitoring.view_application", "monitoring.view_release")
    issue = ErrorIssue.objects.get()
    page = read(reader, issue.get_absolute_url())
    key = make_user_key({"id": "42"})
    assert key is not None
    assert reverse("admin:monitoring_trace", args=["ab" * 16]) in page
    assert reverse("admin:monitoring_person", args=[key.hex()]) in page
    assert issue.first_release is not None
    assert issue.first_release.get_absolute_url() in page


def say(application: Application, message: str, **fields: object) -> UserReport:
    return UserReport.objects.create(
        application=application, report_id=uuid4(), received_at=timezone.now(), message=message, **fields
    )


def test_person__reports__are_for_those_who_may_read_them(reader: Client, application: Application) -> None:
    key = make_life(application)
    say(application, "The total is wrong", user_key=key)
    say(application, "It froze", event_id=ErrorEvent.objects.get().event_id)
    address = reverse("admin:monitoring_person", args=[key.hex()])
    page = read(reader, address)
    assert "The total is wrong" not in page
    assert "What they said" not in page
    sign_in(reader, "monitoring.view_errorissue", "monitoring.view_userreport")
    page = read(reader, address)
    assert "The total is wrong" in page
    assert "It froze" in page


def test_person__who_only_said_something__is_found_and_shown(reader: Client, application: Application) -> None:
    key = make_user_key({"email": "ada@example.com"})
    report = say(application, "The total is wrong", user_key=key)
    sign_in(reader, "monitoring.view_errorissue", "monitoring.view_userreport")
    page = read(reader, SEARCH, q="ada@example.com")
    assert "The total is wrong" in page
    assert report.get_absolute_url() in page


def test_person__named_with_an_application__is_that_ones(reader: Client, application: Application) -> None:
    other = make_application()
    key = make_life(other)
    assert key == make_life(application, "stock")
    sign_in(reader, "monitoring.view_errorissue")
    address = reverse("admin:monitoring_person", args=[key.hex()])
    page = read(reader, address, application=str(other.pk))
    assert "KeyError: unit" in page
    assert "KeyError: stock" not in page
    # Requests have a right of their own.
    assert REQUESTS not in page
    sign_in(reader, "monitoring.view_errorissue", "monitoring.view_application")
    page = read(reader, address, application=str(other.pk))
    assert f"{REQUESTS}?application={other.pk}&user={key.hex()}" in page
    assert f"{SEARCH}?application={other.pk}" in page


def test_issue__of_another_application_than_the_chosen__leads_to_its_own_people(
    reader: Client, application: Application
) -> None:
    other = make_application()
    event = make_event("KeyError", "unit", user={"id": 42})
    report(other, event | {"contexts": {"trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8}}})
    page = read(reader, ErrorIssue.objects.get().get_absolute_url())
    key = make_user_key({"id": "42"})
    assert key is not None
    address = f"{reverse('admin:monitoring_person', args=[key.hex()])}?application={other.pk}"
    assert page.count(address) == 2
    assert f"{reverse('admin:monitoring_trace', args=['ab' * 16])}?application={other.pk}" in page
