"""Where Sentry's SDKs put the key. Pure."""

from __future__ import annotations

from collections.abc import Mapping

MAX_HEADER = 4_096
"""Characters of a header that are read; a key has 35."""


def read_auth_header(value: str) -> dict[str, str]:
    """Return the pairs of an X-Sentry-Auth header, in whatever order and with or without the word in front."""
    text = " ".join(value[:MAX_HEADER].replace(",", " ").split()).replace(" =", "=").replace("= ", "=")
    pairs = (word.partition("=") for word in text.split())
    return {name.lower(): found.strip('"') for name, equals, found in pairs if equals and name and found}


def find_key(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, bool]:
    """Return the key of a request and whether it stood in the address; an empty key if there is none.

    Looked for in X-Sentry-Auth, in Authorization where it speaks Sentry's scheme, and in the query.
    """
    for name in ("X-Sentry-Auth", "Authorization"):
        value = headers.get(name, "")
        if value and (name == "X-Sentry-Auth" or value.lower().startswith("sentry ")):
            key = read_auth_header(value).get("sentry_key", "")
            if key:
                return key, False
    return query.get("sentry_key", ""), True
