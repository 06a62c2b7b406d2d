"""From an error to whom it happens to, in a browser: everything that one broken page leaves behind leads to the rest."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.conftest import Complaints, sign_in, take_picture
from tests.support.errors import make_envelope, make_event, make_frame
from tests.support.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
SOON = 30_000
TRACE, BROKEN = "7a" * 16, "c0ffee00" * 4
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGES = {
    "errors": "/admin/monitoring/errorissue/",
    "errors-none": "/admin/monitoring/errorissue/?q=elephants",
    "critical": "/admin/monitoring/criticalpattern/",
    "logs": "/admin/monitoring/logs/",
    "releases": "/admin/monitoring/release/",
    "people": "/admin/monitoring/people/",
    "user-reports": "/admin/monitoring/userreport/",
    "losses": "/admin/monitoring/losses/",
    "check-editor": "/admin/monitoring/check/add/",
    "source-maps": "/admin/monitoring/sourcebundle/",
}


def send(product: Product, connection: dict[str, Any], *items: tuple[str, Any], **header: Any) -> None:
    """Send an envelope as an SDK does."""
    key = connection["dsn"].partition("://")[2].partition("@")[0]
    answer = httpx.post(
        f"{product.url}/api/{connection['application_id']}/envelope/",
        content=make_envelope(*items, **header),
        headers={"X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7"},
    )
    assert answer.status_code == httpx.codes.OK, answer.text


def break_things(product: Product, connection: dict[str, Any]) -> None:
    """Have an ERP report an afternoon: two releases, sessions, an error with all that belongs to it, log lines, a complaint."""
    now = datetime.now(UTC)
    for release, crashed in (("erp@2.0", 3), ("erp@2.1", 90)):
        counts = {
            "started": (now - timedelta(minutes=30)).isoformat(),
            "exited": 900,
            "errored": 20,
            "crashed": crashed,
        }
        attributes = {"release": release, "environment": "production"}
        send(product, connection, ("sessions", {"aggregates": [counts], "attrs": attributes}), sent_at=now.isoformat())
    frames = [make_frame("dispatch", module="django.views", in_app=False, filename="django/views.py"), make_frame()]
    breadcrumbs = [
        {"timestamp": now.timestamp() - 9, "category": "ui.click", "message": "button#post"},
        {"timestamp": now.timestamp() - 1, "category": "query", "message": "UPDATE ledger SET …", "level": "warning"},
    ]
    error = make_event(
        "LedgerLocked",
        "the ledger of 2026 is closed for 4711",
        frames=frames,
        handled=False,
        event_id=BROKEN,
        release="erp@2.1",
        environment="production",
        user={"id": "4711", "email": "ada@example.org", "ip_address": "203.0.113.9"},
        tags={"company": "main", "screen": "invoices"},
        request={"url": "https://erp.example/invoices/17/post", "method": "POST", "headers": {"Accept": "text/html"}},
        breadcrumbs={"values": breadcrumbs},
        contexts={"trace": {"trace_id": TRACE, "span_id": "1" * 16}, "os": {"name": "Linux", "version": "6.1"}},
    )
    said = {"event_id": BROKEN, "name": "Ada", "email": "ada@example.org", "comments": "I can't post my invoice."}
    head = {"type": "attachment", "length": len(PIXEL), "filename": "screen.png", "content_type": "image/png"}
    send(product, connection, ("event", error), ("user_report", said), event_id=BROKEN)
    key = connection["dsn"].partition("://")[2].partition("@")[0]
    httpx.post(
        f"{product.url}/api/{connection['application_id']}/envelope/?sentry_key={key}",
        content=b'{"event_id": "%s"}\n%s\n%s\n' % (BROKEN.encode(), str(head).replace("'", '"').encode(), PIXEL),
    ).raise_for_status()
    for number in range(12):
        other = make_event("StockError", f"no stock of item {number}", user={"id": str(number)}, release="erp@2.0")
        send(product, connection, ("event", other))
    report = {"discarded_events": [{"reason": "network_error", "category": "error", "quantity": 4}]}
    send(product, connection, ("client_report", report), ("profile", {}))
    lines = [
        {"message": "invoice 17 was not posted", "level": "error", "logger": "invoices", "trace_id": TRACE},
        {"message": "the ledger is nearly full", "level": "warning", "logger": "ledger", "attributes": {"year": 2026}},
        *({"message": f"invoice {number} posted", "logger": "invoices", "level": "info"} for number in range(30)),
    ]
    headers = {"Authorization": f"Bearer {connection['secret_key']}"}
    httpx.post(f"{product.url}/api/v1/logs/", json={"logs": lines}, headers=headers).raise_for_status()


def test_errors__one_broken_page__leads_to_all_that_belongs_to_it(
    product: Product, open_context: Callable[..., BrowserContext], complaints: Complaints
) -> None:
    connection = product.connect("Acme ERP")
    break_things(product, connection)
    context = open_context()
    page = context.new_page()
    complaints.watch(page)
    sign_in(page)
    with page.expect_navigation():
        page.locator("select[name=application]").first.select_option(str(connection["application_id"]))

    # The error, with its people, files, words and history.
    page.goto(PAGES["errors"])
    page.get_by_role("link", name=re.compile("LedgerLocked")).first.click()
    expect(page.get_by_text("1 event in 2 days")).to_be_visible()
    # What people say is matched with errors once a minute.
    for _ in range(90):
        if page.get_by_text("I can't post my invoice.").count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    expect(page.get_by_text("I can't post my invoice.")).to_be_visible()
    expect(page.get_by_role("img", name="screen.png")).to_be_visible()
    issue = page.url
    take_picture(page, "issue")
    page.get_by_role("link", name="14 days").click()
    expect(page.get_by_text("1 event in 14 days")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_text("If it happens again, it comes back as regressed.")).to_be_visible()

    # From it to the person, the log lines of its trace, its release.
    page.get_by_role("link", name="ada@example.org").first.click()
    expect(page.get_by_role("link", name=re.compile("LedgerLocked")).first).to_be_visible()
    person = page.url
    take_picture(page, "person")
    page.goto(PAGES["logs"])
    page.get_by_placeholder("Words in the line").fill("invoice not posted")
    page.get_by_placeholder("Words in the line").press("Enter")
    expect(page.get_by_text("invoice 17 was not posted")).to_be_visible()
    expect(page.get_by_text("invoice 3 posted")).to_have_count(0)
    page.goto(issue)
    page.get_by_role("link", name="erp@2.1").first.click()
    expect(page.get_by_role("heading", name=re.compile("erp@2.1")).first).to_be_visible()
    release = page.url
    take_picture(page, "release")

    pages = {**PAGES, "issue": issue, "person": person, "release": release}
    for phone, dark in ((False, False), (True, False), (False, True), (True, True)):
        look = f"{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}"
        other = open_context(phone=phone, dark=dark, state=context.storage_state())
        window = other.new_page()
        complaints.watch(window)
        for name, address in pages.items():
            window.goto(address)
            take_picture(window, f"{name}-{look}")
        other.close()
    assert complaints.found == []
