"""Services with hosts of their own (Slack, Twilio, Microsoft), stood in for by a proxy on loopback.

Clients are left as they are: the environment tells them to go through the proxy and to believe its authority. The proxy
takes what they ask for by CONNECT, answers in the host's name, and keeps every request.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Authority, make_authority


@dataclass
class Asked:
    """One request that a service got."""

    host: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Services:
    """What came, and what is answered: `answer` returns (status, headers, body); status 0 hangs up without a word."""

    url: str = ""
    authority: Path = Path()
    requests: list[Asked] = field(default_factory=list)
    answer: Callable[[Asked], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"ok")
    #: Called with the host before the way to it is opened.
    on_connect: Callable[[str], None] = lambda _: None

    @property
    def environment(self) -> dict[str, str]:
        """What leads a process here."""
        return {
            "HTTPS_PROXY": self.url,
            "https_proxy": self.url,
            "REQUESTS_CA_BUNDLE": str(self.authority),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }


@contextmanager
def run_services(directory: Path) -> Iterator[Services]:
    """Run the proxy on a free port of 127.0.0.1, with an authority of its own in `directory`."""
    authority = make_authority(directory)
    services = Services(authority=authority.path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(services, authority))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that break off are what is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    services.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The services, with this process's clients led to them."""
    with run_services(tmp_path) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found


def _make_handler(services: Services, authority: Authority) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        host = ""

        def do_CONNECT(self) -> None:
            self.host = self.path.rpartition(":")[0]
            services.on_connect(self.host)
            self.send_response(200)
            self.end_headers()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(authority.vouch_for(self.host))
            # Wrapping the socket of a client that is gone already would leave it open: that fails here.
            self.connection.getpeername()
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            self.close_connection = False
            try:
                self.handle_one_request()
            finally:
                # Clients that went away meanwhile leave nothing open here.
                self.close_connection = True
                with suppress(OSError):
                    self.connection.close()

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            if len(body) < length:
                # Whoever sent it went away in the middle: that is no request.
                self.close_connection = True
                return
            asked = Asked(self.host, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            services.requests.append(asked)
            status, headers, content = services.answer(asked)
            if status == 0:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815  (a name of the library's)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
