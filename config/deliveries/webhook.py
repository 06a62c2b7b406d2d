"""Webhooks: a signed JSON POST to an address that was looked at before."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from django.utils import timezone

from config.deliveries.addresses import AddressRefused, resolve_public_address
from config.deliveries.enums import Outcome
from config.deliveries.models import Delivery
from config.deliveries.results import HandOver, Result, hand_over
from config.deliveries.retries import parse_retry_after
from config.deliveries.signatures import sign_body
from config.settings import OPTION

TIMEOUT_SECONDS = 10.0
#: Each wait is bounded by TIMEOUT_SECONDS; a receiver that sends a byte now and then is cut off after this long.
DEADLINE_SECONDS = 25.0
LEASE = timedelta(seconds=DEADLINE_SECONDS + 10)
#: Client errors that may pass by themselves: Request Timeout, Too Early, Too Many Requests.
PASSING_CLIENT_ERRORS = frozenset({408, 425, 429})
SHOWN_BODY_BYTES = 500


def send_webhook(delivery: Delivery, mark: HandOver) -> Result:
    """Post one webhook and report how it ended. Raises ClaimLost; never raises what receiver or network do."""
    try:
        request = build_request(delivery)
    except (httpx.InvalidURL, AddressRefused, UnicodeError, ValueError) as error:
        return Result(Outcome.PERMANENT, f"This address can't be used: {error}")
    except OSError as error:
        return Result(Outcome.TEMPORARY, f"The address can't be found: {error}")
    with httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client:
        hand_over(mark, LEASE)
        watchdog = threading.Timer(DEADLINE_SECONDS, client.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            return _post(client, request)
        finally:
            watchdog.cancel()


def build_request(delivery: Delivery) -> httpx.Request:
    """Return the request of a delivery, addressed to a looked-up and allowed IP address.

    Raises AddressRefused, httpx.InvalidURL or ValueError for an address that will never do, OSError for a name that is not known now.
    """
    url = httpx.URL(delivery.recipient)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("it has to begin with https:// or http:// and name a host")
    if url.userinfo:
        raise ValueError("it must not hold a user name or password; use the signature")
    port = url.port or (443 if url.scheme == "https" else 80)
    address = resolve_public_address(url.raw_host.decode("ascii"), port, allow_private=OPTION["WEBHOOK_ALLOW_PRIVATE"])
    body = msgspec.json.encode(delivery.payload)
    return httpx.Request(
        "POST",
        url.copy_with(host=str(address), fragment=None),
        content=body,
        headers={**headers_of(delivery, body), "Host": url.netloc.decode("ascii")},
        extensions={"sni_hostname": url.raw_host.decode("ascii"), "timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()},
    )


def headers_of(delivery: Delivery, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook. The Idempotency-Key is the same on every attempt."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Postlaunch",
        "Idempotency-Key": delivery.fingerprint,
        "X-Postlaunch-Delivery": str(delivery.pk),
    }
    if delivery.signing_secret:
        headers["X-Postlaunch-Signature"] = sign_body(body, secret=delivery.signing_secret, timestamp=int(time.time()))
    return headers


def _post(client: httpx.Client, request: httpx.Request) -> Result:
    response: httpx.Response | None = None
    try:
        response = client.send(request, stream=True)
        return judge_response(response, body=_read_beginning(response))
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        return Result(Outcome.TEMPORARY, f"The receiver can't be reached: {error}")
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
        # RuntimeError: the watchdog closed the client under a receiver that never finished.
        return Result(Outcome.UNKNOWN, f"No whole answer came back: {str(error) or error.__class__.__name__}")
    finally:
        if response is not None:
            response.close()


def judge_response(response: Any, *, body: str) -> Result:
    """Return what an answer means: 2xx taken, 4xx refused for good (but for those that pass), everything else another time."""
    status: int = response.status_code
    said = f"{status} {response.reason_phrase} {body}".strip()
    if 200 <= status < 300:
        return Result(Outcome.SENT, said)
    if 300 <= status < 400:
        return Result(Outcome.PERMANENT, f"{status}: redirects are not followed; enter the address it points to.")
    if 400 <= status < 500 and status not in PASSING_CLIENT_ERRORS:
        return Result(Outcome.PERMANENT, said)
    wait = parse_retry_after(response.headers.get("Retry-After"), now=timezone.now())
    return Result(Outcome.TEMPORARY, said, retry_after=wait)


def _read_beginning(response: httpx.Response) -> str:
    """Return the first bytes of an answer as text. Once the status is there, a broken body changes nothing."""
    content = b""
    try:
        for piece in response.iter_raw():
            content += piece
            if len(content) >= SHOWN_BODY_BYTES:
                break
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError):
        pass
    return content[:SHOWN_BODY_BYTES].decode("utf-8", "replace")
