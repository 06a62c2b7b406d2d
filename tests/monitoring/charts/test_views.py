"""The data charts draw, and the Metrics page."""

from __future__ import annotations

import time
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.charts.explorer import guess_unit
from monitoring.charts.now import largest, read_now
from tests.support.admin import report_now, sign_in
from tests.support.metrics import make_application, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


def ask(client: Client, status: int = 200, **parameters: Any) -> dict[str, Any]:
    response = client.get(reverse("admin:monitoring_chart_data"), parameters)
    assert response.status_code == status, response.content
    answer: dict[str, Any] = response.json()
    return answer


def report_series(application: Application, name: str, moments: list[float], *, host: str = "erp1") -> None:
    """Store the value 1, 2, 3 ... at the given seconds from now."""
    now = timezone.now()
    points = [
        ({"__name__": name, "host": host}, int((now.timestamp() + moment) * 1000), float(number))
        for number, moment in enumerate(moments, 1)
    ]
    store(application, points, now=now)


def test_chart_data__points_and_a_gap__are_values_and_nulls(admin_client: Client, application: Application) -> None:
    report_series(application, "load", [-3000, -2990, -20, -5])
    answer = ask(admin_client, query="load", range=3600, width=600)

    (series,) = answer["series"]
    assert len(series["values"]) == len(answer["times"])
    assert series["values"][-1] == 4.0
    assert None in series["values"]
    assert answer["step"] == 15
    assert answer["times"][0] % 15 == 0


def test_chart_data__two_hosts__are_told_apart(admin_client: Client, application: Application) -> None:
    for host in ("a", "b"):
        report_series(application, "load", [-10], host=host)

    assert [one["name"] for one in ask(admin_client, query="load")["series"]] == ["host=a", "host=b"]
    assert [one["name"] for one in ask(admin_client, query="load", legend="{host}")["series"]] == ["a", "b"]


def test_chart_data__several_queries__each_with_its_legend(admin_client: Client, application: Application) -> None:
    report_series(application, "load", [-10])
    parameters = {"query": ["load", "load * 2"], "legend": ["once", "twice"]}

    assert [one["name"] for one in ask(admin_client, **parameters)["series"]] == ["once", "twice"]


def test_chart_data__other_application__is_not_mixed_in(admin_client: Client, application: Application) -> None:
    report_series(make_application(), "load", [-10])

    assert ask(admin_client, query="load", application=application.pk)["series"] == []


def test_chart_data__window_placeholder__is_filled(admin_client: Client, application: Application) -> None:
    report_series(application, "hits_total", [-60, -50, -40, -30, -20, -10])
    answer = ask(admin_client, query="rate(hits_total[$window])", range=600)

    assert [value for value in answer["series"][0]["values"] if value is not None][-1] == pytest.approx(0.1, rel=0.2)


def test_chart_data__infinite_values__are_left_out(admin_client: Client, application: Application) -> None:
    report_series(application, "load", [-10])
    (series,) = ask(admin_client, query="load / 0")["series"]

    assert set(series["values"]) == {None}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "Write a query"),
        ({"query": "rate(load[5m]"}, "unclosed left parenthesis"),
        ({"query": "nonsense_function(load)"}, "nonsense_function"),
        ({"query": ["load"] * 9}, "at most 8"),
        ({"query": "load", "range": "soon"}, "“soon” is not a number of seconds (range)"),
        ({"query": "load", "range": "nan"}, "not a number of seconds"),
        ({"query": "load", "start": 20, "end": 10}, "The end must lie after the start"),
        ({"query": "load", "range": 1e10}, "three years"),
        ({"query": "load", "application": 999_999}, "no such application"),
    ],
)
def test_chart_data__can_not_be_drawn__says_why(
    admin_client: Client, application: Application, parameters: dict[str, Any], words: str
) -> None:
    assert words in ask(admin_client, 400, **parameters)["error"]


def test_chart_data__out_of_time__says_so(
    admin_client: Client, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitoring.charts.views.CHART_SECONDS", 0.0)
    assert "timed out" in ask(admin_client, 400, query="load")["error"]


def test_chart_data__fixed_stretch__is_answered_as_asked(admin_client: Client, application: Application) -> None:
    end = int(time.time())
    answer = ask(admin_client, query="load", start=end - 600, end=end, width=300)

    assert answer["times"][0] >= end - 600 - answer["step"]
    assert answer["times"][-1] <= end


def test_chart_data__someone_without_permission__is_refused(client: Client) -> None:
    sign_in(client)

    assert client.get(reverse("admin:monitoring_chart_data")).status_code == 403


def test_explorer__no_application__leads_to_adding_one(admin_client: Client) -> None:
    text = admin_client.get(reverse("admin:monitoring_metrics_explorer")).content.decode()

    assert reverse("admin:monitoring_application_add") in text


def test_explorer__query__is_drawn(admin_client: Client, application: Application) -> None:
    report_now(application, system_cpu_utilization_ratio=0.5)
    address = reverse("admin:monitoring_metrics_explorer")
    text = unescape(admin_client.get(address, {"query": "system_cpu_utilization_ratio"}).content.decode())

    assert '"unit":"ratio"' in text
    assert f'"application_id":{application.pk}' in text


def test_explorer__query_with_a_mistake__names_it(admin_client: Client, application: Application) -> None:
    address = reverse("admin:monitoring_metrics_explorer")
    text = unescape(admin_client.get(address, {"query": "load + holt_winters(load[5m], 1, 1)"}).content.decode())

    assert "This query can't be answered" in text
    assert "holt_winters" in text
    assert "data-chart=" not in text


def test_explorer__hostile_query__is_only_text(admin_client: Client, application: Application) -> None:
    address = reverse("admin:monitoring_metrics_explorer")
    text = admin_client.get(address, {"query": "</textarea><script>alert(1)</script>"}).content.decode()

    assert "<script>alert" not in text


def test_metric_names__search__finds_all_words(admin_client: Client, application: Application) -> None:
    report_now(application, disk_read_bytes=1, disk_write_bytes=1, net_read_bytes=1)
    text = admin_client.get(reverse("admin:monitoring_metric_names"), {"search": "read disk"}).content.decode()

    assert "disk_read_bytes" in text
    assert "disk_write_bytes" not in text
    assert "net_read_bytes" not in text


@pytest.mark.parametrize(
    ("query", "unit"),
    [
        ("system_cpu_utilization_ratio", "ratio"),
        ("rate(system_network_io_bytes_total[5m])", "bytes_per_second"),
        ("postgresql_database_size_bytes", "bytes"),
        ("rate(postgresql_commits_total[5m])", "per_second"),
        ("postgresql_longest_query_seconds", "seconds"),
        ("up", "number"),
    ],
)
def test_guess_unit__metric_name__tells_it(query: str, unit: str) -> None:
    assert guess_unit(query) == unit


def test_read_now__several_queries__largest_first(application: Application) -> None:
    for host, value in (("a", 1), ("b", 5)):
        store(
            application,
            [({"__name__": "load", "host": host}, int(timezone.now().timestamp() * 1000), value)],
            now=timezone.now(),
        )
    found = read_now(application.pk, {"all": "load", "none": "missing", "one": "vector(3)", "bad": "load / 0"})

    assert found["all"] == [({"__name__": "load", "host": "b"}, 5.0), ({"__name__": "load", "host": "a"}, 1.0)]
    assert largest(found["none"]) is None
    assert largest(found["one"]) == 3.0
    assert found["bad"] == []
