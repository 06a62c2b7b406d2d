"""Releases in the admin and over REST."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.rolling_up import KINDS, roll_up
from monitoring.releases.models import Deployment, Release
from monitoring.releases.services.judging import judge_releases
from tests.support.admin import sign_in
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.performance import make_request
from tests.support.releases import count_sessions, hours_ago

pytestmark = pytest.mark.django_db
QUEUE = "/admin/monitoring/release/"


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(
        client,
        "monitoring.view_release",
        "monitoring.view_errorissue",
        "monitoring.view_application",
        "monitoring.add_deployment",
    )
    return client


def read(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def make_history(application: Application) -> tuple[Release, Release]:
    """Two releases, the newer one crashing."""
    before = count_sessions(application, "erp@1", at=hours_ago(48), healthy=9_990, crashed=10)
    release = count_sessions(application, "erp@2", at=hours_ago(3), healthy=900, crashed=100)
    judge_releases(now=timezone.now())
    return before, release


def test_queue__nothing_known__says_how_releases_get_here(reader: Client, application: Application) -> None:
    page = read(reader, QUEUE)
    assert "No release is known yet" in page
    assert "/api/v1/deployments/" in page


def test_queue__worse_release__stands_out_with_its_health(reader: Client, application: Application) -> None:
    _, release = make_history(application)
    page = read(reader, QUEUE)
    assert "Worse than the one before" in page
    assert "90 %" in page
    assert release.get_absolute_url() in page


@pytest.mark.parametrize(("query", "shown"), [({"q": "erp@2"}, 1), ({"verdict": "worse"}, 1), ({"environment": "production"}, 2), ({"environment": "staging"}, 0)])  # fmt: skip
def test_queue__narrowed__shows_what_was_asked_for(
    reader: Client, application: Application, query: dict[str, str], shown: int
) -> None:
    count_sessions(application, "erp@0", at=hours_ago(70), healthy=1, environment="staging")
    Release.objects.filter(version="erp@0").delete()
    make_history(application)
    assert read(reader, QUEUE, **query).count("pl-release-cell") == shown


def test_queue__one_release_or_three__asks_the_same_number_of_queries(reader: Client, application: Application) -> None:
    counts = []
    for number in range(3):
        count_sessions(application, f"erp@{number}", at=hours_ago(3 - number), healthy=5)
        if number != 1:
            with CaptureQueriesContext(connection) as asked:
                read(reader, QUEUE)
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_case__worse_release__says_why_and_what_is_new(reader: Client, application: Application) -> None:
    now = timezone.now()
    report(application, make_event("KeyError", "old", release="erp@1"), at=now - timedelta(hours=47))
    _, release = make_history(application)
    report(application, make_event("LookupError", "new one", release="erp@2"))
    batch = Batch(application.pk)
    for version, seconds in (("erp@1", 0.1), ("erp@2", 0.3)):
        for _ in range(30):
            record = make_request(application.pk, started_at=now, duration=seconds, release=version)
            batch.add(record, signal="transactions")
    store_batch(batch)
    for kind in KINDS:
        roll_up(kind, now=now)
    page = read(reader, release.get_absolute_url())
    assert "Compared with erp@1" in page
    assert "100 of 1,000 sessions crashed (10 %)" in page
    assert "LookupError: new one" in page
    # A percentile is within 1 % of the exact one.
    assert re.search(r"p95 (19\d|20\d) % slower", page)


def test_case__announced_by_hand__is_deployed_once(reader: Client, application: Application) -> None:
    release = count_sessions(application, "erp@1", healthy=5)
    address = reverse("admin:monitoring_release_announce", args=[release.pk])
    for _ in range(2):
        answer = reader.post(address, {"environment": "production", "deployed_at": "2026-11-20T10:00"})
        assert answer.status_code == 302
    assert Deployment.objects.get().environment == "production"
    reader.post(address, {"deployed_at": "2999-01-01T00:00"})
    assert "Deployed at: It lies in the future" in read(reader, release.get_absolute_url())


def test_case__of_nothing__is_not_found(reader: Client) -> None:
    assert reader.get(f"{QUEUE}4711/change/").status_code == 404


@pytest.fixture
def key(application: Application) -> str:
    scopes = [Scope.READ, Scope.WRITE, Scope.INGEST]
    return issue_key(application=application, kind=KeyKind.SECRET, label="pipeline", scopes=scopes).token


def ask(client: Client, key: str, path: str) -> Any:
    return client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {key}"})


def test_rest__releases__are_those_of_the_key_with_their_health(
    client: Client, application: Application, key: str
) -> None:
    _, release = make_history(application)
    count_sessions(make_application(), "other@1", healthy=1)
    listed = ask(client, key, "releases/").json()["results"]
    assert [one["version"] for one in listed] == ["erp@2", "erp@1"]
    found = ask(client, key, f"releases/{release.pk}/").json()
    assert (found["verdict"], sorted(found["reasons"])) == ("worse", ["crashes", "errors"])
    assert found["health"]["crash_free_sessions"]["ratio"] == 0.9


def test_rest__deployment__is_announced_once(client: Client, application: Application, key: str) -> None:
    body = {"version": "erp@3", "environment": "production", "deployed_at": "2026-11-20T10:00:00Z", "commit": "abc"}

    def send(told: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        return client.post("/api/v1/deployments/", json.dumps(told), "application/json", headers=headers)

    assert [send(body).status_code for _ in range(2)] == [201, 200]
    assert Deployment.objects.get().release.version == "erp@3"
    refused = send({"version": "", "deployed_at": "2999-01-01T00:00:00Z"})
    assert refused.status_code == 400
    assert {one["field"] for one in refused.json()["errors"]} == {"version", "deployed_at"}


def test_case__first_release__is_not_compared_with_requests_that_name_none(
    reader: Client, application: Application
) -> None:
    now = timezone.now()
    batch = Batch(application.pk)
    for version, seconds in (("", 0.1), ("erp@1", 0.3)):
        for _ in range(30):
            record = make_request(application.pk, started_at=now, duration=seconds, release=version)
            batch.add(record, signal="transactions")
    store_batch(batch)
    for kind in KINDS:
        roll_up(kind, now=now)
    page = read(reader, Release.objects.get().get_absolute_url())
    assert "GET /orders/{id}" in page
    assert "slower" not in page
    assert f"{reverse('admin:monitoring_performance')}?application={application.pk}&range=30d" in page
