"""Looking at a web address."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from config.deliveries.addresses import TRIED_ADDRESSES, resolve_public_addresses
from monitoring.uptime.expectations import Answer, find_fault
from monitoring.uptime.judgement import Finding
from monitoring.uptime.probes.connecting import days_left, make_context
from monitoring.uptime.probes.deadlines import Deadline
from monitoring.uptime.requests import Method, RequestWish, is_same_origin, parse_headers
from monitoring.uptime.targets import Target

MAX_REDIRECTS = 5
MAX_BODY_BYTES = 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Those after which the same is asked again; after the others a POST becomes a GET.
KEEPING_REDIRECTS = frozenset({307, 308})
HEADERS = {
    "User-Agent": "Postlaunch (uptime check)",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Unusable(Exception):
    """The target can't be asked as it is written or as it answers; the text says why."""


def look_at_url(target: Target, deadline: Deadline) -> Finding:
    """Ask a web address and judge its answer. Raises httpx.HTTPError, OSError, AddressRefused, Unusable."""
    with httpx.Client(
        verify=make_context(verify=target.verify_certificate), follow_redirects=False, trust_env=False
    ) as client:
        url, wish = httpx.URL(target.address), target.request
        for _ in range(MAX_REDIRECTS + 1):
            answer, moved_to, days = _ask(client, url, replace(target, request=wish), deadline)
            if moved_to is None:
                fault = find_fault(answer, target.expected)
                return Finding(not fault, fault or f"Answered {answer.status}.", status=answer.status, tls_days=days)
            wish = _follow(wish, answer.status, url, moved_to)
            url = moved_to
    raise Unusable("It redirects too often.")


def _follow(wish: RequestWish, status: int, url: httpx.URL, moved_to: httpx.URL) -> RequestWish:
    """Return how the next address is asked: as browsers do it, and what is secret stays with the one it was written for."""
    if status not in KEEPING_REDIRECTS and wish.method == Method.POST:
        wish = replace(wish, method=Method.GET, body="")
    if not is_same_origin(str(url), str(moved_to)):
        wish = replace(wish, headers="", body="")
    return wish


def _ask(
    client: httpx.Client, url: httpx.URL, target: Target, deadline: Deadline
) -> tuple[Answer, httpx.URL | None, float | None]:
    """Return what one address answered: the answer, where it redirects to if that is followed, the certificate's days."""
    response = _send_to_first(client, url, target, deadline)
    try:
        days = _certificate_days(response)
        moved_to = _redirect_of(response, url) if target.follow_redirects else None
        if moved_to is not None:
            return Answer(response.status_code, {}), moved_to, days
        headers = {name.lower(): value for name, value in response.headers.items()}
        body, is_cut = _read_body(response) if target.expected.need_body else (b"", False)
        return Answer(response.status_code, headers, body, is_cut), None, days
    finally:
        response.close()


def _send_to_first(client: httpx.Client, url: httpx.URL, target: Target, deadline: Deadline) -> httpx.Response:
    """Return the response of the first of the host's addresses that takes a connection.

    Every address, also one that was redirected to, is looked up here, looked at, and then connected to as it was found.
    """
    if url.scheme not in {"http", "https"} or not url.host:
        raise Unusable("It redirects to something that is not a web address.")
    host = url.raw_host.decode("ascii")
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = resolve_public_addresses(host, port, allow_private=target.allow_private)[:TRIED_ADDRESSES]
    headers = httpx.Headers(HEADERS)
    headers.update(parse_headers(target.request.headers))
    headers["Host"] = url.netloc.decode("ascii")
    last: httpx.HTTPError | None = None
    for number, address in enumerate(addresses):
        left = deadline.left_seconds
        timeout = httpx.Timeout(left, connect=left / (len(addresses) - number))
        request = httpx.Request(
            target.request.method,
            url.copy_with(host=str(address), fragment=None, username=None, password=None),
            headers=headers,
            content=target.request.body.encode() if target.request.method == Method.POST else None,
            extensions={"sni_hostname": host, "timeout": timeout.as_dict(), "trace": _make_watcher(deadline)},
        )
        try:
            return client.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            last = error
    assert last is not None, "a host without an address was refused before"
    raise last


def _make_watcher(deadline: Deadline) -> Any:
    """Return a callback that hands every new connection to the deadline."""

    def watch(event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            deadline.watch(info["return_value"].get_extra_info("socket"))

    return watch


def _redirect_of(response: httpx.Response, url: httpx.URL) -> httpx.URL | None:
    location = response.headers.get("location")
    if response.status_code not in REDIRECTS or not location:
        return None
    return url.join(location)


def _certificate_days(response: httpx.Response) -> float | None:
    stream = response.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream is not None else None
    return days_left(tls.getpeercert(True), now=datetime.now(UTC)) if tls is not None else None


def _read_body(response: httpx.Response) -> tuple[bytes, bool]:
    """Return the beginning of the body and whether there is more; inflated within the same limit if it is compressed."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise Unusable("The answer is compressed although that was not asked for.")
    inflate = None if encoding == "identity" else zlib.decompressobj(wbits=47)
    content = b""
    try:
        for piece in response.iter_raw():
            content += piece if inflate is None else inflate.decompress(piece, MAX_BODY_BYTES + 1 - len(content))
            if len(content) > MAX_BODY_BYTES:
                return content[:MAX_BODY_BYTES], True
    except zlib.error as error:
        raise Unusable("The answer is compressed and can't be read.") from error
    return content, False
