"""Bodies sent in chunks, without a length, on the real server: clients on Node send them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.product import ROOT, find_free_port

#: Stated by tests/support/echo_site.py, which configures Django and so can't be imported here.
LIMIT_BYTES = 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Granian as the product runs it, in front of a site that echoes."""
    port = find_free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    process = subprocess.Popen([*command, "tests.support.echo_site:application"], cwd=ROOT)
    url = f"http://127.0.0.1:{port}/"
    for _ in range(200):
        try:
            httpx.get(url, timeout=1)
            break
        except httpx.HTTPError:
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait()


def _in_chunks(body: bytes, size: int = 1_000) -> Iterator[bytes]:
    for place in range(0, len(body), size):
        yield body[place : place + size]


def test_chunked_body__without_length__arrives_whole(server: str) -> None:
    body = b"x" * 49_990 + b"0123456789"
    answer = httpx.post(server, content=_in_chunks(body))
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.json() == {"length": 50_000, "end": "0123456789"}


def test_chunked_body__empty__is_an_empty_body(server: str) -> None:
    assert httpx.post(server, content=_in_chunks(b"")).json() == {"length": 0, "end": ""}


def test_chunked_body__over_the_limit__is_refused_by_the_view_that_reads_it(server: str) -> None:
    answer = httpx.post(server, content=_in_chunks(b"x" * (LIMIT_BYTES + 1)))
    assert answer.status_code == 400


def test_body_with_length__any__is_left_alone(server: str) -> None:
    assert httpx.post(server, content=b"0123456789").json() == {"length": 10, "end": "0123456789"}
