"""The loss account by hours: page, file and REST."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake
from tests.support.admin import sign_in
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
PAGE = "/admin/monitoring/losses/"


@pytest.fixture
def application() -> Application:
    application = make_application()
    now = timezone.now()
    count_intake(
        intakes=[
            Intake(application.pk, Signal.ERRORS, stored=7, refused=2),
            Intake(application.pk, Signal.LOGS, stored=40, lost=3),
        ],
        now=now,
    )
    count_intake(intakes=[Intake(application.pk, Signal.ERRORS, stored=1)], now=now - timedelta(hours=30))
    return application


def test_page__a_kind__is_shown_hour_by_hour(client: Client, application: Application) -> None:
    sign_in(client, "monitoring.view_application")
    shown = client.get(PAGE, {"range": "7d", "signal": "errors"}).content.decode()
    assert f"{Signal.ERRORS.label}, hour by hour" in shown
    hours = shown.partition('id="hours"')[2].partition("</tbody>")[0]
    assert hours.count("<tr>") == 3  # the head and two hours
    assert "hour by hour" not in client.get(PAGE, {"signal": "nonsense"}).content.decode()


def test_page__csv__has_every_hour_and_kind(client: Client, application: Application) -> None:
    sign_in(client, "monitoring.view_application")
    rows = list(csv.DictReader(client.get(PAGE, {"range": "7d", "as": "csv"}).content.decode().splitlines()))
    assert [(row["signal"], row["received"], row["stored"], row["refused"], row["lost"]) for row in rows] == [
        ("errors", "9", "7", "2", "0"),
        ("logs", "40", "40", "0", "3"),
        ("errors", "1", "1", "0", "0"),
    ]


def test_rest__hours__add_up(client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET, label="read").token
    headers = {"Authorization": f"Bearer {key}"}
    rows = client.get("/api/v1/losses/", {"signal": "errors"}, headers=headers).json()["results"]
    assert [(row["received"], row["stored"], row["refused"]) for row in rows] == [(9, 7, 2)]
    too_old = (timezone.now() - timedelta(days=40)).isoformat()
    assert client.get("/api/v1/losses/", {"since": too_old}, headers=headers).status_code == 400
