"""The home board: panels, the sentence on top, first steps, the sidebar."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from config.admin.home import write_headline
from config.admin.sidebar import navigation
from config.admin.states import State
from config.panels import Need, Panel, Registry, Step, find_needs, first_step, need, panel
from tests.support.admin import report_now, sign_in
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
HOME = "/admin/"


@pytest.fixture
def stock() -> Iterator[dict[str, object]]:
    """A panel, a need and a step of the test's own; what they say is the returned dictionary's."""
    said: dict[str, object] = {"count": 0, "fails": False}

    @panel(key="stock", title="Stock", order=1, permission="monitoring.view_application")
    def stock_panel(request: HttpRequest) -> Panel:
        if said["fails"]:
            raise RuntimeError("shelves fell over")
        return Panel(
            "monitoring/panels/nothing.html",
            {"text": "Plenty of bolts", "url": "/x", "action": "Count"},
            State.WELL,
            "fine",
        )

    @need(key="deliveries-of-stock", order=1)
    def stock_need(request: HttpRequest) -> Need:
        return Need(int(str(said["count"])), "3 bolts are nearly out", "/bolts")

    @first_step(key="stock", title="Stock counted", order=99)
    def stock_step(request: HttpRequest) -> Step:
        return Step(False, "Count the bolts once.", "/count", "Count")

    yield said
    panel.forget("stock")
    need.forget("deliveries-of-stock")
    first_step.forget("stock")


@pytest.fixture
def reporting() -> None:
    report_now(make_application(), system_cpu_utilization_ratio=0.5)


def page(client: Client, address: str = HOME) -> str:
    response = client.get(address)
    assert response.status_code == 200, response
    return unescape(response.content.decode())


def test_registry__order_and_permission__decide_what_is_shown(rf: RequestFactory) -> None:
    registry: Registry[str] = Registry()
    registry(key="b", order=2)(lambda request: "b")
    registry(key="a", order=1, permission="monitoring.view_application")(lambda request: "a")
    request = rf.get("/")

    request.user = User.objects.create_user("nobody")
    assert [entry.key for entry in registry.entries_for(request)] == ["b"]
    assert registry.find("a", request) is None
    request.user = User.objects.create_superuser("root")
    assert [entry.key for entry in registry.entries_for(request)] == ["a", "b"]


def test_registry__key_taken__is_refused() -> None:
    registry: Registry[str] = Registry()
    registry(key="a", order=1)(lambda request: "a")

    with pytest.raises(ValueError, match="twice"):
        registry(key="a", order=2)(lambda request: "b")


@pytest.mark.parametrize(("count", "text"), [(0, "All well"), (1, "1 thing needs you"), (2, "2 things need you")])
def test_headline__number_of_needs__is_one_sentence(count: int, text: str) -> None:
    assert write_headline(count) == text


def test_home__anonymous__leads_to_login(client: Client) -> None:
    response = client.get(HOME)

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.usefixtures("reporting")
def test_home__panel__is_shown_with_its_summary(admin_client: Client, stock: dict[str, object]) -> None:
    text = page(admin_client)

    assert "Plenty of bolts" in text
    assert "pl-chip--well" in text


@pytest.mark.usefixtures("reporting")
def test_home__failing_panel__leaves_the_page_standing(
    admin_client: Client, stock: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    stock["fails"] = True
    with caplog.at_level(logging.ERROR):
        text = page(admin_client)

    assert "This part could not be shown" in text
    assert "Plenty of bolts" not in text
    assert "shelves fell over" in caplog.text


@pytest.mark.usefixtures("reporting", "stock")
def test_home__panel_without_permission__is_not_there(client: Client) -> None:
    sign_in(client)

    assert "Plenty of bolts" not in page(client)
    assert client.get(reverse("admin:home_panel", args=["stock"])).status_code == 404


def test_home_panel__renewed__is_the_panel_alone(admin_client: Client, stock: dict[str, object]) -> None:
    text = page(admin_client, reverse("admin:home_panel", args=["stock"]))

    assert "Plenty of bolts" in text
    assert "<html" not in text


@pytest.mark.usefixtures("reporting")
def test_home__needs__are_counted_and_linked(admin_client: Client, stock: dict[str, object]) -> None:
    before = page(admin_client, reverse("admin:home_headline"))
    stock["count"] = 3
    after = page(admin_client, reverse("admin:home_headline"))

    assert "3 bolts are nearly out" not in before
    assert "3 bolts are nearly out" in after
    assert 'href="/bolts"' in after
    assert "pl-headline--bad" in after


def test_needs__asked_twice__are_found_once(rf: RequestFactory, stock: dict[str, object], admin_user: User) -> None:
    request = rf.get("/")
    request.user = admin_user
    stock["count"] = 2
    first = find_needs(request)
    stock["count"] = 0

    assert find_needs(request) is first
    assert first["deliveries-of-stock"].count == 2


@pytest.mark.usefixtures("stock")
def test_home__nothing_reports__is_the_first_run_page(admin_client: Client) -> None:
    text = page(admin_client)

    assert "Let's get your ERP watched" in text
    assert "Count the bolts once." in text
    assert "Plenty of bolts" not in text


@pytest.mark.usefixtures("stock")
def test_steps__first_data_arrives__load_the_board(admin_client: Client) -> None:
    address = reverse("admin:home_steps") + "?first_run=1"
    before = admin_client.get(address)
    report_now(make_application(), system_cpu_utilization_ratio=0.5)
    after = admin_client.get(address)

    assert "HX-Refresh" not in before
    assert after["HX-Refresh"] == "true"


@pytest.mark.usefixtures("reporting", "stock")
def test_steps__hidden__stay_hidden(admin_client: Client) -> None:
    assert "Finish setting up" in page(admin_client)
    admin_client.post(reverse("admin:home_steps_hide"))

    assert "Finish setting up" not in page(admin_client)


def test_steps_hide__get__is_refused(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:home_steps_hide")).status_code == 405


def test_sidebar__entries__exist_and_are_allowed(rf: RequestFactory, admin_user: User) -> None:
    request = rf.get("/")
    request.user = admin_user
    groups = {group["title"]: [item["title"] for item in group["items"]] for group in navigation(request)}

    assert groups[""] == ["Home"]
    assert "Metrics" in groups["Understand"]
    assert "Applications and keys" in groups["Set up"]
    request.user = User.objects.create_user("new", is_staff=True)
    titles = [item["title"] for group in navigation(request) for item in group["items"]]
    assert titles == ["Home", "On call", "How I am reached"], "what is everybody's own"


def test_pages__someone_without_permission__are_refused(client: Client) -> None:
    sign_in(client)

    assert client.get(reverse("admin:monitoring_metrics_explorer")).status_code == 403
    assert client.get(reverse("admin:config_system")).status_code == 403


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_admin_pages__policy__loads_nothing_from_elsewhere(admin_client: Client, path: str) -> None:
    response = admin_client.get(path, follow=True)

    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert "http://" not in response["Content-Security-Policy"]
