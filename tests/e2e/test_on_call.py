"""On call in a browser: a schedule is made with its preview, overridden from the calendar, a shift offered, a calendar subscribed to."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SOON = 30_000
PEOPLE = """
from django.contrib.auth.models import User
for name, first, last in [("anna", "Anna", "Arndt"), ("ben", "Ben", "Bergmann"), ("carla", "Carla", "Costa"), ("dora", "Dora", "Dahl")]:
    User.objects.create_user(name, email=f"{name}@example.com", first_name=first, last_name=last, is_staff=True)
"""
CLERKS = """
from django.contrib.auth.models import User
for number in range(12):
    User.objects.create_user(f"clerk{number}", email=f"clerk{number}@example.com", first_name="Clara", last_name=f"Clerk {number}")
"""


def fill_layer(page: Page, number: int, **fields: str) -> None:
    for name, value in fields.items():
        field = page.locator(f"#id_layers-{number}-{name}")
        field.select_option(value) if name == "rotation" else field.fill(value)


def test_on_call__from_the_first_schedule_to_a_calendar(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    product.manage("shell", "-c", PEOPLE)
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    page.goto("/admin/alerts/oncallschedule/")
    take_picture(page, "on-call-list-empty")

    page.goto("/admin/alerts/oncallschedule/add/")
    page.locator("#id_name").fill("First line")
    page.locator("#id_zone").fill("Europe/Berlin")
    fill_layer(page, 0, name="Weeks", people="admin\nanna\nben, carla", starts_at="2026-01-05T09:00")
    page.get_by_role("button", name="Add a layer").click()
    fill_layer(page, 1, name="Nights", hours="Mon-Fri 18:00-08:00", rotation="daily")
    page.locator("fieldset", has_text="Layer 2").get_by_label("Add a turn of").select_option("dora")
    page.locator("fieldset", has_text="Layer 2").get_by_label("Add a turn of").select_option("anna")
    expect(page.locator("#id_layers-1-people")).to_have_value("dora\nanna")
    expect(page.locator("#roster-preview .pl-week")).to_have_count(4, timeout=SOON)
    take_picture(page, "on-call-editor")
    fill_layer(page, 1, people="dora\nnobody")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Line 2: “nobody” is nobody here")).to_be_visible()
    take_picture(page, "on-call-editor-errors")
    fill_layer(page, 1, people="dora\nanna")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/change/")
    expect(page.locator(".pl-week")).to_have_count(4)
    schedule = page.url

    page.locator(".pl-week__line--final a.pl-shift").nth(2).click()
    page.locator("#id_person").select_option(label="Dora Dahl (dora)")
    page.locator("#id_reason").fill("Ben is ill")
    take_picture(page, "on-call-override")
    page.get_by_role("button", name="Override").click()
    expect(page.get_by_text("Ben is ill")).to_be_visible()
    page.get_by_role("button", name="Make an address").click()
    feed = page.locator("#feed-url").inner_text()
    take_picture(page, "on-call-schedule")
    assert httpx.get(feed).text.startswith("BEGIN:VCALENDAR")

    page.goto("/admin/on-call/")
    page.locator("details.pl-offer summary").first.click()
    page.get_by_label("Why").first.fill("Dentist")
    take_picture(page, "on-call-mine")
    page.get_by_role("button", name="Offer this time").first.click()
    expect(page.get_by_text("Offered by me")).to_be_visible()
    page.goto(f"{schedule.split('change')[0]}import/")
    file = {"name": "rota.ics", "mimeType": "text/calendar", "buffer": httpx.get(feed).content}
    page.locator("input[name=file]").set_input_files(file)  # type: ignore[arg-type]  # a plain dictionary of its shape
    page.get_by_role("button", name="Show what it brings").click()
    expect(page.get_by_role("heading", name="What it brings")).to_be_visible()
    take_picture(page, "on-call-import")
    page.goto("/admin/alerts/oncallschedule/")
    expect(page.locator("#result_list")).to_contain_text("First line")
    take_picture(page, "on-call-list")
    page.goto("/admin/")
    take_picture(page, "on-call-home")

    state = context.storage_state()
    for name, options in {
        "phone": {"phone": True},
        "dark": {"dark": True},
        "phone-dark": {"phone": True, "dark": True},
    }.items():
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        for what, address in {
            "schedule": schedule,
            "mine": "/admin/on-call/",
            "list": "/admin/alerts/oncallschedule/",
            "editor": f"{schedule.split('change')[0]}edit/",
        }.items():
            other.goto(address)
            if what == "editor":
                expect(other.locator("#roster-preview .pl-week")).to_have_count(4, timeout=SOON)
            take_picture(other, f"on-call-{what}-{name}")
    assert "\n".join(complaints.found) == ""


def test_policy__people_of_a_step__are_looked_for_and_ticked(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    product.manage("shell", "-c", CLERKS)
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    page.goto("/admin/alerts/policy/add/")
    page.locator("#id_name").fill("Clerks")
    page.get_by_text("Add another step").click()
    page.locator("#id_steps-0-kind").select_option("person")
    people = page.locator("#id_steps-0-people")
    expect(page.locator("#id_steps-0-teams")).to_be_hidden()
    people.get_by_label("Clara Clerk 3 (clerk3)", exact=True).check()
    people.get_by_label("Show only what contains").fill("clerk 7")
    expect(people.get_by_role("checkbox")).to_have_count(2)
    people.get_by_label("Clara Clerk 7 (clerk7)", exact=True).check()
    take_picture(page, "policy-people")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#result_list")).to_contain_text("Clara Clerk 3")
    expect(page.locator("#result_list")).to_contain_text("Clara Clerk 7")
    page.locator("#result_list").get_by_role("link", name="Clerks").click()
    state, address = context.storage_state(), page.url
    for name, options in {"phone": {"phone": True}, "dark": {"dark": True}}.items():
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        other.goto(address)
        expect(other.locator("#id_steps-0-people").get_by_role("checkbox", checked=True)).to_have_count(2)
        take_picture(other, f"policy-people-{name}")
    assert "\n".join(complaints.found) == ""
