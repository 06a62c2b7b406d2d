"""How a web address is asked: method, headers, body. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import httpx

MAX_HEADERS = 20
MAX_HEADERS_CHARACTERS = 8_000
MAX_BODY_CHARACTERS = 20_000
#: What stands for a value that is kept: a page or an answer never shows one.
MASK = "••••••"

_NAME = re.compile(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
#: What makes the connection what it is; a check that sets it would ask something else than it says.
_OWN = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding", "te", "upgrade"})


class Method(StrEnum):
    """How it is asked."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"


METHOD_CHOICES = [(each.value, each.value) for each in Method]


@dataclass(frozen=True, slots=True)
class RequestWish:
    """Method, headers as lines `Name: value`, and a body for POST."""

    method: str = Method.GET
    headers: str = ""
    body: str = ""


def parse_headers(text: str) -> list[tuple[str, str]]:
    """Return the headers of lines `Name: value`; raise ValueError saying which line is wrong, never with its value."""
    if len(text) > MAX_HEADERS_CHARACTERS:
        raise ValueError(f"They have more than {MAX_HEADERS_CHARACTERS} characters.")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not _NAME.match(name):
            raise ValueError(f"Line {number} is not like “Authorization: Bearer …”.")
        if name.lower() in _OWN:
            raise ValueError(f"The check sets {name} itself.")
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"The value of {name} has characters that a header can't hold.")
        found.append((name, value))
    if len(found) > MAX_HEADERS:
        raise ValueError(f"There are more than {MAX_HEADERS} headers.")
    return found


def mask_wish(wish: RequestWish) -> RequestWish:
    """Return a wish as a form or an answer may show it: values and body hidden; headers that can't be read, altogether."""
    try:
        headers = "\n".join(f"{name}: {MASK}" for name, _ in parse_headers(wish.headers))
    except ValueError:
        headers = MASK
    return RequestWish(wish.method, headers, MASK if wish.body else "")


def is_masked(text: str) -> bool:
    """Say whether any value is the mask."""
    return MASK in text


def unmask_headers(text: str, *, stored: str) -> str:
    """Return headers with kept values put back; raise ValueError if one of them was never stored."""
    kept = {name.lower(): value for name, value in parse_headers(stored)}
    lines = []
    for line in text.splitlines():
        name, _, value = (part.strip() for part in line.partition(":"))
        if value == MASK:
            if name.lower() not in kept:
                raise ValueError(f"Write the value of {name}.")
            value = kept[name.lower()]
        lines.append(f"{name}: {value}" if name else line)
    return "\n".join(lines)


def put_back(
    wish: RequestWish, *, address: str, stored: RequestWish | None = None, stored_address: str = ""
) -> RequestWish:
    """Return a wish with the values put back that a form or an answer only showed as a mask.

    Raises ValueError where there is nothing to put back, or the address leads elsewhere: secrets go where they were meant to.
    """
    if not (is_masked(wish.headers) or wish.body == MASK):
        return wish
    if stored is None or not is_same_origin(address, stored_address):
        raise ValueError("Write the hidden values again: the address is another one.")
    body = stored.body if wish.body == MASK else wish.body
    return RequestWish(wish.method, unmask_headers(wish.headers, stored=stored.headers), body)


def is_same_origin(one: str, other: str) -> bool:
    """Say whether two addresses are on the same scheme, host and port: what secrets may be sent to both."""
    try:
        return _origin(httpx.URL(one.strip())) == _origin(httpx.URL(other.strip()))
    except (httpx.InvalidURL, UnicodeError):
        # UnicodeError: a host in Punycode that stands for nothing.
        return False


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
