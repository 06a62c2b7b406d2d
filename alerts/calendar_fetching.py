"""Fetching a calendar from its address: bounded in size and time, no redirects, no inner addresses, connected to what was looked at."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from alerts.oncall.addresses import CalendarAddressInvalid, tidy_address
from alerts.oncall.calendar_lines import MAX_BYTES
from config.deliveries.addresses import AddressRefused
from config.deliveries.outgoing import ask_first_reachable, build_requests, open_client
from config.settings import OPTION

#: A server that sends a byte now and then is cut off after this long.
DEADLINE_SECONDS = 20.0
MAX_VALIDATOR_CHARACTERS = 100


class CalendarUnreachable(Exception):
    """The calendar did not come; the message says why, in words, and does not hold the address."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer. `data` None: it is as it was when `etag` and `last_modified` were last given."""

    data: bytes | None
    etag: str = ""
    last_modified: str = ""


def is_private_allowed() -> bool:
    """Whether inner addresses, and those without TLS, may be read: the same setting as for webhooks."""
    return bool(OPTION["WEBHOOK_ALLOW_PRIVATE"])


def fetch_calendar(url: str, *, etag: str = "", last_modified: str = "") -> Fetched:
    """Fetch a calendar; with `etag` or `last_modified` only if it changed since. Raises CalendarUnreachable."""
    requests = _build_requests(url, etag, last_modified)
    with open_client(deadline_seconds=DEADLINE_SECONDS) as client:
        try:
            return ask_first_reachable(requests, lambda request: _fetch(client, request))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise CalendarUnreachable(f"The server can't be reached: {error}.") from error
        except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
            # RuntimeError: the deadline closed the client under a server that never finished.
            raise CalendarUnreachable("The server took too long, or broke off in the middle.") from error


def _build_requests(url: str, etag: str, last_modified: str) -> list[httpx.Request]:
    """Return the request, once for each IP address that is worth trying."""
    headers = {
        "User-Agent": "Postlaunch",
        "Accept": "text/calendar, */*;q=0.5",
        "Accept-Encoding": "identity",
        **({"If-None-Match": etag} if etag else {}),
        **({"If-Modified-Since": last_modified} if last_modified else {}),
    }
    try:
        address, host = tidy_address(url, allow_http=is_private_allowed())
        return build_requests("GET", httpx.URL(address), headers=headers, allow_private=is_private_allowed())
    except (CalendarAddressInvalid, AddressRefused) as error:
        raise CalendarUnreachable(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise CalendarUnreachable(f"There is no server called {host}.") from error


def _fetch(client: httpx.Client, request: httpx.Request) -> Fetched:
    response = client.send(request, stream=True)
    try:
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return Fetched(None)
        _judge(response)
        return Fetched(_read(response), _read_validator(response, "ETag"), _read_validator(response, "Last-Modified"))
    finally:
        response.close()


def _judge(response: httpx.Response) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise CalendarUnreachable(f"It answered {status}: redirects are not followed; enter the address it points to.")
    if status != httpx.codes.OK:
        raise CalendarUnreachable(f"It answered {status} {response.reason_phrase}".strip() + ".")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise CalendarUnreachable("It answered with something compressed, though it was asked not to.")


def _read(response: httpx.Response) -> bytes:
    content = bytearray()
    for piece in response.iter_raw():
        content += piece
        if len(content) > MAX_BYTES:
            raise CalendarUnreachable(f"It is larger than {MAX_BYTES // 1024} KB.")
    return bytes(content)


def _read_validator(response: httpx.Response, name: str) -> str:
    """Return a header that is to be sent back, empty for one that is absurdly long or could not be sent."""
    text = str(response.headers.get(name, ""))
    return text if text.isascii() and len(text) <= MAX_VALIDATOR_CHARACTERS else ""
