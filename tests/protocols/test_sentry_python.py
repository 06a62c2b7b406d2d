"""Sentry's own Python clients, unmodified, against the running product, down to the stored row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Product, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

WAIT_SECONDS = 30

SDK_PROGRAM = """
import json, logging, sys
import sentry_sdk

sentry_sdk.init(dsn=sys.argv[1], release="erp@1.2.3", environment="staging", traces_sample_rate=1.0,
                auto_session_tracking=True, send_default_pii=True, server_name="erp1")

def post_invoice(number, password):
    accounts = {}
    return accounts[number]

sentry_sdk.set_user({"id": "u42", "email": "ada@example.com", "ip_address": "192.0.2.77"})
sentry_sdk.set_tag("company", "main")
sentry_sdk.add_breadcrumb(category="ui", message="opened invoice 7", level="info")
ids = []
with sentry_sdk.start_transaction(op="task", name="post invoices"):
    for number in (4711, 4712):
        try:
            post_invoice(number, "hun" + "ter" + str(2))
        except KeyError as error:
            ids.append(sentry_sdk.capture_exception(error))
logging.getLogger("erp").error("stock of %s is negative", "item-17")
sentry_sdk.flush(20)
print(json.dumps(ids))
"""

WSGI_PROGRAM = """
import sys
import sentry_sdk
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from wsgiref.util import setup_testing_defaults

sentry_sdk.init(dsn=sys.argv[1], release="erp@1.2.3")

def application(environ, start_response):
    raise RuntimeError("page is broken")

environ = {"QUERY_STRING": "token=top" + "secret&page=2", "HTTP_AUTHORIZATION": "Bearer abcdefgh" + "ijklmnop"}
setup_testing_defaults(environ)
try:
    list(SentryWsgiMiddleware(application)(environ, lambda *args: None))
except RuntimeError:
    pass
sentry_sdk.flush(20)
"""

CRON_PROGRAM = """
import sys
import sentry_sdk
from sentry_sdk.crons import monitor

sentry_sdk.init(dsn=sys.argv[1], release="erp@1.2.3")
config = {"schedule": {"type": "crontab", "value": "0 3 * * *"}, "timezone": "Europe/Berlin", "checkin_margin": 10}

@monitor(monitor_slug="nightly-post", monitor_config=config)
def post_all():
    pass

@monitor(monitor_slug="weekly-report", monitor_config={"schedule": {"type": "interval", "value": 1, "unit": "week"}})
def report():
    raise RuntimeError("no printer")

post_all()
try:
    report()
except RuntimeError:
    pass
sentry_sdk.flush(20)
"""

LIMITED_PROGRAM = """
import sys, time
from datetime import datetime, timezone
import sentry_sdk

sentry_sdk.init(dsn=sys.argv[1], release="erp@1.2.3", auto_session_tracking=False)
transport = sentry_sdk.get_client().transport
number = 0
while not transport._disabled_until:
    number += 1
    sentry_sdk.capture_message("before " + "x" * number)
    sentry_sdk.flush(20)
for _ in range(3):
    # Held back, not sent.
    sentry_sdk.capture_message("during")
sentry_sdk.flush(20)
until = max(transport._disabled_until.values())
time.sleep(max(0, (until - datetime.now(timezone.utc)).total_seconds()) + 0.1)
sentry_sdk.capture_message("after")
sentry_sdk.flush(20)
print(number)
"""

BROTLI_PROGRAM = """
import sys
import sentry_sdk

sentry_sdk.init(dsn=sys.argv[1], _experiments={"transport_compression_algo": "br", "transport_compression_level": 5})
sentry_sdk.capture_message("small in br")
sentry_sdk.flush(20)
print(sentry_sdk.get_client().transport._compression_algo)
"""

RAVEN_PROGRAM = """
import sys
from raven import Client
from raven.transport.http import HTTPTransport

client = Client(sys.argv[1], transport=HTTPTransport, release="old@1", environment="legacy")
try:
    int("not a number")
except ValueError:
    print(client.captureException(tags={"client": "raven"}))
client.captureMessage("disk %s is full", params=("sda1",), data={"logger": "erp"})
"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running."""
    with running_product(tmp_path_factory.mktemp("sentry") / "var") as found:
        yield found


def run(program: str, dsn: str, directory: Path, *, quiet: bool = False) -> str:
    """Run a client program in a process of its own; return what it printed."""
    path = directory / "program.py"
    path.write_text(program)
    command = [sys.executable, *(["-W", "ignore"] if quiet else []), str(path), dsn]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "SENTRY"))}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def list_issues(product: Product, key: str, count: int) -> list[dict[str, Any]]:
    """Return the issues once there are as many as expected."""
    deadline = time.monotonic() + WAIT_SECONDS
    found: list[dict[str, Any]] = []
    while time.monotonic() < deadline and len(found) < count:
        answer = httpx.get(
            f"{product.url}/api/v1/issues/", headers={"Authorization": f"Bearer {key}"}
        ).raise_for_status()
        found = answer.json()["results"]
        time.sleep(0.2)
    return found


def read_stored(product: Product, application_id: int) -> list[dict[str, Any]]:
    """Return the stored rows of an application with their documents."""
    program = (
        "import json\n"
        "from monitoring.errors.models import ErrorEvent\n"
        "from monitoring.errors.selectors import read_document\n"
        f"rows = ErrorEvent.objects.filter(application_id={application_id}).order_by('pk')\n"
        "print(json.dumps([{'id': row.event_id.hex, 'title': row.title, 'release': row.release, 'tags': row.tags,"
        " 'environment': row.environment, 'document': read_document(row)} for row in rows]))\n"
    )
    rows: list[dict[str, Any]] = json.loads(product.manage("shell", "--no-imports", "-c", program))
    return rows


def test_sentry_sdk__exceptions_and_logs__are_stored_rows(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Python ERP")
    ids = json.loads(run(SDK_PROGRAM, connection["dsn"], tmp_path))
    issues = {issue["title"]: issue for issue in list_issues(product, connection["secret_key"], 2)}
    broken = issues["KeyError: 4711"]
    assert (broken["event_count"], broken["user_count"], broken["handled"]) == (2, 1, True)
    assert (broken["first_release"], broken["environments"]) == ("erp@1.2.3", ["staging"])
    assert issues["stock of item-17 is negative"]["event_count"] == 1
    rows = read_stored(product, connection["application_id"])
    assert {row["id"] for row in rows} > set(ids)
    row = next(row for row in rows if row["id"] == ids[0])
    assert (row["release"], row["environment"], row["tags"]["company"]) == ("erp@1.2.3", "staging", "main")
    frame = row["document"]["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["context_line"].strip()) == ("post_invoice", "return accounts[number]")
    assert frame["vars"]["password"] == "[Filtered]"
    assert "hunter2" not in json.dumps([row["document"] for row in rows])
    assert row["document"]["user"]["ip_address"] == "192.0.2.0"
    assert row["document"]["breadcrumbs"]["values"][0]["message"] == "opened invoice 7"
    assert count_stored(product, connection["application_id"], "transactions") == 1


def test_sentry_sdk__wsgi_middleware__request_is_kept_without_secrets(product: Product, tmp_path: Path) -> None:
    connection = product.connect("WSGI ERP")
    run(WSGI_PROGRAM, connection["dsn"], tmp_path)
    (issue,) = list_issues(product, connection["secret_key"], 1)
    assert (issue["title"], issue["handled"]) == ("RuntimeError: page is broken", False)
    (row,) = read_stored(product, connection["application_id"])
    request = row["document"]["request"]
    assert request["method"] == "GET"
    assert "page=2" in request["query_string"]
    assert "topsecret" not in json.dumps(row["document"])
    assert "abcdefghijklmnop" not in json.dumps(row["document"])


def test_raven__exception_and_message__are_stored_rows(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Old ERP")
    # It was written for Pythons before this one and says so in warnings.
    event_id = run(RAVEN_PROGRAM, connection["dsn"], tmp_path, quiet=True).strip()
    issues = {issue["title"]: issue for issue in list_issues(product, connection["secret_key"], 2)}
    assert set(issues) == {
        "ValueError: invalid literal for int() with base 10: 'not a number'",
        "disk sda1 is full",
    }
    rows = {row["id"]: row for row in read_stored(product, connection["application_id"])}
    assert (rows[event_id]["release"], rows[event_id]["tags"]["client"]) == ("old@1", "raven")


def count_stored(product: Product, application_id: int, signal: str) -> int:
    """Return how many things of a kind the loss account has as stored."""
    program = (
        "from monitoring.losses.models import LossAccount\n"
        f"rows = LossAccount.objects.filter(application_id={application_id}, signal='{signal}')\n"
        "print(sum(row.stored for row in rows))\n"
    )
    return int(product.manage("shell", "--no-imports", "-c", program))


def test_sentry_sdk__monitored_jobs__are_heartbeats(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Cron ERP")
    run(CRON_PROGRAM, connection["dsn"], tmp_path)
    headers = {"Authorization": f"Bearer {connection['secret_key']}"}
    answer = httpx.get(f"{product.url}/api/v1/checks/", headers=headers).raise_for_status()
    found = {check["name"]: check for check in answer.json()["results"]}
    assert {name: check["state"] for name, check in found.items()} == {"nightly-post": "up", "weekly-report": "down"}
    assert (found["nightly-post"]["schedule"], found["nightly-post"]["time_zone"]) == ("0 3 * * *", "Europe/Berlin")
    assert found["nightly-post"]["last_duration_seconds"] is not None


def test_sentry_sdk__over_its_keys_limit__holds_back_and_reports_it(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Loud ERP")
    # One window of ten seconds has two requests.
    program = "from monitoring.applications.models import IngestKey\n"
    program += f"IngestKey.objects.filter(application_id={connection['application_id']}, kind='public').update(requests_per_minute=12)"
    product.manage("shell", "--no-imports", "-c", program)
    sent = int(run(LIMITED_PROGRAM, connection["dsn"], tmp_path))
    titles = {issue["title"] for issue in list_issues(product, connection["secret_key"], sent)}
    assert titles == {*("before " + "x" * number for number in range(1, sent)), "after"}
    program = (
        "from monitoring.losses.models import LossAccount\n"
        f"rows = LossAccount.objects.filter(application_id={connection['application_id']}, signal='errors')\n"
        "print(*(sum(getattr(row, name) for row in rows) for name in ('stored', 'limited', 'lost')))\n"
    )
    # One was answered 429; the three that were not sent come as the client's own report.
    assert product.manage("shell", "--no-imports", "-c", program).split() == [str(sent), "1", "3"]


def test_sentry_sdk__brotli__is_inflated(product: Product, tmp_path: Path) -> None:
    connection = product.connect("Brotli ERP")
    assert run(BROTLI_PROGRAM, connection["dsn"], tmp_path).strip() == "br"
    (issue,) = list_issues(product, connection["secret_key"], 1)
    assert issue["title"] == "small in br"
