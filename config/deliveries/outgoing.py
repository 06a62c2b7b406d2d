"""Requests to addresses that people entered: looked up, looked at, connected to as they were found, within one deadline."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

import certifi
import httpx

from config.deliveries.addresses import TRIED_ADDRESSES, resolve_public_addresses

#: Bounds each wait, not the whole: a server that sends a byte now and then is cut off by the client's deadline.
TIMEOUT = httpx.Timeout(10.0, connect=5.0)

Answered = TypeVar("Answered")


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """Return whom to believe about certificates: what the system trusts (so a company's own authority) and the public ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def build_requests(
    method: str, url: httpx.URL, *, headers: Mapping[str, str], content: bytes | None = None, allow_private: bool
) -> list[httpx.Request]:
    """Return a request, once for each looked-up and allowed IP address of its host that is worth trying, best first.

    Raises AddressRefused for inner addresses, OSError for a name that is not known now, ValueError for one that can't be.
    """
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = resolve_public_addresses(host, port, allow_private=allow_private)
    return [
        httpx.Request(
            method,
            url.copy_with(host=str(address), fragment=None),
            headers={**headers, "Host": url.netloc.decode("ascii")},
            content=content,
            extensions={"sni_hostname": host, "timeout": TIMEOUT.as_dict()},
        )
        for address in addresses[:TRIED_ADDRESSES]
    ]


@contextmanager
def open_client(*, deadline_seconds: float) -> Iterator[httpx.Client]:
    """Give a client that follows no redirects and is closed under whatever takes longer, which then raises RuntimeError or OSError."""
    with httpx.Client(verify=trusted_authorities(), follow_redirects=False, trust_env=False) as client:
        watchdog = threading.Timer(deadline_seconds, client.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield client
        finally:
            watchdog.cancel()


def ask_first_reachable(requests: Sequence[httpx.Request], ask: Callable[[httpx.Request], Answered]) -> Answered:
    """Return what `ask` makes of the first request whose address takes a connection; nothing has left the house while none does.

    Raises the last address's httpx.ConnectError or ConnectTimeout, and whatever else `ask` raises.
    """
    *others, last = requests
    for request in others:
        try:
            return ask(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return ask(last)
