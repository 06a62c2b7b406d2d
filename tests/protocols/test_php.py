"""What the connect page gives PHP programs, run by PHP: pages of its web server and a job, down to stored rows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from monitoring.applications.snippets import list_snippets
from tests.support.product import Product, find_free_port, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

WAIT_SECONDS = 30
PAGES = """<?php
require __DIR__ . '/postlaunch.php';
Postlaunch::$release = 'erp@3.1.0';
Postlaunch::$user = 4711;

function post_invoice(int $number): void
{
    throw new RuntimeException("invoice $number has no ledger");
}

Postlaunch::query("SELECT * FROM orders WHERE id = 17 AND note = 'private'", 12.5, 2);
Postlaunch::metric('orders_opened', 1, ['branch' => 'Berlin']);
switch (strtok($_SERVER['REQUEST_URI'] ?? 'job', '?')) {
    case '/orders/17':
        echo $undefined, 'fine';
        break;
    case '/out-of-memory':
        ini_set('memory_limit', '8M');
        str_repeat('x', 64 * 1024 * 1024);
        break;
    default:
        post_invoice(7);
}
"""
READ = """
import json
from monitoring.errors.models import ErrorEvent
from monitoring.metrics.models import MetricSeries
from monitoring.performance.models import Query, Request
mine = dict(application_id={application_id})
requests = Request.objects.filter(**mine).select_related("endpoint")
print(json.dumps(dict(
    requests={{
        one.endpoint.endpoint: [one.endpoint.method, one.status, one.failed, one.release, one.trace_id, bytes(one.user_key).hex()]
        for one in requests
    }},
    errors=[
        [one.title, one.level, one.handled, one.release, one.trace_id, one.user_key and bytes(one.user_key).hex()]
        for one in ErrorEvent.objects.filter(**mine).order_by("id")
    ],
    queries=[
        [one.statement.statement, one.trace_id, one.endpoint, one.parameter_count]
        for one in Query.objects.filter(**mine).select_related("statement")
    ],
    series=[str(one) for one in MetricSeries.objects.filter(**mine)],
)))
"""


def install(directory: Path, product_url: str, key: str) -> Path:
    """Put the file that the connect page shows, and a program that loads it, into a directory."""
    (snippet,) = [
        one.code for one in list_snippets(base_url=product_url, application_id=1, secret_key=key) if one.key == "php"
    ]
    (directory / "postlaunch.php").write_text(snippet)
    program = directory / "index.php"
    program.write_text(PAGES)
    return program


@contextmanager
def running_pages(program: Path, key: str) -> Iterator[str]:
    """PHP's own web server with the program behind every address."""
    address = f"127.0.0.1:{find_free_port()}"
    with (program.parent / "php.log").open("wb") as log:
        process = subprocess.Popen(
            [str(shutil.which("php")), "-d", "display_errors=0", "-S", address, str(program)],
            env={**os.environ, "POSTLAUNCH_KEY": key},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (program.parent / "php.log").read_text()
                time.sleep(0.05)
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def read_stored(product: Product, application_id: int, *, requests: int, errors: int) -> dict[str, Any]:
    """Return the stored rows once there are so many."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        program = READ.format(application_id=application_id)
        found: dict[str, Any] = json.loads(product.manage("shell", "--no-imports", "-c", program))
        if len(found["requests"]) >= requests and len(found["errors"]) >= errors:
            return found
        assert time.monotonic() < deadline, json.dumps(found, indent=1)
        time.sleep(0.3)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running."""
    with running_product(tmp_path_factory.mktemp("php") / "var", WEB_WORKERS="1") as found:
        yield found


def test_php__pages_and_a_job__requests_queries_errors_and_figures_are_one_trace_each(
    product: Product, tmp_path: Path
) -> None:
    connection = product.connect("PHP ERP")
    key = connection["secret_key"]
    program = install(tmp_path, product.url, key)
    with running_pages(program, key) as pages:
        answers = [
            httpx.get(f"{pages}/{path}", timeout=20) for path in ("orders/17?token=x", "out-of-memory", "broken")
        ]
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, "fine"), (500, ""), (500, "")]
    command = [str(shutil.which("php")), "-d", "display_errors=0", str(program), "nightly"]
    job = subprocess.run(command, env={**os.environ, "POSTLAUNCH_KEY": key}, capture_output=True, timeout=30)
    assert job.returncode == 255

    found = read_stored(product, connection["application_id"], requests=4, errors=4)
    requests = found["requests"]
    traces = {endpoint: row[4] for endpoint, row in requests.items()}
    assert {endpoint: row[:4] for endpoint, row in requests.items()} == {
        "/orders/{id}": ["GET", 200, False, "erp@3.1.0"],
        "/out-of-memory": ["GET", 500, True, "erp@3.1.0"],
        "/broken": ["GET", 500, True, "erp@3.1.0"],
        "index.php": ["", 0, True, "erp@3.1.0"],
    }
    assert len(set(traces.values())) == 4
    (person,) = {row[5] for row in requests.values()}
    warning, memory, *thrown = found["errors"]
    assert warning == [
        "E_WARNING: Undefined variable $undefined",
        "warning",
        True,
        "erp@3.1.0",
        traces["/orders/{id}"],
        person,
    ]
    assert memory[0].startswith("E_ERROR: Allowed memory size")
    assert memory[1:5] == ["fatal", False, "erp@3.1.0", traces["/out-of-memory"]]
    assert {row[0] for row in thrown} == {"RuntimeException: invoice 7 has no ledger"}
    assert {row[4] for row in thrown} == {traces["/broken"], traces["index.php"]}
    assert {row[1] for row in found["queries"]} == set(traces.values())
    assert {row[0] for row in found["queries"]} == {"SELECT * FROM orders WHERE id = ? AND note = ?"}
    assert {(row[2], row[3]) for row in found["queries"]} == {(endpoint, 2) for endpoint in requests}
    assert any("orders_opened" in one and "Berlin" in one for one in found["series"])


def test_php__product_silent_or_away__the_page_is_as_it_was(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (find_free_port(), silent.getsockname()[1]):
            program = install(tmp_path, f"http://127.0.0.1:{port}", "sk_1")
            with running_pages(program, "sk_1") as pages:
                # One of up to four calls waits, for two seconds.
                answer = httpx.get(f"{pages}/orders/17", timeout=6)
            assert (answer.status_code, answer.text) == (200, "fine")
