"""JSON as clients send it: halves of surrogate pairs, which strict parsers refuse, become replacement characters. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

MAX_PARTS = 500_000
"""Objects, lists and members of one body: what a decoder makes of each takes up to a hundred times its space."""

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises."""

_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
#: Whole pairs are passed over in runs, and any other escape, so that a backslash that is itself escaped begins nothing.
_ESCAPES = re.compile(rb"(?:" + _HIGH + _LOW + rb")+|(" + _HIGH + rb"|" + _LOW + rb")|\\.", re.DOTALL)


def mend_halves(body: bytes) -> bytes:
    """Return JSON without halves of surrogate pairs."""
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)


def decode_json(body: bytes) -> Any:
    """Return what a body says. Raises one of BROKEN."""
    return msgspec.json.decode(mend_halves(body))


def is_crowded(body: bytes) -> bool:
    """Return whether a body may hold more than MAX_PARTS, without reading it."""
    return body.count(b",") + body.count(b"{") + body.count(b"[") > MAX_PARTS
