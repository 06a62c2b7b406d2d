"""Secrets taken out of what people read: those of an address, and the keys that messages carry in their links. Pure."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote, unquote_plus, urlsplit

MASK = "•••"
#: Shorter words than this are no secrets, and hiding them would garble what a service says.
SHORTEST_SECRET = 4
_SEPARATORS = re.compile(r"[/?&=:@,;#\s]+")
#: Words of addresses that tell nothing: settings, hosts that everybody knows, parts of well-known paths.
_OPEN_WORDS = frozenset(
    {
        *("https", "http", "json", "jsons", "method", "call", "from", "text", "markdown", "html", "format", "verify"),
        *("redirect", "true", "false", "none", "services", "workflows", "workflow", "triggers", "manual", "paths"),
        *("invoke", "overflow", "split", "image", "wrap", "powerautomate", "automations", "direct", "hooks.slack.com"),
        *("slack", "twilio", "hook", "post", "error", "token", "user", "pass"),
    }
)

#: A link that acts without a login ends in a signed token: letters and digits, in an earlier form three words between colons.
#: Services repeat it with its slashes quoted; cut off, it is masked as long as enough is left to guess the rest from. A whole
#: token is known by its length, however the rest is quoted.
_TOKEN = re.compile(r"(?:(?<![a-z2-7])|(?<=252F)|(?<=002F))[a-z2-7]{48}(?![a-z2-7])", re.IGNORECASE)
_SIGNED_LINK = re.compile(
    r"((?:/|\\/|\\u002F|%2F)a(?:/|\\/|\\u002F|%2F))(?:[\w.%-]+(?::|%3A)[\w%-]+(?::|%3A)[\w%-]+|[a-z2-7]{20,})",
    re.IGNORECASE,
)

#: Four digits or more, however they are spelled out or quoted.
_CODE = re.compile(r"\d(?:(?:[\s,+]|%2C|%20){0,4}\d){3,}", re.IGNORECASE)


def mask_links(text: str) -> str:
    """Return `text` with signed links that lead nowhere: whoever reads a message in the ledger did not get it."""
    return _TOKEN.sub(MASK, _SIGNED_LINK.sub(rf"\1{MASK}", text))


def mask_digits(text: str) -> str:
    """Return `text` without anything that may be a code, written in one or spelled: a service may repeat what it was sent."""
    return _CODE.sub(MASK, text)


def mask_text(text: str, address: str) -> str:
    """Return `text` without any secret that `address` holds, however it is spelled: as it stands, quoted, in base64."""
    for secret in find_secrets(address):
        text = text.replace(secret, MASK)
    return text


def find_secrets(address: str) -> list[str]:
    """Return everything in an address that may be a secret, the longest first, in every spelling that services repeat."""
    words = {address}
    scheme, _, rest = address.partition("://")
    words.update(_SEPARATORS.split(rest))
    words.update(_SEPARATORS.split(unquote_plus(rest)))
    open_words = {scheme.lower(), _host_of(address), *_OPEN_WORDS}
    secrets = {word for word in words if len(word) >= SHORTEST_SECRET and word.lower() not in open_words}
    secrets |= {unquote_plus(word) for word in secrets} | _pairs_of(address)
    spelled = secrets | {quote(word, safe="") for word in secrets} | {json.dumps(word)[1:-1] for word in secrets}
    return sorted(spelled, key=len, reverse=True)


def _pairs_of(address: str) -> set[str]:
    """Return user name and password as HTTP's basic authentication spells them."""
    user_info = address.partition("://")[2].partition("/")[0].rpartition("@")[0]
    if not user_info:
        return set()
    return {base64.b64encode(pair.encode()).decode() for pair in (user_info, unquote_plus(user_info))}


def _host_of(address: str) -> str:
    # What stands in the place of a host is a token for services with a host of their own; a name with a dot is none.
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return host if "." in host or host == "localhost" else ""
