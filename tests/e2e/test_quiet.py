"""Quiet in a browser: an alert is silenced from its page, a nightly window planned, components stand as a tree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
OpenContext = Callable[..., BrowserContext]
SOON, ONE_MINUTE = 20_000, 60_000


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def add_rule(page: Page, name: str, labels: str) -> None:
    page.goto("/admin/alerts/rule/add/")
    page.locator("#id_name").fill(name)
    page.locator("#id_condition").fill("system_memory_utilization_ratio > 0.0001")
    page.locator("#id_labels").evaluate("(field, text) => { field.value = text }", labels)
    save(page)


def add_component(page: Page, name: str, matchers: str, needs: str = "") -> None:
    page.goto("/admin/alerts/component/add/")
    page.locator("#id_name").fill(name)
    page.locator("#id_matchers").fill(matchers)
    if needs:
        page.locator("#id_depends_on").get_by_label(needs, exact=True).check()
    expect(page.locator(".pl-matching")).to_contain_text("firing alert matches", timeout=SOON)
    take_picture(page, "component-form")
    save(page)


def test_quiet__silence_window_components__made_and_seen(open_context: OpenContext, complaints: Complaints) -> None:
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    for address, name in (("silence", "silences-empty"), ("component", "components-empty")):
        page.goto(f"/admin/alerts/{address}/")
        take_picture(page, name)
    for name, part in (("Host down", "part=host"), ("Database down", "part=database"), ("Shop down", "part=shop")):
        add_rule(page, name, part)

    page.goto("/admin/alerts/alert/?q=Shop")
    row = page.locator("tr.data-row", has_text="Shop down").first
    expect(row).to_be_visible(timeout=ONE_MINUTE)
    row.get_by_role("link").first.click()
    case = page.url
    page.get_by_role("link", name="Silence", exact=True).click()
    expect(page.locator(".pl-matching")).to_contain_text("1", timeout=SOON)
    page.locator("#id_reason").fill("The shop is rebuilt tonight")
    page.get_by_text("Until Monday 08:00").click()
    expect(page.locator(".pl-matching")).to_contain_text("Mon", timeout=SOON)
    take_picture(page, "silence-form")
    silence_form = page.url
    save(page)
    expect(page.get_by_role("heading", name="The shop is rebuilt tonight").first).to_be_visible()
    silence = page.url
    page.goto(case)
    expect(page.get_by_text("Nobody is told of it now")).to_be_visible()

    add_component(page, "Host", 'part="host"')
    add_component(page, "Database", 'part="database"', "Host")
    page.goto("/admin/alerts/component/")
    expect(page.locator(".pl-tree")).to_contain_text("Held back")

    page.goto("/admin/monitoring/maintenancewindow/add/")
    for name, day, clock in (("starts_at", "2099-03-28", "02:00"), ("ends_at", "2099-03-28", "04:00")):
        page.locator(f"#id_{name}_0").fill(day)
        page.locator(f"#id_{name}_1").fill(clock)
    page.locator("#id_time_zone").fill("Europe/Berlin")
    page.locator("#id_repeat").select_option("weekly")
    page.get_by_label("Saturday").check()
    page.get_by_label("Sunday").check()
    page.locator("#id_reason").fill("Weekend backup")
    expect(page.locator("#window-times")).to_contain_text("29 Mar 2099, 03:00", timeout=SOON)
    take_picture(page, "window-form")
    save(page)
    expect(page.locator("#result_list")).to_contain_text("Every Saturday, Sunday")

    addresses = {
        "alert-held": case,
        "alert-queue-held": "/admin/alerts/alert/",
        "silence": silence,
        "silence-form": silence_form,
        "silences": "/admin/alerts/silence/",
        "components": "/admin/alerts/component/",
        "inhibitions": "/admin/alerts/inhibitrule/",
        "inhibition-form": "/admin/alerts/inhibitrule/add/",
        "windows": "/admin/monitoring/maintenancewindow/",
        "window-form": "/admin/monitoring/maintenancewindow/add/",
    }
    state = context.storage_state()
    for suffix, options in (("", {}), ("-dark", {"dark": True}), ("-phone", {"phone": True})):
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        for name, address in addresses.items():
            other.goto(address)
            if name == "alert-queue-held":
                expect(other.locator("#result_list")).to_contain_text("Silenced", timeout=ONE_MINUTE)
            if "form" in name:
                expect(other.get_by_text("Asking…")).to_have_count(0, timeout=SOON)
            take_picture(other, f"{name}{suffix}")
    assert complaints.found == []
