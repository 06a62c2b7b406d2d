"""On call: a rule is written with its preview, fires on real data, and is dealt with by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
OpenContext = Callable[..., BrowserContext]
SOON, ONE_MINUTE = 20_000, 60_000


def write_rule(page: Page) -> None:
    """Write a rule that this host meets, looking at the preview."""
    page.goto("/admin/alerts/rule/add/")
    preview = page.locator("#rule-preview")
    page.locator("#id_name").fill("Memory in use")
    page.locator("#id_condition").fill("system_memory_utilization_ratio >")
    expect(preview.get_by_role("alert")).to_contain_text("Condition", timeout=SOON)
    page.locator("#id_condition").fill("system_memory_utilization_ratio > 0.0001")
    page.locator("#id_summary").fill("Memory of {{ $labels.host }} in use")
    expect(preview).to_contain_text("would be firing for 1 series", timeout=ONE_MINUTE)
    expect(preview.locator("[data-chart]")).to_have_attribute("data-chart-state", "drawn", timeout=SOON)
    take_picture(page, "rule-editor")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Memory in use")


def snooze(page: Page) -> None:
    """Snooze the alert of a page for a time of one's own, which shows once it is chosen, and end that."""
    until = page.get_by_label("Snooze until")
    expect(until).to_be_hidden()
    page.get_by_label("Snooze for").select_option("other")
    expect(until).to_be_visible()
    take_picture(page, "alert-case-snooze")
    page.get_by_label("Snooze for").select_option("tomorrow")
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.locator("#story")).to_contain_text("snoozed it until")
    page.get_by_role("button", name="End snooze").click()
    expect(page.locator("#story")).to_contain_text("ended the snooze")


def test_alert_queue__rule_that_fires__seen_acknowledged_and_commented(
    open_context: OpenContext, complaints: Complaints
) -> None:
    page = open_context().new_page()
    complaints.watch(page)
    sign_in(page)
    write_rule(page)

    page.goto("/admin/alerts/alert/")
    row = page.locator("tr.data-row", has_text="Memory of").first
    expect(row).to_be_visible(timeout=ONE_MINUTE)  # the list renews itself
    while "Memory of" not in (page.locator("tr.pl-current").all_inner_texts() or [""])[0]:
        page.keyboard.press("j")
    page.keyboard.press("a")
    expect(row).to_contain_text("acknowledged", timeout=SOON)
    take_picture(page, "alert-queue")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/alerts/alert/\d+/change/"))
    page.get_by_label("Comment").fill("It is the backup.")
    page.get_by_role("button", name="Add comment").click()
    expect(page.locator("#story")).to_contain_text("It is the backup.")
    expect(page.locator("#story")).to_contain_text("looks after it")
    take_picture(page, "alert-case")
    snooze(page)

    phone = open_context(phone=True, state=page.context.storage_state()).new_page()
    complaints.watch(phone)
    for address, name in (
        ("/admin/alerts/alert/", "alert-queue"),
        (page.url, "alert-case"),
        ("/admin/alerts/rule/", "rules"),
        (f"/admin/alerts/snooze/?alert={page.url.split('/')[-3]}", "alert-snooze"),
    ):
        phone.goto(address)
        expect(phone.locator("h1")).to_be_visible()
        take_picture(phone, f"{name}-phone")
    dark = open_context(dark=True, state=page.context.storage_state()).new_page()
    complaints.watch(dark)
    dark.goto(page.url)
    take_picture(dark, "alert-case-dark")
    assert complaints.found == []
