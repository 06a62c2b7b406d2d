"""What this room shows on the home board."""

from __future__ import annotations

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from monitoring.applications.enums import AGENT_KEY_LABEL, KeyKind
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.services import issue_key
from monitoring.losses.models import LossAccount
from monitoring.panels import choose_range, judge_share
from tests.support.admin import report_now
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


def text_of(client: Client, name: str, *arguments: str) -> str:
    return " ".join(unescape(client.get(reverse(name, args=arguments)).content.decode()).split())


def hear(application: Application, *, minutes_ago: float) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    IngestKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now() - timedelta(minutes=minutes_ago))


def test_host__figures__are_those_reported(admin_client: Client, application: Application) -> None:
    report_now(
        application,
        system_cpu_utilization_ratio=0.97,
        system_memory_utilization_ratio=0.5,
        system_filesystem_utilization_ratio=0.81,
        system_load_1m=1.5,
    )
    text = text_of(admin_client, "admin:home_panel", "host")

    assert "97 %" in text
    assert "load 1.5" in text
    assert "at its limit now" in text
    assert text.count("data-chart=") == 6


def test_host__nothing_reported__names_the_next_step(admin_client: Client, application: Application) -> None:
    text = text_of(admin_client, "admin:home_panel", "host")

    assert "Start the host agent" in text
    assert reverse("admin:monitoring_application_connect", args=[application.pk]) in text


def test_host__no_application__leads_to_adding_one(admin_client: Client) -> None:
    assert reverse("admin:monitoring_application_add") in text_of(admin_client, "admin:home_panel", "host")


def test_database__connections_and_replica__are_judged(admin_client: Client, application: Application) -> None:
    report_now(
        application,
        postgresql_backends=85,
        postgresql_connection_max=100,
        postgresql_longest_query_seconds=2,
        postgresql_replication_lag_seconds=400,
    )
    text = text_of(admin_client, "admin:home_panel", "database")

    assert '<div class="pl-figure pl-figure--watch"><dt>Connections</dt><dd>85 <small>of 100</small>' in text
    assert "Replica behind by" in text
    assert "6.67 min" in text


def test_ingestion__points__are_counted(admin_client: Client, application: Application) -> None:
    report_now(application, a=1, b=2)
    text = text_of(admin_client, "admin:home_panel", "ingestion")

    assert "<dt>Stored</dt><dd>2 <small>points</small>" in text
    assert "of 100 k" in text


def test_host_panel__one_and_three_hosts__same_queries(admin_client: Client, application: Application) -> None:
    address = reverse("admin:home_panel", args=["host"])
    report_now(application, system_cpu_utilization_ratio=0.5)
    admin_client.get(address)
    with CaptureQueriesContext(connection) as one:
        admin_client.get(address)
    report_now(application, system_memory_utilization_ratio=0.5, system_load_1m=1)
    with CaptureQueriesContext(connection) as three:
        admin_client.get(address)

    assert len(three) == len(one)


def account(application: Application, *hours_ago: int, points: int = 600) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago in hours_ago:
        LossAccount.objects.create(
            application=application, hour=hour - timedelta(hours=ago), signal="points", received=points, stored=points
        )


def test_needs__steady_reporter_stopped__is_named(admin_client: Client, application: Application) -> None:
    account(application, 0, 1, 2)
    hear(application, minutes_ago=12)

    expected = f"Nothing arrives from {application} any more: last heard 12 min. ago"
    assert expected in text_of(admin_client, "admin:home_headline")


def test_needs__several_stopped__are_counted(admin_client: Client, application: Application) -> None:
    for one in (application, make_application()):
        account(one, 1, 2)
        hear(one, minutes_ago=30)

    assert "2 applications have stopped reporting" in text_of(admin_client, "admin:home_headline")


@pytest.mark.parametrize(
    ("hours", "points", "minutes_ago"),
    [
        ((0, 1, 2), 600, 2),  # still reporting
        ((0, 1, 2), 600, 60 * 25),  # stopped long ago: known by now
        ((1,), 600, 12),  # a job that ran once
        ((1, 2, 3), 5, 12),  # now and then a figure
        ((1, 9, 17), 600, 12),  # a batch every eight hours
    ],
)
def test_needs__quiet_for_a_reason__is_no_need(
    admin_client: Client, application: Application, hours: tuple[int, ...], points: int, minutes_ago: float
) -> None:
    account(application, *hours, points=points)
    hear(application, minutes_ago=minutes_ago)

    assert "Nothing arrives" not in text_of(admin_client, "admin:home_headline")


@pytest.mark.parametrize(("minutes", "seconds"), [(0, 300), (4, 300), (6, 900), (20, 1800), (45, 3600), (6000, 3600)])
def test_choose_range__age_of_the_application__is_covered(minutes: int, seconds: int) -> None:
    application = Application(created_at=timezone.now() - timedelta(minutes=minutes))

    assert choose_range(application) == seconds


def test_steps__only_the_agent__erp_is_not_connected(admin_client: Client, application: Application) -> None:
    report_now(application, system_cpu_utilization_ratio=0.5)
    text = text_of(admin_client, "admin:home_steps")

    assert "of a server are being watched" in text
    assert "Add your ERP" in text


def test_steps__key_was_used__ticks_the_erp(admin_client: Client, application: Application) -> None:
    hear(application, minutes_ago=1)

    assert f"We hear from {application}." in text_of(admin_client, "admin:home_steps")


def test_steps__only_what_the_product_records_itself__erp_is_not_connected(
    admin_client: Client, application: Application
) -> None:
    report_now(application, http_server_requests=5, uptime_up=1)
    key = issue_key(application=application, kind=KeyKind.SECRET, label=AGENT_KEY_LABEL).key
    IngestKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())

    assert "Add your ERP" in text_of(admin_client, "admin:home_steps")


@pytest.mark.parametrize(
    ("share", "state"),
    [(None, State.QUIET), (0.8, State.QUIET), (0.81, State.WATCH), (0.95, State.WATCH), (0.96, State.BAD)],
)
def test_judge_share__thresholds__are_those_of_the_built_in_rules(share: float | None, state: State) -> None:
    assert judge_share(share) == state
