"""Connections that a library makes for us, kept to addresses and times that we allow, and what was answered to them.

A thread that sends through a library does so within `watched(...)`. Meanwhile every connection it opens is looked at, as
the interpreter reports it (PEP 578, `socket.connect`), so that the address is judged that is really connected to, whatever
the name said a moment before; when the time is over, what is still open is shut down. Answers are noted as `requests`
gets them, because libraries tell only that something failed. Other threads are left alone.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests

from config.deliveries.addresses import is_public

#: What is read of an answer; nobody needs more, and a receiver could send without end.
MAX_ANSWER_BYTES = 256 * 1024
SHOWN_BODY_BYTES = 500


class ConnectionForbidden(OSError):
    """The address is none that may be reached, or the time is over."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to one request."""

    status: int
    reason: str
    body: str
    retry_after: str | None


@dataclass(slots=True)
class Watch:
    """What one thread did while it was watched. `deadline` is on the monotonic clock."""

    deadline: float
    allow_private: bool
    #: Where connections go that a proxy carries on; set by whoever runs the installation.
    proxies: frozenset[tuple[str, int]] = frozenset()
    refused: str = ""
    is_late: bool = False
    answers: list[Answer] = field(default_factory=list)
    errors: list[requests.RequestException] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    _open: list[socket.socket] = field(default_factory=list)

    def admit(self, opened: socket.socket, address: Any) -> None:
        """Take note of a connection; raise ConnectionForbidden for one that must not be."""
        if time.monotonic() >= self.deadline:
            self.is_late = True
            raise ConnectionForbidden("the time for this message is over")
        if not isinstance(address, tuple):
            self.refused = "It leads to a program on this machine."
            raise ConnectionForbidden(self.refused)
        host, port = str(address[0]), int(address[1])
        if not self.allow_private and (host, port) not in self.proxies and not _is_public(host):
            self.refused = f"It leads to {host}, which is not on the public internet."
            raise ConnectionForbidden(self.refused)
        # A second handle on the same connection: the first is taken over by whatever wraps it.
        with suppress(OSError):
            self._open.append(socket.socket(fileno=socket.dup(opened.fileno())))

    def shut_down(self) -> None:
        """End everything that is still open: the time is over."""
        self.is_late = True
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the handles."""
        for each in self._open:
            each.close()
        self._open.clear()


@contextmanager
def watched(*, seconds: float, allow_private: bool) -> Iterator[Watch]:
    """Watch this thread's connections for so long at most."""
    _install()
    watch = Watch(time.monotonic() + seconds, allow_private, frozenset() if allow_private else _list_proxies())
    watchdog = threading.Timer(seconds, watch.shut_down)
    watchdog.daemon = True
    watchdog.start()
    _current.watch = watch
    try:
        yield watch
    finally:
        _current.watch = None
        watchdog.cancel()
        watch.close()


@contextmanager
def listening() -> Iterator[list[str]]:
    """Collect what the libraries that are kept quiet say in this thread, without watching connections."""
    _install()
    before, _current.lines = _current.lines, []
    try:
        yield _current.lines
    finally:
        _current.lines = before


class _Current(threading.local):
    watch: Watch | None = None
    lines: list[str] | None = None


def _collect(record: logging.LogRecord) -> bool:
    """Keep a line for whoever listens in this thread; nobody else gets it."""
    if record.levelno >= logging.INFO:
        for lines in (_current.watch.lines if _current.watch else None, _current.lines):
            if lines is not None:
                lines.append(record.getMessage())
    return False


_current = _Current()


@lru_cache(maxsize=1)
def _install() -> None:
    sys.addaudithook(_hear)
    requests.Session.send = _send  # type: ignore[method-assign]  # it passes through for threads that nobody watches
    # What both write may hold secrets of addresses, so it goes to whoever watches and into no log.
    logging.getLogger("apprise").addFilter(_collect)
    logging.getLogger("urllib3.connectionpool").addFilter(lambda _: _current.watch is None)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in {"socket.connect", "socket.sendto"} and (watch := _current.watch) is not None:
        watch.admit(*arguments[:2])


_original_send = requests.Session.send


def _send(self: requests.Session, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
    watch = _current.watch
    if watch is None:
        return _original_send(self, request, **kwargs)
    try:
        response = _original_send(self, request, **{**kwargs, "stream": True, "allow_redirects": False})
        content = _read_bounded(response)
    except requests.RequestException as error:
        watch.errors.append(error)
        raise
    body = content[:SHOWN_BODY_BYTES].decode("utf-8", "replace")
    watch.answers.append(
        Answer(response.status_code, str(response.reason or ""), body, response.headers.get("Retry-After"))
    )
    return response


def _read_bounded(response: requests.Response) -> bytes:
    content = b""
    for piece in response.iter_content(16 * 1024):
        content += piece
        if len(content) >= MAX_ANSWER_BYTES:
            response.close()
            break
    response._content, response._content_consumed = content, True
    return content


def _is_public(host: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return False


def _list_proxies() -> frozenset[tuple[str, int]]:
    """Return the addresses of the proxies that the environment names."""
    found: set[tuple[str, int]] = set()
    for url in getproxies().values():
        with suppress(ValueError, OSError):
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or (443 if parts.scheme == "https" else 80)
            for entry in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
                found.add((str(entry[4][0]), port))
    return frozenset(found)
