"""Performance in a browser: the product's own requests and queries, from its board to a single trace."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SOON = 60_000
BOARD = "/admin/monitoring/performance/"
APPLICATION = "from monitoring.applications.selectors import find_own_application; print(find_own_application().pk)"

#: A trace as a traced program tells it: a request, what it did in it, and a failed call.
TRACE = r"""
from datetime import timedelta
from django.utils import timezone
from monitoring.applications.selectors import find_own_application
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.records import QueryRecord, RequestRecord, SpanRecord
now, app = timezone.now(), find_own_application().pk
trace, batch = "5e" * 16, Batch(app)
def span(number, parent, name, operation, start, seconds, **more):
    batch.add(SpanRecord(app, trace, f"{number:016x}", now + timedelta(seconds=start), seconds, name,
        parent_id=f"{parent:016x}" if parent else "", operation=operation, service="erp", release="4.1", **more), signal="spans")
span(1, 0, "POST /invoices/{id}/post", "http.server", 0, 1.9, kind="server")
span(2, 1, "InvoiceController@post", "view", 0.02, 1.85)
span(3, 2, "SELECT * FROM invoices WHERE id = ?", "db.sql.query", 0.05, 0.21)
span(4, 2, "GET https://bank.example/rates", "http.client", 0.3, 1.2, kind="client", failed=True)
span(5, 4, "resolve bank.example", "dns", 0.31, 0.04)
span(6, 2, "UPDATE ledger SET posted = ? WHERE id IN (?)", "db.sql.query", 1.55, 0.3)
batch.add(RequestRecord(app, now, 1.9, "/invoices/{id}/post", "POST", 502, True, release="4.1", trace_id=trace, span_id=f"{1:016x}"), signal="transactions")
batch.add(QueryRecord(app, now, 0.21, "SELECT * FROM invoices WHERE id = 7", "mysql", trace_id=trace, span_id=f"{3:016x}"), signal="queries")
store_batch(batch)
"""


def wait_for_text(page: Page, address: str, text: str | re.Pattern[str]) -> None:
    """Open a page again and again until it says something: what it shows is summed up every 15 seconds."""
    for _ in range(30):
        page.goto(address)
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(1_000)
    raise AssertionError(f"{address} never says {text!r}")


def test_performance__of_the_product_itself__leads_from_the_board_to_a_trace(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    own = int(product.manage("shell", "--no-imports", "-c", APPLICATION))
    product.manage("shell", "--no-imports", "-c", TRACE)
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    with page.expect_navigation():
        page.locator("select[name=application]").first.select_option(str(own))
    wait_for_text(page, BOARD, "/admin/login/")
    wait_for_text(page, f"{BOARD}?tab=jobs", "alerts.tasks.evaluate_rules")
    page.goto(BOARD)
    take_picture(page, "performance-board")

    page.get_by_role("link", name="Database queries").click()
    expect(page.locator(".pl-perf-name").first).to_contain_text(re.compile("SELECT|INSERT|UPDATE|DELETE"))
    page.locator(".pl-perf-name a").first.click()
    expect(page.get_by_text("Values are taken out before it is kept")).to_be_visible()
    take_picture(page, "performance-statement")

    page.goto(BOARD)
    page.get_by_role("link", name="/admin/login/").first.click()
    expect(page.get_by_role("heading", name="How durations spread")).to_be_visible()
    take_picture(page, "performance-endpoint")

    page.goto("/admin/monitoring/requests/?status=5xx")
    page.get_by_role("link", name="POST /invoices/{id}/post").click()
    expect(page.locator(".pl-waterfall__row")).to_have_count(6)
    take_picture(page, "performance-trace")

    for name, address in {
        "board": BOARD,
        "requests": "/admin/monitoring/requests/",
        "trace": f"/admin/monitoring/traces/{'5e' * 16}/",
    }.items():
        for phone, dark in ((True, False), (False, True)):
            other = open_context(phone=phone, dark=dark, state=context.storage_state())
            window = other.new_page()
            complaints.watch(window)
            window.goto(address)
            take_picture(window, f"performance-{name}-{'phone' if phone else 'dark'}")
            other.close()
    assert complaints.found == []
