"""Addresses of calendars kept elsewhere, as people paste them. Pure."""

from __future__ import annotations

import httpx

MAX_CHARACTERS = 2000


class CalendarAddressInvalid(Exception):
    """An address that no calendar is read from; the message says why, in words, and does not hold it."""


def tidy_address(text: str, *, allow_http: bool) -> tuple[str, str]:
    """Return the address to fetch and the host in it, which may be shown; raise CalendarAddressInvalid.

    `webcal://`, as calendar programs write it, is https.
    """
    address = text.strip()
    if address.lower().startswith("webcal://"):
        address = f"https://{address[len('webcal://') :]}"
    if not address:
        raise CalendarAddressInvalid("Enter the address of the calendar; it begins with https://.")
    if len(address) > MAX_CHARACTERS or not address.isprintable() or " " in address:
        raise CalendarAddressInvalid(
            f"This is no address: it has blanks in it, or more than {MAX_CHARACTERS} characters."
        )
    try:
        url = httpx.URL(address)
        host = url.host
    except (httpx.InvalidURL, UnicodeError) as error:
        # UnicodeError: the host begins with xn-- and is no name of international ones; it is only seen when it is read.
        raise CalendarAddressInvalid("This is not an address of the web.") from error
    if url.scheme not in ({"https", "http"} if allow_http else {"https"}) or not host:
        raise CalendarAddressInvalid("It has to begin with https:// and name a host.")
    if url.userinfo:
        raise CalendarAddressInvalid(
            "It must not hold a user name or password; most calendars have a secret address to share."
        )
    return str(url.copy_with(fragment=None)), host[:255]
