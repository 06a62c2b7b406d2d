"""From any page to its related ones: error, request, trace, person, release, endpoint, statement, check, alert."""

from __future__ import annotations

from dataclasses import dataclass
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert
from monitoring.applications.links import page_url, release_url
from monitoring.applications.models import Application
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.rolling_up import KINDS, roll_up
from monitoring.releases.models import Release
from monitoring.uptime.models import Check
from tests.support.admin import sign_in
from tests.support.alerts import make_alert
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.performance import make_query, make_request
from tests.support.uptime import make_check

pytestmark = pytest.mark.django_db
TRACE, VERSION = "ab" * 16, "erp@2.0"
VIEWS = (
    "alerts.view_alert",
    *(f"monitoring.view_{name}" for name in ("application", "errorissue", "release", "check")),
)


@dataclass
class World:
    """An afternoon of one ERP, and the addresses of its pages."""

    application: Application
    pages: dict[str, str]
    alerts: dict[str, Alert]


@pytest.fixture
def world() -> World:
    """One error in one request of one person with one release, and an alert about each thing."""
    forget_dictionaries()
    application = make_application()
    owner, now = application.pk, timezone.now()
    event = make_event(
        release=VERSION,
        transaction="POST /invoices/{id}/post",
        user={"id": "4711"},
        contexts={"trace": {"trace_id": TRACE, "span_id": "cd" * 8}},
    )
    report(application, event)
    key = ErrorEvent.objects.get().user_key
    about = {"trace_id": TRACE, "release": VERSION, "started_at": now}
    batch = Batch(owner)
    batch.add(
        make_request(owner, method="POST", endpoint="/invoices/{id}/post", user_key=bytes(key or b""), **about),
        signal="transactions",
    )
    batch.add(make_query(owner, endpoint="/invoices/{id}/post", **about), signal="spans")
    store_batch(batch)
    for kind in KINDS:
        roll_up(kind, now=now)
    release, _ = Release.objects.get_or_create(
        application=application, version=VERSION, defaults={"first_seen": now, "last_seen": now}
    )
    check = make_check(application)
    named = {
        "issue": ErrorIssue.objects.get().pk,
        "endpoint_id": Endpoint.objects.get().pk,
        "statement_id": Statement.objects.get().pk,
        "check_id": check.pk,
        "release": VERSION,
    }
    alerts = {
        label: make_alert(application, labels={label: str(value)}, fired_at=now) for label, value in named.items()
    }
    pages = {
        "issue": ErrorIssue.objects.get().get_absolute_url(),
        "endpoint": reverse("admin:monitoring_endpoint", args=[named["endpoint_id"]]),
        "statement": reverse("admin:monitoring_statement", args=[named["statement_id"]]),
        "trace": page_url("monitoring_trace", TRACE, application_id=owner),
        "person": page_url("monitoring_person", bytes(key or b"").hex(), application_id=owner),
        "requests": page_url("monitoring_requests", application_id=owner),
        "release": release.get_absolute_url(),
        "named release": release_url(VERSION, application_id=owner),
        "check": Check.objects.get().get_absolute_url(),
    }
    pages |= {f"alert of {label}": alert.get_absolute_url() for label, alert in alerts.items()}
    return World(application, pages, alerts)


@pytest.mark.parametrize(
    ("page", "leads_to"),
    [
        ("issue", ("trace", "person", "release", "endpoint", "alert of issue")),
        ("endpoint", ("issue", "trace", "person", "statement", "named release", "alert of endpoint_id")),
        ("statement", ("trace", "endpoint", "named release", "alert of statement_id")),
        ("trace", ("issue", "person", "endpoint", "named release", "alert of endpoint_id")),
        ("person", ("issue", "trace", "named release", "requests")),
        ("requests", ("trace", "person", "named release")),
        ("release", ("issue", "person", "endpoint", "requests", "alert of release")),
        ("check", ("alert of check_id",)),
        ("alert of issue", ("issue",)),
        ("alert of endpoint_id", ("endpoint",)),
        ("alert of statement_id", ("statement",)),
        ("alert of check_id", ("check",)),
        ("alert of release", ("release",)),
    ],
)
def test_page__of_anything__leads_to_what_is_related(
    client: Client, world: World, page: str, leads_to: tuple[str, ...]
) -> None:
    sign_in(client, *VIEWS)
    answer = client.get(world.pages[page])
    assert answer.status_code == 200
    text = unescape(answer.content.decode())
    main = text[text.index("<main") :] if "<main" in text else text
    assert [name for name in leads_to if f'href="{world.pages[name]}' not in main] == []


def test_release_by_name__known_or_not__leads_to_its_page_or_to_the_list(client: Client, world: World) -> None:
    sign_in(client, *VIEWS)
    assert client.get(world.pages["named release"])["Location"] == world.pages["release"]
    unknown = release_url("erp@0.1\x00", application_id=world.application.pk)
    answer = client.get(unknown, follow=True)
    assert "erp@0.1" in answer.content.decode()
    assert answer.redirect_chain[0][0] == reverse("admin:monitoring_release_changelist")


def test_alert__reader_may_not_see_what_it_is_about__shows_no_link(client: Client, world: World) -> None:
    sign_in(client, "alerts.view_alert")
    for label, page in (("issue", "issue"), ("endpoint_id", "endpoint"), ("check_id", "check"), ("release", "release")):
        text = client.get(world.alerts[label].get_absolute_url()).content.decode()
        assert world.pages[page] not in text
