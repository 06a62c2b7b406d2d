"""Attributes of log lines and spans: bounded in number, size and depth, in values that JSON and the database take. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from monitoring.errors.scrubbing import FILTERED, ScrubRules, truncate_ip

MAX_ATTRIBUTES, MAX_NAME, MAX_VALUE = 64, 100, 2_000
MAX_DEPTH = 8
_CUT = "…"
_ADDRESSES = frozenset(
    {"client.address", "client.ip", "source.address", "http.client_ip", "net.peer.ip", "net.sock.peer.addr",
     "network.peer.address", "user.ip", "user.ip_address"}
)  # fmt: skip
_HEX = frozenset("0123456789abcdef")


def bound_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return at most MAX_ATTRIBUTES values: numbers and truths as they are, the rest of bounded length."""
    bounded: dict[str, Any] = {}
    for name, value in attributes.items():
        if len(bounded) >= MAX_ATTRIBUTES:
            break
        if not name or value is None:
            continue
        is_large = isinstance(value, (dict, list)) and len(write_text(value, MAX_VALUE + 1)) > MAX_VALUE
        bounded[_clean(name, MAX_NAME)] = write_text(value, MAX_VALUE) if is_large else _settle(value)
    return bounded


def hide_addresses(attributes: dict[str, Any], rules: ScrubRules) -> dict[str, Any]:
    """Return attributes with the last part of IP addresses taken out, if the rules want it."""
    if rules.keep_whole_ip:
        return attributes
    return {
        name: truncate_ip(value) or FILTERED if name in _ADDRESSES and isinstance(value, str) and value else value
        for name, value in attributes.items()
    }


def write_text(value: Any, limit: int) -> str:
    """Return a value as a text that the database takes, at most so long; what is no text is written as JSON."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        value = value[: limit * 4].decode("utf-8", "replace")
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = str(type(value).__name__)
    return _clean(value, limit)


def read_hex(value: Any, length: int) -> str:
    """Return an id of so many hexadecimal digits in lower case; empty for what is none, or nothing but zeros."""
    text = value.lower() if isinstance(value, str) else ""
    if length == 32:
        text = text.replace("-", "")
    return text if len(text) == length and _HEX.issuperset(text) and text.strip("0") else ""


def _settle(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON can have it and the database takes it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)[:MAX_VALUE]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (dict, list)) and depth >= MAX_DEPTH:
        return _CUT
    if isinstance(value, dict):
        return {_clean(str(name), MAX_NAME): _settle(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_settle(each, depth + 1) for each in value]
    return write_text(value, MAX_VALUE)


def _clean(text: str, limit: int) -> str:
    """Return a text that the database takes: no zero bytes, no halves of surrogate pairs."""
    return text[:limit].replace("\x00", "").encode("utf-8", "replace").decode()
