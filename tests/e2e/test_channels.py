"""A Slack channel is set up and tried, against a Slack on loopback; a person says how they are reached."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import PASSWORD, Complaints, sign_in, take_picture
from tests.support.product import Product, running_product
from tests.support.services import Services, run_services

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OpenContext = Callable[..., BrowserContext]
SOON = 20_000
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


@pytest.fixture(scope="module")
def slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Slack's stand-in."""
    with run_services(tmp_path_factory.mktemp("services")) as found:
        yield found


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, slack: Services) -> Iterator[Product]:
    """The product, whose workers are led to the stand-in by their environment."""
    data_dir: Path = tmp_path_factory.mktemp("e2e")
    with running_product(data_dir, ADMIN_PASSWORD=PASSWORD, WEB_WORKERS="1", **slack.environment) as running:
        yield running


def choose_kind(page: Page, kind: str) -> None:
    page.locator("select[name=kind]").select_option(kind, force=True)


def test_channels__slack_set_up_and_tried__arrives(
    open_context: OpenContext, complaints: Complaints, slack: Services
) -> None:
    page = open_context().new_page()
    complaints.watch(page)
    sign_in(page)
    page.goto("/admin/alerts/channel/add/")
    expect(page.locator(".field-auth_token")).to_be_hidden()
    choose_kind(page, "sms")
    expect(page.locator(".field-auth_token")).to_be_visible()
    expect(page.locator(".field-address")).to_contain_text("Like +491701234567")
    take_picture(page, "channel-sms")
    choose_kind(page, "slack")
    expect(page.locator(".field-url")).to_be_visible()
    expect(page.locator(".field-auth_token")).to_be_hidden()
    page.locator("#id_name").fill("Operations")
    page.locator("#id_address").fill("#ops")
    page.locator("#id_url").fill(SLACK)
    page.locator("#id_body_template").fill("{{ $nothing }}")
    expect(page.locator("#channel-preview")).to_contain_text("is not known", timeout=SOON)
    page.locator("#id_body_template").fill("{{ $severity }}: {{ $summary }} {{ $link }}")
    expect(page.locator("#channel-preview")).not_to_contain_text("is not known", timeout=SOON)
    take_picture(page, "channel-slack")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Operations")
    take_picture(page, "channel-list")
    page.locator("#result_list").get_by_role("link", name="Operations").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page).to_have_url(re.compile(r"/admin/config/delivery/"))
    row = page.locator("tr", has_text="Slack #ops (Operations)")
    for _ in range(20):
        if "Sent" in row.inner_text():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(row).to_contain_text("Sent")
    assert [asked.host for asked in slack.requests] == ["hooks.slack.com"]

    page.goto("/admin/alerts/how-i-am-reached/")
    page.locator("select[name=kind]").select_option("slack")
    page.get_by_label("Address or number").fill(SLACK)
    page.get_by_role("button", name="Add and send a code").click()
    expect(page.get_by_text("Not verified")).to_be_visible()
    take_picture(page, "reach")

    phone = open_context(phone=True, dark=True, state=page.context.storage_state()).new_page()
    complaints.watch(phone)
    for address, name in (
        ("/admin/alerts/how-i-am-reached/", "reach-phone"),
        ("/admin/alerts/channel/add/", "channel-phone"),
    ):
        phone.goto(address)
        phone.wait_for_timeout(500)
        take_picture(phone, name)
    assert complaints.found == []
