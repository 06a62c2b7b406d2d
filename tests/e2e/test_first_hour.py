"""The first hour: from a fresh installation to a host that is watched and an ERP that is connected."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import PASSWORD, USERNAME, Complaints, take_picture
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OpenContext = Callable[..., BrowserContext]
SOON, ONE_MINUTE = 20_000, 60_000
CHARTS = 11


def sign_in(page: Page, look: str = "desktop-light") -> None:
    page.goto("/")
    expect(page).to_have_title(re.compile("Log in"))
    take_picture(page, f"login-{look}")
    page.get_by_label("Username").fill(USERNAME)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def show_all_charts(page: Page) -> None:
    """Charts are drawn when they come into view: scroll past all of them, then back."""
    for figure in page.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-chart-state", re.compile("drawn|empty"), timeout=SOON)
    page.evaluate("scrollTo(0, 0)")


def connect_erp(page: Page) -> str:
    """Add an application in the admin, make a key, and return the curl line that the page shows."""
    page.get_by_role("link", name="Add your ERP").click()
    page.get_by_label("Name").fill("Acme ERP")
    page.get_by_label("Network it may use").fill("100 Mbit/s")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Waiting for the first data from Acme ERP")).to_be_visible()
    page.get_by_label("Who uses it").fill("web server 1")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="Your new secret key")).to_be_visible()
    page.get_by_role("tab", name="Any language").click()
    take_picture(page, "connect")
    return page.locator("#code-curl").inner_text()


def run_in_shell(command: str) -> str:
    """Run what a user would paste; return the body and the status."""
    line = command.replace("curl ", "curl -sS -w '\\n%{http_code}' ", 1)
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=30, check=True).stdout


def test_first_hour__fresh_installation__host_watched_and_erp_connected(
    product: Product, open_context: OpenContext, complaints: Complaints
) -> None:
    context = open_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)

    # The agent on this host starts with the product; the page fills by itself.
    host = page.locator("section", has=page.get_by_role("heading", name="Host", exact=True))
    expect(host).to_be_visible(timeout=ONE_MINUTE)
    expect(page.locator("[data-chart]")).to_have_count(CHARTS, timeout=SOON)
    show_all_charts(page)
    expect(host.locator("canvas").first).to_be_visible()
    expect(page.get_by_title("of a server are being watched")).to_have_text(re.compile("This host reports"))
    take_picture(page, "home-light")

    # A chart stays as it is while the page around it is renewed, zoom included.
    cpu = page.locator("[id^=chart-cpu-]")
    cpu.locator("[data-chart-plot] .u-over").drag_to(
        cpu.locator("[data-chart-plot] .u-over"),
        source_position={"x": 60, "y": 30},
        target_position={"x": 200, "y": 30},
    )
    expect(cpu.get_by_role("button", name="Back to now")).to_be_visible()
    with page.expect_response(re.compile("/admin/home/panels/host/")):
        pass
    expect(cpu.get_by_role("button", name="Back to now")).to_be_visible()
    cpu.get_by_role("button", name="Back to now").click()
    cpu.get_by_text("Show as table").click()
    expect(cpu.get_by_role("cell").first).to_be_visible()

    # Connect an ERP with what the page says, and see it turn green without touching it.
    command = connect_erp(page)
    page.locator("#how-curl").get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()").strip() == command.strip()
    body, _, status = run_in_shell(command).rpartition("\n")
    assert status in {"200", "201", "202"}, body
    expect(page.get_by_role("heading", name="We hear from Acme ERP")).to_be_visible(timeout=SOON)
    take_picture(page, "connect-green")

    page.goto("/admin/")
    expect(page.get_by_title("We hear from Acme ERP (production).")).to_be_visible(timeout=SOON)

    # Explore what it sent.
    page.get_by_role("link", name="Metrics", exact=True).click()
    page.get_by_label("Application", exact=True).select_option(label="Acme ERP · production")
    page.get_by_role("link", name="invoices_posted").click()
    expect(page.locator("[data-chart] .pl-chart__value").first).to_have_text("1", timeout=SOON)
    take_picture(page, "metrics")
    page.get_by_label("Query").fill("rate(invoices_posted[5m]")
    page.get_by_role("button", name="Draw").click()
    expect(page.get_by_role("alert")).to_contain_text("unclosed left parenthesis")

    # A revoked key is refused.
    page.get_by_role("link", name="Applications and keys").click()
    page.get_by_role("row", name=re.compile("Acme ERP")).get_by_role("link", name="Connect").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("is revoked. Whoever still sends with it")).to_be_visible()

    assert complaints.found == []


@pytest.mark.parametrize(("phone", "dark"), [(True, False), (False, True), (True, True)])
def test_pages__phone_and_dark__fit_and_are_quiet(
    product: Product, open_context: OpenContext, complaints: Complaints, phone: bool, dark: bool
) -> None:
    page = open_context(phone=phone, dark=dark).new_page()
    complaints.watch(page)
    look = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
    sign_in(page, look)
    expect(page.get_by_role("heading", name="Host", exact=True)).to_be_visible(timeout=ONE_MINUTE)
    show_all_charts(page)
    take_picture(page, f"home-{look}")

    for name, address in (
        ("applications", "/admin/monitoring/application/"),
        ("connect", "/admin/monitoring/application/1/connect/"),
        ("application-form", "/admin/monitoring/application/1/change/"),
        ("metrics", "/admin/monitoring/metrics/?query=system_cpu_utilization_ratio"),
        ("system", "/admin/system/"),
        ("schedules", "/admin/django_celery_beat/periodictask/"),
        ("people", "/admin/auth/user/"),
        ("alerts", "/admin/alerts/alert/"),
        ("rules", "/admin/alerts/rule/"),
        ("rule", "/admin/alerts/rule/1/change/"),
        ("channels", "/admin/alerts/channel/"),
        ("policies", "/admin/alerts/policy/"),
        ("policy", "/admin/alerts/policy/1/change/"),
        ("routes", "/admin/alerts/route/"),
        ("unusual", "/admin/alerts/rule/unusual/"),
        ("alerts-board", "/admin/alerts/board/"),
        ("noise", "/admin/alerts/noise/"),
        ("deliveries", "/admin/config/delivery/"),
        ("events", "/admin/config/event/"),
    ):
        page.goto(address)
        show_all_charts(page)
        take_picture(page, f"{name}-{look}")

    assert complaints.found == []


def test_home__signed_out_elsewhere__leads_to_the_login(product: Product, open_context: OpenContext) -> None:
    context = open_context()
    page = context.new_page()
    sign_in(page)
    expect(page.locator("#headline, #steps").first).to_be_visible()
    context.clear_cookies()

    expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=SOON)


def test_home__server_away__says_so_and_recovers(product: Product, open_context: OpenContext) -> None:
    context = open_context()
    page = context.new_page()
    sign_in(page)
    expect(page.locator("#headline, #steps").first).to_be_visible()
    context.set_offline(True)
    expect(page.locator("#pl-offline")).to_be_visible(timeout=SOON)
    context.set_offline(False)

    expect(page.locator("#pl-offline")).to_be_hidden(timeout=SOON)
