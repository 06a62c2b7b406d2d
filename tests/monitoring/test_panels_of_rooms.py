"""What errors and performance show on the admin home."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorIssue
from monitoring.performance.services.recording import write_requests
from monitoring.performance.services.rolling_up import REQUEST_SUMS, roll_up
from tests.support.admin import sign_in
from tests.support.errors import make_issue
from tests.support.metrics import make_application
from tests.support.performance import make_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(client, "monitoring.view_application", "monitoring.view_errorissue")
    return client


def read(client: Client, key: str) -> str:
    response = client.get(reverse("admin:home_panel", args=[key]))
    assert response.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", "", response.content.decode())).split())


@pytest.mark.parametrize("key", ["errors", "performance"])
def test_panels__no_application__lead_to_adding_one(reader: Client, key: str) -> None:
    page = reader.get(reverse("admin:home_panel", args=[key])).content.decode()
    assert reverse("admin:monitoring_application_add") in page


def test_errors__nothing_waits__is_well(reader: Client, application: Application) -> None:
    make_issue(application)
    ErrorIssue.objects.update(state="resolved", resolved_at=timezone.now())
    assert "nothing waits" in read(reader, "errors")


def test_errors__waiting__those_that_came_back_and_the_critical_are_on_top(
    reader: Client, application: Application
) -> None:
    names = ("NewError", "CriticalError", "BackError", "A", "B")
    issues = [make_issue(application, type=name) for name in names]
    ErrorIssue.objects.filter(pk=issues[1].pk).update(critical_at=timezone.now())
    ErrorIssue.objects.filter(pk=issues[2].pk).update(state="regressed")
    make_issue(make_application(), type="ForeignError")
    text = read(reader, "errors")
    assert text.index("BackError") < text.index("CriticalError") < text.index("B:")
    assert "5 wait" in text
    assert "and 1 more" in text
    assert "ForeignError" not in text


def test_performance__slow_and_failing__says_what_takes_longest(reader: Client, application: Application) -> None:
    assert "No request was reported" in read(reader, "performance")
    at = timezone.now() - timedelta(minutes=5)
    with transaction.atomic():
        write_requests(
            [
                make_request(application.pk, started_at=at, endpoint="/slow", duration=3.0, failed=True),
                make_request(application.pk, started_at=at, endpoint="/quick", duration=0.05),
            ]
        )
    roll_up(REQUEST_SUMS, now=timezone.now())
    text = read(reader, "performance")
    assert "2 requests in 24 hours" in text
    assert "slow or failing" in text
    assert text.index("/slow") < text.index("/quick")
    assert "3 s on average" in text
