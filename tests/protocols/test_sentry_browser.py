"""@sentry/browser, unmodified, on a page of another origin in Chromium: all that it sends, down to the stored row."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.support.pages import UnderWay
from tests.support.product import ROOT, Product, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

BIN = Path(sys.executable).parent
MODULES = ROOT / "tests" / "clients" / "node_modules"
WAIT_SECONDS = 30
MAIN = """import * as Sentry from "@sentry/browser";

Sentry.init({
  dsn: DSN,
  release: "erp-web@4.0",
  environment: "test",
  tracesSampleRate: 1,
  enableLogs: true,
  integrations: [Sentry.browserTracingIntegration()],
});
Sentry.setUser({ id: "ada" });
document.querySelector("button").addEventListener("click", () => {
  document.querySelector("p").textContent = "booked";
  Sentry.getCurrentScope().addAttachment({ filename: "cart.txt", data: "three lines" });
  Sentry.logger.warn("stock is low");
  Sentry.captureFeedback({ name: "Ada", email: "ada@example.com", message: "The total is wrong" });
  throw new TypeError("no ledger");
});
"""
POLICY = "script-src 'self'; report-uri {url}/api/{application_id}/security/?sentry_key={key}"
PAGE = """<!doctype html><meta charset="utf-8"><title>ERP</title><link rel="icon" href="data:,"><h1>Orders of the day</h1>
<p>Nothing is booked yet.</p><button>Book</button><script src="/main.js"></script><script>window.evil = 1;</script>"""
READ = """
import json
from monitoring.attachments.models import Attachment
from monitoring.browser.models import BrowserVital
from monitoring.errors.models import ErrorEvent
from monitoring.logs.models import LogRecord
from monitoring.losses.models import LossAccount
from monitoring.performance.models import Span
from monitoring.releases.models import ReleaseHour
from monitoring.user_reports.models import UserReport
own = dict(application_id={application_id})
print(json.dumps(dict(
    errors=[[one.title, one.tags, one.release] for one in ErrorEvent.objects.filter(**own)],
    vitals=[[one.name, one.page, one.browser, one.device] for one in BrowserVital.objects.filter(**own)],
    spans=list(Span.objects.filter(**own).values_list("operation", flat=True)),
    logs=list(LogRecord.objects.filter(**own).values_list("body", flat=True)),
    reports=[[one.message, one.email] for one in UserReport.objects.filter(**own)],
    files=list(Attachment.objects.filter(**own).values_list("name", flat=True)),
    sessions=[[one.sessions, one.errored, one.crashed] for one in ReleaseHour.objects.filter(release__application_id={application_id})],
    account=[[one.signal, one.stored, one.refused, one.limited, one.dropped, one.lost] for one in LossAccount.objects.filter(**own)],
)))
"""


class Site(http.server.SimpleHTTPRequestHandler):
    """Serves files with a policy, and says nothing."""

    policy = ""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running."""
    with running_product(tmp_path_factory.mktemp("browser") / "var") as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a page of another origin than the product's."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text(PAGE)
    handler = functools.partial(Site, directory=str(tmp_path / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def build(directory: Path, dsn: str) -> None:
    """Bundle the page's script."""
    (directory / "main.js").write_text(MAIN)
    done = subprocess.run(
        [
            *(BIN / "node", MODULES / ".bin" / "esbuild", "main.js", "--bundle", "--minify", "--format=iife"),
            *(f"--define:DSN={json.dumps(dsn)}", "--outfile=site/main.js", "--log-level=error"),
        ],
        cwd=directory,
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def visit(address: str) -> list[str]:
    """Open the page, press its button, leave it as people do; return what the browser said of requests that failed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        under_way = UnderWay(page)
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(address)
        page.wait_for_timeout(2_500)
        page.get_by_role("button").click()
        page.wait_for_timeout(1_500)
        under_way.wait()
        # The SDK sends vitals, and its report of what was lost, when the page is hidden.
        page.goto("about:blank")
        page.wait_for_timeout(1_500)
        browser.close()
    return [text for text in complaints if "CORS" in text]


def read_stored(product: Product, application_id: int, enough: Any) -> dict[str, list[Any]]:
    """Return the stored rows once there is enough of them."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        program = READ.format(application_id=application_id)
        found: dict[str, list[Any]] = json.loads(product.manage("shell", "--no-imports", "-c", program))
        if enough(found):
            return found
        assert time.monotonic() < deadline, json.dumps(found, indent=1)
        time.sleep(0.5)


def test_sentry_browser__a_visit_with_an_error__is_stored_whole_and_nothing_is_lost(
    product: Product, site: str, tmp_path: Path
) -> None:
    connection = product.connect("Browser ERP")
    build(tmp_path, connection["dsn"])
    key = connection["dsn"].partition("://")[2].partition("@")[0]
    Site.policy = POLICY.format(url=product.url, application_id=connection["application_id"], key=key)
    assert visit(site) == []

    def is_enough(rows: dict[str, list[Any]]) -> bool:
        names = {name for name, *_ in rows["vitals"]}
        return (
            len(rows["errors"]) >= 2
            and {"fcp", "lcp", "cls", "ttfb"} <= names
            and bool(rows["reports"] and rows["files"])
        )

    found = read_stored(product, connection["application_id"], is_enough)
    titles = {title: tags for title, tags, _ in found["errors"]}
    assert titles["TypeError: no ledger"]["browser"].startswith("Headless")
    assert titles["TypeError: no ledger"]["device"] == "desktop"
    assert any(title.startswith("CSP: script-src") for title in titles)
    assert {tuple(row[1:]) for row in found["vitals"]} == {("/", "HeadlessChrome", "desktop")}
    assert {"pageload"} <= set(found["spans"])
    assert found["logs"] == ["stock is low"]
    assert found["reports"] == [["The total is wrong", "ada@example.com"]]
    assert "cart.txt" in found["files"]
    # An error that nobody caught is "unhandled" to this SDK: the page went on.
    assert found["sessions"] == [[1, 1, 0]]
    # Everything came across origins: nothing was refused, and the client, asked on leaving, reports no loss of its own.
    assert [row for row in found["account"] if any(row[2:])] == []
