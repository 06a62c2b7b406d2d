"""Web vitals in a browser: nothing measured, then a week of it; the board, a page's own page, by phone and in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SOON = 30_000
BOARD, ORDER = "/admin/monitoring/web-vitals/", "/admin/monitoring/web-vitals/page/?page=/orders/%7Bid%7D&range=7d"

#: A week of an ERP's pages: one is slow on phones and got slower with the newest release.
SEED = r"""
from datetime import timedelta
import numpy as np
from django.db import transaction
from django.utils import timezone
from monitoring.applications.models import Application
from monitoring.browser.records import VitalRecord
from monitoring.browser.services.measuring import record_vitals
from monitoring.browser.services.recording import write_vitals
from monitoring.browser.services.rolling_up import roll_up_vitals
from monitoring.releases.models import Deployment, Release
from monitoring.usage.records import UsageEvent
from monitoring.usage.services.recording import write_usage_events

now, chance = timezone.now(), np.random.default_rng(7)
erp = Application.objects.order_by("pk").first()
pages = {"/": 0.7, "/orders": 1.0, "/orders/{id}": 1.7, "/invoices": 0.9, "/reports/sales": 2.2, "/stock": 0.6}
details = {"lcp": "main > table.grid", "inp": "button#save", "cls": "div.banner", "asset": "/assets/report.js", "longtask": "/assets/grid.js"}
middles = {"ttfb": 0.3, "fcp": 0.8, "lcp": 1.5, "inp": 0.11, "cls": 0.04, "load": 1.2, "asset": 0.2, "longtask": 0.09}
records = []
for hours in range(0, 150, 1):
    at = now - timedelta(hours=hours, minutes=1)
    release = "2.4.0" if hours < 40 else "2.3.1"
    for view in range(6 if 5 <= at.hour <= 18 else 1):
        page = list(pages)[int(chance.choice(6, p=[.2, .25, .25, .1, .05, .15]))]
        device = str(chance.choice(["desktop", "mobile", "tablet"], p=[.7, .22, .08]))
        slow = pages[page] * (1.6 if device == "mobile" else 1) * (1.35 if release == "2.4.0" else 1)
        for name, middle in middles.items():
            records.append(VitalRecord(
                erp.pk, at, name, float(middle * slow * chance.lognormal(0, 0.45)), page=page, release=release, device=device,
                detail=details.get(name, ""), browser=str(chance.choice(["Chrome", "Firefox", "Safari"], p=[.7, .2, .1])),
                os="Windows", connection=str(chance.choice(["4g", "3g"], p=[.85, .15])), session_key=f"{hours:08x}{view:08x}"))
records.append(VitalRecord(erp.pk, now, "asset_failed", 0.0, page="/orders/{id}", detail="/img/logo.png"))
for version, days in (("2.3.1", 20), ("2.4.0", 1.6)):
    release = Release.objects.create(application=erp, version=version, first_seen=now - timedelta(days=days))
    Deployment.objects.create(release=release, deployed_at=release.first_seen)
with transaction.atomic():
    write_vitals(records)
    write_usage_events([UsageEvent(erp.pk, now, "rage_click", page="/orders/{id}", target="button#save")] * 1)
roll_up_vitals(now=now)
for minute in range(90, -1, -1):
    record_vitals(now=now - timedelta(minutes=minute))
"""


def show_all_charts(page: Page) -> None:
    """Charts are drawn when they come into view."""
    for figure in page.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        expect(figure).to_have_attribute("data-chart-state", re.compile("drawn|empty"), timeout=SOON)
    page.evaluate("scrollTo(0, 0)")


def test_vitals__a_week_of_pages__is_read_from_the_answer_to_the_cause(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    page.get_by_role("link", name="Web vitals", exact=True).click()
    expect(page.get_by_role("heading", name="No page has been measured yet")).to_be_visible()
    take_picture(page, "vitals-empty")

    product.manage("shell", "-c", SEED)
    page.goto(BOARD)
    page.get_by_role("link", name="7 days").click()
    expect(page.get_by_role("heading", name=re.compile("vitals? miss"))).to_be_visible()
    show_all_charts(page)
    expect(page.locator("[data-chart-state=drawn]").first).to_be_visible()
    take_picture(page, "vitals-board")

    page.get_by_placeholder("Search pages").fill("orders/")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name="/orders/{id}").click()
    expect(page.get_by_role("heading", name="What answered slowly")).to_be_visible()
    expect(page.get_by_text("/img/logo.png")).to_be_visible()
    page.get_by_text("Show as table").first.click()
    expect(page.get_by_role("columnheader", name="Measurements").first).to_be_visible()
    page.goto(ORDER)
    take_picture(page, "vitals-page")

    page.goto("/admin/")
    expect(page.locator("section", has=page.get_by_role("heading", name="Browsers"))).to_be_visible()
    take_picture(page, "vitals-home")
    state = context.storage_state()
    for name, options in (("dark", {"dark": True}), ("phone", {"phone": True})):
        other = open_context(state=state, **options).new_page()
        complaints.watch(other)
        other.goto(f"{BOARD}?range=7d")
        show_all_charts(other)
        take_picture(other, f"vitals-board-{name}")
        other.goto(ORDER)
        take_picture(other, f"vitals-page-{name}")
    assert complaints.found == []
