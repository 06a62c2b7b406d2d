"""sentry-cli, unmodified, uploads a build that esbuild made; @sentry/browser, unmodified, throws in it in Chromium."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.protocols.test_sentry_python import list_issues, read_stored
from tests.support.pages import UnderWay
from tests.support.product import ROOT, Product, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

BIN = Path(sys.executable).parent
MODULES = ROOT / "tests" / "clients" / "node_modules"
RELEASE = "erp-web@2.3.1"

INVOICE = """// books an invoice
import { total } from "lines";

export function bookInvoice(invoice) {
  const sum = total(invoice.lines);
  return postToLedger(invoice, sum);
}

function postToLedger(invoice, sum) {
  if (!invoice.ledger) {
    throw new TypeError("invoice " + invoice.number + " has no ledger");
  }
  return sum;
}
"""
MAIN = """import * as Sentry from "@sentry/browser";
import { bookInvoice } from "./invoice.js";

Sentry.init({ dsn: DSN, release: RELEASE });
document.querySelector("button").addEventListener("click", function onBook() {
  bookInvoice({ number: 7, lines: [1, 2] });
});
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running."""
    with running_product(tmp_path_factory.mktemp("maps") / "var", WEB_WORKERS="1") as found:
        yield found


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and the address that it is served at: another origin than the product's."""
    directory = tmp_path / "site"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text(
        '<!doctype html><meta charset="utf-8"><title>ERP</title><link rel="icon" href="data:,"><button>Book</button>'
        '<script src="/assets/main.js"></script>'
    )
    handler = functools.partial(Quiet, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield directory, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def build(directory: Path, sources: Path, dsn: str) -> None:
    """Make the minified script and its map."""
    (sources / "src").mkdir(parents=True)
    (sources / "node_modules" / "lines").mkdir(parents=True)
    (sources / "node_modules" / "lines" / "index.js").write_text(
        "export function total(lines) { return lines.reduce((sum, line) => sum + line, 0); }\n"
    )
    (sources / "src" / "invoice.js").write_text(INVOICE)
    (sources / "src" / "main.js").write_text(MAIN)
    command = [BIN / "node", MODULES / ".bin" / "esbuild", "src/main.js", "--bundle", "--minify", "--sourcemap"]
    options = [
        f"--outdir={directory / 'assets'}",
        f"--define:DSN={json.dumps(dsn)}",
        f"--define:RELEASE={json.dumps(RELEASE)}",
        "--format=iife",
        "--log-level=error",
    ]
    done = subprocess.run(
        [*command, *options],
        cwd=sources,
        env={**os.environ, "NODE_PATH": str(MODULES)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def cli(product: Product, key: str, project: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run sentry-cli."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTRY")},
        "SENTRY_URL": product.url,
        "SENTRY_AUTH_TOKEN": key,
        "SENTRY_ORG": "any",
        "SENTRY_PROJECT": project,
        "SENTRY_DISABLE_UPDATE_CHECK": "1",
    }
    return subprocess.run([BIN / "sentry-cli", *arguments], env=environment, capture_output=True, text=True, timeout=60)


def click_in_chromium(address: str) -> None:
    """Open the page, press its button, and wait until the report was answered."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        under_way = UnderWay(page)
        page.goto(address)
        with page.expect_response(
            lambda answer: "/envelope/" in answer.url and '"exception"' in (answer.request.post_data or "")
        ) as answered:
            page.get_by_role("button").click()
        assert answered.value.status == 200
        # On leaving, the SDK reports what it could not send.
        under_way.wait()
        page.goto("about:blank")
        page.wait_for_timeout(1_000)
        browser.close()


@pytest.mark.parametrize("has_debug_ids", [True, False])
def test_upload__build_throws_in_chromium__stored_frame_is_the_code_that_people_wrote(
    product: Product, site: tuple[Path, str], tmp_path: Path, has_debug_ids: bool
) -> None:
    directory, address = site
    connection = product.connect(f"Web {has_debug_ids}")
    build(directory, tmp_path / "erp", connection["dsn"])
    assets = str(directory / "assets")
    run = functools.partial(cli, product, connection["secret_key"], connection["slug"])
    if has_debug_ids:
        injected = run("sourcemaps", "inject", assets)
        assert injected.returncode == 0, injected.stderr
    upload = ("sourcemaps", "upload", "--release", RELEASE, "--url-prefix", "~/assets", "--wait", assets)
    done = run(*upload)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "~/assets/main.js (sourcemap at main.js.map" in done.stdout
    again = run(*upload)
    assert "Nothing to upload" in again.stdout + again.stderr

    click_in_chromium(address)

    (issue,) = list_issues(product, connection["secret_key"], 1)
    assert issue["title"] == "TypeError: invoice 7 has no ledger"
    assert issue["culprit"].endswith("src/invoice.js in postToLedger")
    (row,) = read_stored(product, connection["application_id"])
    frames = row["document"]["exception"]["values"][0]["stacktrace"]["frames"]
    newest, caller = frames[-1], frames[-2]
    assert (newest["function"], newest["lineno"], newest["in_app"]) == ("postToLedger", 11, True)
    assert newest["context_line"].strip() == 'throw new TypeError("invoice " + invoice.number + " has no ledger");'
    assert newest["pre_context"][-1].strip() == "if (!invoice.ledger) {"
    assert newest["post_context"][0].strip() == "}"
    assert newest["minified"]["filename"] == f"{address}/assets/main.js"
    assert (caller["function"], caller["lineno"]) == ("bookInvoice", 6)
    assert any("@sentry" in frame["filename"] and not frame["in_app"] for frame in frames)
    # The client sent everything across origins: it reports no loss of its own.
    losses = "from monitoring.losses.models import LossAccount\n"
    own = f"application_id={connection['application_id']}"
    losses += f"print(list(LossAccount.objects.filter({own}, lost__gt=0).values_list('signal', 'lost')))"
    assert product.manage("shell", "--no-imports", "-c", losses).strip() == "[]"


def test_cli__releases_and_info__work(product: Product) -> None:
    connection = product.connect("Releases")
    run = functools.partial(cli, product, connection["secret_key"], connection["slug"])
    for arguments in (
        ("info",),
        ("releases", "new", "erp@4.5.6"),
        ("releases", "finalize", "erp@4.5.6"),
        ("releases", "list"),
        ("releases", "info", "erp@4.5.6"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    assert "erp@4.5.6" in run("releases", "list").stdout


def test_cli__job_and_event__are_a_heartbeat_and_an_issue(product: Product) -> None:
    connection = product.connect("Jobs by hand")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SENTRY")},
        "SENTRY_DSN": connection["dsn"],
        "SENTRY_DISABLE_UPDATE_CHECK": "1",
    }
    schedule = ["--schedule", "30 2 * * *", "--timezone", "Europe/Berlin"]
    for slug, command, code in (("nightly", "true", 0), ("weekly", "false", 1)):
        arguments = [BIN / "sentry-cli", "monitors", "run", slug, *schedule, "--", command]
        done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
    arguments = [
        BIN / "sentry-cli",
        "send-event",
        "-m",
        "backup of %s failed",
        "-a",
        "erp",
        "-r",
        "erp@7.0",
        "-t",
        "disk:sda",
    ]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    headers = {"Authorization": f"Bearer {connection['secret_key']}"}
    checks = httpx.get(f"{product.url}/api/v1/checks/", headers=headers).raise_for_status().json()["results"]
    assert {one["name"]: (one["state"], one["schedule"], one["time_zone"]) for one in checks} == {
        "nightly": ("up", "30 2 * * *", "Europe/Berlin"),
        "weekly": ("down", "30 2 * * *", "Europe/Berlin"),
    }
    (issue,) = list_issues(product, connection["secret_key"], 1)
    assert (issue["title"], issue["first_release"]) == ("backup of erp failed", "erp@7.0")


def test_cli__wrong_key_and_other_project__says_what_to_do(product: Product, tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("console.log(1)")
    connection = product.connect("Refused")
    wrong = cli(product, "pl_sk_wrong", connection["slug"], "sourcemaps", "upload", str(tmp_path))
    assert wrong.returncode != 0
    assert "key is not valid" in wrong.stdout + wrong.stderr
    other = cli(product, connection["secret_key"], "crm", "sourcemaps", "upload", str(tmp_path))
    assert other.returncode != 0
    assert f"--project {connection['slug']}" in other.stdout + other.stderr


def test_upload__processes_killed_in_the_middle__leaves_nothing_half(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Killed")
    assets = tmp_path / "assets"
    assets.mkdir()
    for number in range(300):
        (assets / f"part{number}.js").write_text(f"console.log({number});//" + os.urandom(40_000).hex())
    environment = {
        **os.environ,
        "SENTRY_URL": product.url,
        "SENTRY_AUTH_TOKEN": connection["secret_key"],
        "SENTRY_ORG": "any",
        "SENTRY_PROJECT": connection["slug"],
    }
    command = [BIN / "sentry-cli", "sourcemaps", "upload", "--release", "9", str(assets)]
    uploading = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while uploading.poll() is None and count(product, "SourceChunk", connection) == 0:
        pass
    for worker in product.find_processes("granian"):
        worker.kill()
    uploading.wait(timeout=60)
    product.wait_until_ready()
    bundles, files = count(product, "SourceBundle", connection), count(product, "SourceFile", connection)
    assert (bundles, files) in {(0, 0), (1, 300)}
    done = cli(product, connection["secret_key"], connection["slug"], *map(str, command[1:]))
    assert done.returncode == 0, done.stderr
    assert (count(product, "SourceBundle", connection), count(product, "SourceFile", connection)) == (1, 300)


def count(product: Product, model: str, connection: dict[str, Any]) -> int:
    """Return how many rows an application has."""
    program = (
        f"from monitoring.sourcemaps.models import {model} as M\n"
        f"print(M.objects.filter(application_id={connection['application_id']}).count())\n"
    )
    return int(product.manage("shell", "--no-imports", "-c", program))


def test_rest__uploads__are_listed(product: Product) -> None:
    connection = product.connect("Killed")
    answer = httpx.get(
        f"{product.url}/api/v1/source-maps/", headers={"Authorization": f"Bearer {connection['secret_key']}"}
    )
    assert [(one["release"], one["file_count"]) for one in answer.json()["results"]] == [("9", 300)]
