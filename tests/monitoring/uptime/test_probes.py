"""Looks at real servers on loopback: answers, refusals, silence, drips, redirects, certificates."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from config.deliveries import addresses
from config.deliveries.outgoing import trusted_authorities
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.expectations import Expectations
from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.faults import TOO_SLOW
from monitoring.uptime.probes.http import MAX_BODY_BYTES
from monitoring.uptime.probes.looking import look
from monitoring.uptime.targets import Target, split_host_port
from tests.support.certificates import make_certificate
from tests.support.receiver import Receiver, run_receiver
from tests.support.uptime import run_server

PRIVATE = "The address is not on the public internet; CHECK_ALLOW_PRIVATE allows that."


def see(kind: str, address: str, *, timeout: float = 10, allow: bool = True, **fields: object) -> Finding:
    """Look once."""
    return look(Target(CheckKind(kind), address, timeout, allow, **fields))  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Receiver]:
    """A web server."""
    with run_receiver() as found:
        yield found


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A certificate for localhost that the system trusts."""
    path = make_certificate(tmp_path, host="localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    trusted_authorities.cache_clear()
    yield path
    trusted_authorities.cache_clear()


def test_http__answers_as_expected__up_with_status_and_duration(site: Receiver) -> None:
    found = see("http", f"{site.url}?token=1", expected=Expectations(body_contains="ok"))

    assert (found.is_up, found.status, found.reason) == (True, 200, "Answered 200.")
    assert found.duration_seconds is not None
    (request,) = site.requests
    assert (request.method, request.path, request.headers["host"]) == ("GET", "/hook?token=1", site.url.split("/")[2])


def test_http__error_status__down_but_timed(site: Receiver) -> None:
    site.answer = lambda _: (503, {}, b"maintenance")
    found = see("http", site.url)

    assert (found.is_up, found.status, found.reason) == (False, 503, "Answered 503 instead of 200-299.")
    assert found.duration_seconds is not None


def test_http__inner_address__refused_without_a_connection(site: Receiver) -> None:
    assert see("http", site.url, allow=False) == Finding(False, PRIVATE)
    assert site.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
@pytest.mark.parametrize(("kind", "form"), [("http", "http://{}:9/"), ("tcp", "{}:9"), ("tls", "{}:9")])
def test_any_kind__inner_address__refused(kind: str, form: str, host: str) -> None:
    assert see(kind, form.format(host), allow=False) == Finding(False, PRIVATE)


def test_http__redirect__followed_to_its_end(site: Receiver) -> None:
    site.answer = lambda request: (302, {"Location": "/login"}, b"") if request.path == "/hook" else (200, {}, b"hello")

    assert see("http", site.url, expected=Expectations(body_contains="hello")).is_up
    assert [request.path for request in site.requests] == ["/hook", "/login"]


def test_http__redirect_not_followed__is_the_answer(site: Receiver) -> None:
    site.answer = lambda _: (302, {"Location": "/login"}, b"")

    assert see("http", site.url, follow_redirects=False, expected=Expectations(statuses="302")).status == 302


def test_http__redirect_to_an_inner_address__refused(site: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 127.0.0.1 were outside and all others inside."""
    monkeypatch.setattr(addresses, "is_public", lambda address: address == ip_address("127.0.0.1"))
    with run_server(lambda connection: reached.append(connection)) as port:
        reached: list[socket.socket] = []
        site.answer = lambda _: (302, {"Location": f"http://127.0.0.2:{port}/"}, b"")

        assert see("http", site.url, allow=False) == Finding(False, PRIVATE)
        assert reached == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "gopher://127.0.0.1/", "http://"])
def test_http__redirect_to_something_else__down(site: Receiver, location: str) -> None:
    site.answer = lambda _: (302, {"Location": location}, b"")

    assert not see("http", site.url).is_up


def test_http__redirects_in_a_circle__down(site: Receiver) -> None:
    site.answer = lambda _: (302, {"Location": "/hook"}, b"")
    found = see("http", site.url)

    assert (found.is_up, found.reason) == (False, "It redirects too often.")
    assert len(site.requests) == 6


def test_http__name_that_points_elsewhere_a_moment_later__is_looked_up_once(
    site: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = socket.getaddrinfo, []

    def look_up(host: str, *arguments: object, **named: object) -> object:
        if host == "erp.test":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "127.0.0.2"
        return real(host, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert see("http", site.url.replace("127.0.0.1", "erp.test")).is_up
    assert asked == ["erp.test"]
    assert site.requests[0].headers["host"].startswith("erp.test:")


def test_http__endless_body__read_to_its_limit() -> None:
    sent = []

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while len(sent) < 64:
            connection.sendall(b"x" * MAX_BODY_BYTES)
            sent.append(1)

    with run_server(answer) as port:
        found = see("http", f"http://127.0.0.1:{port}/", expected=Expectations(body_contains="y"))

    assert found.reason == "The answer does not contain “y” in its first part."
    assert len(sent) < 64


def test_http__bomb__inflated_to_its_limit(site: Receiver) -> None:
    site.answer = lambda _: (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(64 * MAX_BODY_BYTES)))

    assert see("http", site.url, expected=Expectations(json_path="a")).reason == (
        "The answer is too large to be read as JSON."
    )


def test_http__compressed_although_not_asked__read(site: Receiver) -> None:
    site.answer = lambda _: (200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"a": 1}'))

    assert see("http", site.url, expected=Expectations(json_path="a", json_value="1")).is_up


def test_http__broken_compression__down(site: Receiver) -> None:
    site.answer = lambda _: (200, {"Content-Encoding": "gzip"}, b"no gzip")

    assert see("http", site.url, expected=Expectations(json_path="a")).reason == (
        "The answer is compressed and can't be read."
    )


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
    ],
)
def test_http__a_byte_now_and_then__cut_off(beginning: bytes, drop: bytes) -> None:
    """Each wait is short, so only a limit on the whole ends it."""
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(beginning)
        while not done.wait(0.1):
            connection.sendall(drop)

    with run_server(drip) as port:
        expected = Expectations(body_contains="never there")
        found = see("http", f"http://127.0.0.1:{port}/", timeout=0.5, expected=expected)
        done.set()

    assert found == Finding(False, TOO_SLOW)


def test_http__silent_server__too_slow() -> None:
    done = threading.Event()
    with run_server(lambda _: done.wait(20) and None) as port:
        found = see("http", f"http://127.0.0.1:{port}/", timeout=0.3)
        done.set()

    assert found == Finding(False, TOO_SLOW)


def test_http__hangs_up__down() -> None:
    with run_server(lambda connection: connection.recv(4096) and None) as port:
        found = see("http", f"http://127.0.0.1:{port}/")

    assert not found.is_up


def test_http__not_http__down() -> None:
    with run_server(lambda connection: connection.sendall(b"220 smtp ready\r\n")) as port:
        assert not see("http", f"http://127.0.0.1:{port}/").is_up


@pytest.mark.parametrize("kind", ["http", "tcp", "tls"])
def test_any_kind__nobody_listens__refused(kind: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        found = see(kind, f"http://{address}/" if kind == "http" else address)

    assert found == Finding(False, "The connection is refused.")


@pytest.mark.parametrize(("kind", "address"), [("http", "http://nowhere.invalid/"), ("tcp", "nowhere.invalid:80")])
def test_any_kind__name_unknown__says_so(kind: str, address: str) -> None:
    found = see(kind, address)

    assert not found.is_up
    assert found.reason.startswith("It can't be reached: ")


def test_tcp__listens__up() -> None:
    with run_server(lambda _: None) as port:
        found = see("tcp", f"127.0.0.1:{port}")

    assert (found.is_up, found.reason) == (True, "The port takes connections.")
    assert found.duration_seconds is not None


def test_tls__trusted_and_long_enough__up_with_days_left(trusted: Path) -> None:
    with run_receiver(certificate=trusted) as site:
        port = site.url.split(":")[2].split("/")[0]
        found = see("tls", f"localhost:{port}", tls_days=1)
        soon = see("tls", f"localhost:{port}", tls_days=2)

    assert found.tls_days is not None
    assert 0 < found.tls_days <= 1.01
    assert (soon.is_up, soon.reason) == (False, "The certificate expires in less than 2 days.")


def test_tls__not_trusted__says_why_unless_that_does_not_matter(tmp_path: Path) -> None:
    with run_receiver(certificate=make_certificate(tmp_path, host="localhost")) as site:
        address = f"localhost:{site.url.split(':')[2].split('/')[0]}"
        found = see("tls", address, tls_days=1)
        anyway = see("tls", address, verify_certificate=False, tls_days=2)

    assert found.reason.startswith("The certificate is not trusted: ")
    assert anyway.reason == "The certificate expires in less than 2 days."


def test_tls__server_speaks_no_tls__down() -> None:
    with run_server(lambda connection: connection.sendall(b"hello, no TLS here\r\n")) as port:
        assert see("tls", f"127.0.0.1:{port}").reason == "No TLS connection can be made."


def test_http__over_tls__certificate_judged_and_its_days_told(trusted: Path) -> None:
    with run_receiver(certificate=trusted) as site:
        url = site.url.replace("127.0.0.1", "localhost")
        found = see("http", url)
        other_name = see("http", site.url)

    assert found.is_up
    assert found.tls_days is not None
    assert other_name.reason.startswith("The certificate is not trusted: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("erp:443", ("erp", 443)),
        ("[::1]:443", ("::1", 443)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
    ],
)
def test_split_host_port__readable__both_parts(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "erp", "erp:", ":1", "erp:0", "erp:65536", "::1:443", "http://erp:1", "erp:x", "a b:1"]
)
def test_split_host_port__unreadable__refused(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        split_host_port(text)


def test_split_host_port__default__used_without_a_port() -> None:
    assert split_host_port("erp", default_port=443) == ("erp", 443)
    assert split_host_port("[::1]", default_port=443) == ("::1", 443)
