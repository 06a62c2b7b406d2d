"""The page of log lines and its REST list."""

from __future__ import annotations

import csv
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.scrubbing import ScrubRules
from monitoring.logs.admin import SHOWN
from monitoring.logs.records import LogRecord, make_record
from monitoring.logs.services.writing import write_logs
from tests.support.admin import sign_in
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
PAGE, REST = "/admin/monitoring/logs/", "/api/v1/logs/"
TRACE = "cd" * 16


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(client, "monitoring.view_application")
    return client


def make_line(application: Application, body: str, **told: object) -> LogRecord:
    now = timezone.now()
    return make_record(
        application_id=application.pk,
        received_at=now,
        rules=ScrubRules(),
        body=body,
        **{"at": now, **told},  # type: ignore[arg-type]
    )


def read(client: Client, **query: str) -> str:
    response = client.get(PAGE, query)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def test_page__no_line_yet__says_how_lines_get_here(reader: Client, application: Application) -> None:
    shown = read(reader)
    assert "No log line has come in yet" in shown
    assert "/api/v1/logs/" in shown


def test_page__words_and_severity__narrow_and_lead_on(reader: Client, application: Application) -> None:
    write_logs(
        [
            make_line(application, "order 7 booked"),
            make_line(
                application, "order 8 was not booked", severity_text="error", trace_id=TRACE, attributes={"order": 8}
            ),
        ]
    )
    shown = read(reader, q="booked order", level="warn")
    assert "order 8 was not booked" in shown
    assert "order 7" not in shown
    assert f"/admin/monitoring/traces/{TRACE}/" in shown
    assert "1 more fact" in shown
    assert "No line is like that" in read(reader, q="elephants")


def test_page__two_applications__each_shows_its_own_lines(reader: Client, application: Application) -> None:
    other = make_application()
    write_logs([make_line(application, "mine"), make_line(other, "theirs")])
    for chosen, shown, hidden in ((application, "mine", "theirs"), (other, "theirs", "mine")):
        reader.post(reverse("admin:monitoring_choose_application"), {"application": chosen.pk})
        text = read(reader)
        assert f"{shown}</span>" in text
        assert f"{hidden}</span>" not in text


def test_page__more_lines_than_fit__go_on_where_the_last_page_ended(reader: Client, application: Application) -> None:
    now = timezone.now()
    # Many of one moment: the place of a page is a line, not a time.
    write_logs([make_line(application, f"line {number:03}", at=now) for number in range(SHOWN + 50)])
    first = read(reader)
    assert "line 149" in first
    assert "line 049" not in first
    query = first[: first.index(">Older lines")].rpartition('href="?')[2].rstrip('"')
    second = " ".join(unescape(reader.get(f"{PAGE}?{query}").content.decode()).split())
    assert "line 049" in second
    assert "line 000" in second
    assert "line 050" not in second


def test_page__csv__holds_what_is_searched_for(reader: Client, application: Application) -> None:
    write_logs([make_line(application, "=cmd()", severity_text="warn"), make_line(application, "other")])
    response = reader.get(PAGE, {"as": "csv", "level": "warn"})
    rows = list(csv.reader(response.content.decode().splitlines()))
    assert rows[0][:4] == ["at", "severity", "logger", "body"]
    assert [row[1:4] for row in rows[1:]] == [["warn", "", "'=cmd()"]]


def test_rest__time_and_pages__are_kept_to(client: Client, application: Application) -> None:
    now = timezone.now()
    write_logs([make_line(application, f"line {hours}", at=now - timedelta(hours=hours)) for hours in (0, 1, 2, 30)])
    key = issue_key(application=application, kind=KeyKind.SECRET, label="read").token
    headers = {"Authorization": f"Bearer {key}"}
    first = client.get(REST, {"page_size": 2}, headers=headers).json()
    second = client.get(first["next"], headers=headers).json()
    assert [one["body"] for one in first["results"] + second["results"]] == ["line 0", "line 1", "line 2"]
    since = (now - timedelta(hours=40)).isoformat()
    until = (now - timedelta(minutes=90)).isoformat()
    found = client.get(REST, {"since": since, "until": until}, headers=headers).json()["results"]
    assert [one["body"] for one in found] == ["line 2", "line 30"]
    assert client.get(REST, {"level": "loud"}, headers=headers).status_code == 400
