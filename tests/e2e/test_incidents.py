"""An incident in a browser: an escalation policy declares it by real evaluation; people run it to its end."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
OpenContext = Callable[..., BrowserContext]
ONE_MINUTE = 60_000
#: A policy that declares an incident a second after the first alert of a rule that this host meets.
SEED = """
from alerts.drafts import RuleDraft
from alerts.models import Channel, Policy, PolicyStep, Rule
from alerts.services.rules import create_rule

policy = Policy.objects.create(name="Outage", group_wait_seconds=1)
PolicyStep.objects.create(policy=policy, position=0, kind="channel").channels.set(Channel.objects.filter(is_default=True))
PolicyStep.objects.create(policy=policy, position=1, kind="declare_incident")
rule = create_rule(draft=RuleDraft(
    name="Memory in use",
    condition="system_memory_utilization_ratio > 0.0001",
    severity="critical",
    annotations={"summary": "Memory of {{ $labels.host }} in use"},
))
Rule.objects.filter(pk=rule.pk).update(policy=policy)
"""


def declare_by_hand(page: Page) -> str:
    """Declare an incident from the list; return its address."""
    page.goto("/admin/incidents/incident/")
    page.get_by_role("link", name=re.compile("Add incident|Declare")).first.click()
    page.locator("#id_title").fill("Invoices can’t be posted in the Hamburg branch")
    page.get_by_text("P2 high:").click()
    page.locator("#id_description").fill("Since nine. About forty people.\nThe other branches are well.")
    take_picture(page, "incident-form")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="Invoices can’t be posted").first).to_be_visible()
    return page.url


def test_incident__policy_declares_it__acknowledged_noted_and_resolved(
    open_context: OpenContext, complaints: Complaints, product: Product
) -> None:
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    page.goto("/admin/incidents/incident/")
    expect(page.get_by_text("No open incidents")).to_be_visible()
    take_picture(page, "incidents-empty")
    by_hand = declare_by_hand(page)

    product.manage("shell", "-c", SEED)
    page.goto("/admin/")
    link = page.get_by_role("link", name=re.compile(r"#\d+ Memory of"))
    expect(link).to_be_visible(timeout=ONE_MINUTE)  # the panel renews itself
    take_picture(page, "home-incidents")
    link.click()
    incident = page.url
    expect(page.locator("#progress")).to_contain_text("because a critical alert is a critical symptom")
    expect(page.locator("#progress")).to_contain_text("policy “Outage”")
    take_picture(page, "incident-declared")

    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#progress")).to_contain_text("in time")
    page.get_by_role("textbox", name="Note").fill("It is the import of the price list.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#progress")).to_contain_text("It is the import of the price list.")
    page.locator("select[name=corrects]").select_option(index=1)
    page.get_by_role("textbox", name="Note").fill("Not the import: the export, which ran twice.")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("combobox", name="Level").select_option("P3")
    page.get_by_role("textbox", name="Why").fill("Only the nightly jobs are slow.")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator("#progress")).to_contain_text("From P1 critical to P3 medium")

    page.locator(".pl-case__facts").get_by_role("link", name="Memory of").click()
    expect(page.locator("#incident")).to_contain_text("Acknowledged")
    alert = page.url
    page.locator("#incident").get_by_role("link").click()
    expect(page).to_have_url(incident)

    addresses = {
        "incidents": "/admin/incidents/incident/",
        "incident": incident,
        "incident-by-hand": by_hand,
        "incident-form": "/admin/incidents/incident/add/",
        "alert-of-incident": alert,
        "home-incidents": "/admin/",
    }
    state = context.storage_state()
    for suffix, options in (("", {}), ("-dark", {"dark": True}), ("-phone", {"phone": True})):
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        for name, address in addresses.items():
            other.goto(address)
            take_picture(other, f"{name}{suffix}")

    page.get_by_role("textbox", name="What was done").fill("The second export was stopped.")
    page.get_by_role("button", name="Resolve the incident").click()
    expect(page.locator("#progress")).to_contain_text("The second export was stopped.")
    take_picture(page, "incident-resolved")
    page.get_by_role("button", name="Close").click()
    page.goto("/admin/incidents/incident/")
    expect(page.locator("#result_list")).not_to_contain_text("Memory of")

    # It still fires, so the next incident is declared from its page, with what is known filled in.
    page.goto(alert)
    take_picture(page, "alert-declare")
    page.get_by_role("link", name="Declare an incident").click()
    expect(page.locator("#id_title")).to_have_value(re.compile("Memory of"))
    expect(page.get_by_role("radio", name="P1 critical")).to_be_checked()
    page.goto("/admin/alerts/policy/")
    page.get_by_role("link", name="Outage").click()
    help_text = page.get_by_text("It opens an incident for the alerts")
    expect(help_text.locator("visible=true")).to_have_count(1)
    take_picture(page, "policy-declares")
    assert complaints.found == []
