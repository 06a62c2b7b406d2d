"""Webhooks: a signed JSON POST to an address that was looked at before."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
import msgspec
from django.utils import timezone

from config.deliveries.addresses import AddressRefused
from config.deliveries.enums import Outcome
from config.deliveries.models import Delivery
from config.deliveries.outgoing import ask_first_reachable, build_requests, open_client
from config.deliveries.results import HandOver, Result, hand_over
from config.deliveries.retries import parse_retry_after
from config.deliveries.signatures import sign_body
from config.settings import OPTION

#: A receiver that sends a byte now and then is cut off after this long.
DEADLINE_SECONDS = 25.0
LEASE = timedelta(seconds=DEADLINE_SECONDS + 10)
#: Client errors that may pass by themselves: Request Timeout, Too Early, Too Many Requests.
PASSING_CLIENT_ERRORS = frozenset({408, 425, 429})
SHOWN_BODY_BYTES = 500


def send_webhook(delivery: Delivery, mark: HandOver) -> Result:
    """Post one webhook and report how it ended. Raises ClaimLost; never raises what receiver or network do."""
    try:
        requests = build_posts(delivery)
    except (httpx.InvalidURL, AddressRefused, ValueError) as error:
        return Result(Outcome.PERMANENT, f"This address can't be used: {error}")
    except OSError as error:
        return Result(Outcome.TEMPORARY, f"The address can't be found: {error}", is_away=True)
    hand_over(mark, LEASE)
    with open_client(deadline_seconds=DEADLINE_SECONDS) as client:
        try:
            return ask_first_reachable(requests, lambda request: _post(client, request))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Result(Outcome.TEMPORARY, f"The receiver can't be reached: {error}", is_away=True)


def build_posts(delivery: Delivery) -> list[httpx.Request]:
    """Return the request of a delivery, once for each IP address that is worth trying.

    Raises AddressRefused, httpx.InvalidURL or ValueError for an address that will never do, OSError for a name that is not known now.
    """
    url = httpx.URL(delivery.recipient)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("it has to begin with https:// or http:// and name a host")
    if url.userinfo:
        raise ValueError("it must not hold a user name or password; use the signature")
    body = msgspec.json.encode(delivery.payload)
    return build_requests(
        "POST",
        url,
        headers={**headers_of(delivery), **_sign(delivery, body)},
        content=body,
        allow_private=OPTION["WEBHOOK_ALLOW_PRIVATE"],
    )


def headers_of(delivery: Delivery) -> dict[str, str]:
    """Return the headers of a webhook but for its signature. The Idempotency-Key is the same on every attempt."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "Postlaunch",
        "Idempotency-Key": delivery.fingerprint,
        "X-Postlaunch-Delivery": str(delivery.pk),
    }


def _sign(delivery: Delivery, body: bytes) -> dict[str, str]:
    secret = delivery.signing_secret
    return {"X-Postlaunch-Signature": sign_body(body, secret=secret, timestamp=int(time.time()))} if secret else {}


def _post(client: httpx.Client, request: httpx.Request) -> Result:
    response: httpx.Response | None = None
    try:
        response = client.send(request, stream=True)
        return judge_response(response, body=_read_beginning(response))
    except (httpx.ConnectError, httpx.ConnectTimeout):
        raise
    except (httpx.HTTPError, httpx.StreamError, OSError, RuntimeError) as error:
        # RuntimeError: the deadline closed the client under a receiver that never finished.
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
