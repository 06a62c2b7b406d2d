"""Uptime in a browser: a check is tried, saved, goes up, another goes down, a heartbeat shows its address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import PASSWORD, Complaints, sign_in, take_picture
from tests.support.product import Product, find_free_port, running_product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SOON = 30_000


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, allowed to look at this machine."""
    data_dir: Path = tmp_path_factory.mktemp("uptime")
    with running_product(data_dir, ADMIN_PASSWORD=PASSWORD, CHECK_ALLOW_PRIVATE="true", WEB_WORKERS="1") as running:
        yield running


def add_check(page: Page, name: str, address: str, *, kind: str = "http") -> None:
    page.goto("/admin/monitoring/check/add/")
    page.locator("#id_name").fill(name)
    page.locator("#id_kind").select_option(kind)
    page.locator("#id_address").fill(address)
    page.locator("#id_retries").fill("0")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_uptime__checks_made_in_the_admin__go_up_and_down(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    page.goto("/admin/monitoring/check/")
    take_picture(page, "uptime-empty")

    add_check(page, "Login page", f"{product.url}/health/live")
    page.get_by_role("button", name="Look once").click()
    expect(page.get_by_text("Answered 200.")).to_be_visible(timeout=SOON)
    take_picture(page, "uptime-editor")
    save(page)
    expect(page.locator("#check-now .pl-chip").first).to_contain_text("Up", timeout=SOON)

    add_check(page, "Warehouse interface", f"127.0.0.1:{find_free_port()}", kind="tcp")
    save(page)
    expect(page.get_by_text("The connection is refused.").first).to_be_visible(timeout=SOON)
    expect(page.locator("[data-chart]")).to_have_attribute("data-chart-state", re.compile("drawn|empty"), timeout=SOON)
    down = page.url
    take_picture(page, "uptime-down")

    add_check(page, "Nightly backup", "", kind="heartbeat")
    save(page)
    expect(page.locator("#ping-code")).to_contain_text("/ping/")
    take_picture(page, "uptime-heartbeat")

    page.goto("/admin/monitoring/check/")
    expect(page.locator("#result_list")).to_contain_text("Login page")
    take_picture(page, "uptime-list")
    state = context.storage_state()
    for name, options in (("dark", {"dark": True}), ("phone", {"phone": True})):
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        other.goto("/admin/monitoring/check/")
        take_picture(other, f"uptime-list-{name}")
        other.goto(down)
        expect(other.locator("[data-chart]")).to_have_attribute(
            "data-chart-state", re.compile("drawn|empty"), timeout=SOON
        )
        take_picture(other, f"uptime-down-{name}")
        other.goto("/admin/monitoring/check/add/")
        take_picture(other, f"uptime-editor-{name}")
    assert complaints.found == []
