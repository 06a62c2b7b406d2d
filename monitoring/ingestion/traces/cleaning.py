"""What is taken out of spans before they are kept: secrets, queries of addresses, values in statements. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monitoring.attributes import bound_attributes, hide_addresses, write_text
from monitoring.browser.pages import clean_url
from monitoring.errors.scrubbing import ScrubRules, scrub
from monitoring.performance.records import MAX_NAME, MAX_STATEMENT
from monitoring.performance.statements import find_operation, normalise

MAX_ADDRESS = 2_000
_QUERIES = frozenset({"url.query", "url.fragment", "http.query", "http.fragment", "query_string", "query"})
#: Attributes that name a path, which may have a query behind it.
_PATHS = frozenset({"http.target", "url.path", "path"})
#: What says nothing of the piece of work, by the beginnings of names: the SDK and the machine, and headers as sent.
_NOISE = (
    "sentry.", "process.", "device.", "culture.", "app.", "os.", "thread.", "telemetry.", "http.request.header.",
    "http.response.header.",
)  # fmt: skip
#: Values of statements.
_PARAMETERS = ("db.query.parameter", "db.sql.bindings", "db.params", "db.statement.parameter", "db.parameters")
_STATEMENTS = frozenset({"db.query.text", "db.statement", "db.query", "sql", "sql.query"})
_SPACE = re.compile(r"\s*")
_SQL = re.compile(
    r"\(?\s*(?:select|insert\s+into|insert\s+ignore|replace\s+into|update\s+\S+\s+set|delete\s+from|with\s+\S+\s+as|with\s+recursive"
    r"|merge\s+into|call\s+\w|exec(?:ute)?\s+\w|create\s+(?:table|index|unique|view|temp|or)|alter\s+\w|drop\s+(?:table|index|view)"
    r"|truncate\s+\w|copy\s+\w|set\s+\w+\s*(?:=|to)|declare\s+\w|prepare\s+\w|explain\s+\w)\b",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s\"'<>]{1,4000}")
_PATH_QUERY = re.compile(r"(?<=\S)[?#]\S*")
_STARTS_PATH = re.compile(r"(?:[A-Z]{3,8} )?/")
#: Systems whose commands carry keys and values, which no normalising tells from the rest.
KEY_VALUE_SYSTEMS = frozenset({"redis", "valkey", "memcached", "memcache"})


def is_sql(text: str) -> bool:
    """Return whether a text is a statement of SQL."""
    text = text[:MAX_STATEMENT]
    return _SQL.match(text, _skip_comments(text)) is not None


def _skip_comments(text: str) -> int:
    """Return where a text begins behind spaces and SQL's comments, in one pass."""
    place = 0
    while True:
        found = _SPACE.match(text, place)
        place = found.end() if found else place
        opening, closing = text[place : place + 2], ""
        if opening == "--":
            closing = "\n"
        elif opening == "/*":
            closing = "*/"
        end = text.find(closing, place + 2) if closing else -1
        if end < 0:
            return place
        place = end + len(closing)


def hide_values(statement: str, system: str) -> str:
    """Return a statement without values; of key-value stores' commands the command alone."""
    if system.lower() in KEY_VALUE_SYSTEMS:
        return find_operation(statement[:100])
    return normalise(statement[:MAX_STATEMENT], system=system)


def clean_name(name: str, rules: ScrubRules, *, system: str = "", is_statement: bool = False) -> str:
    """Return a span's name without values of statements, queries of addresses, logins and secrets."""
    # Cut only when all is taken out: the half of a secret does not show as one.
    text = write_text(name, MAX_STATEMENT)
    text = hide_values(text, system) if is_statement or is_sql(text) else _clean_text(text)
    return str(scrub({"name": text}, rules=rules)["name"])[:MAX_NAME]


def clean_attributes(attributes: Mapping[str, Any], rules: ScrubRules, *, system: str = "") -> dict[str, Any]:
    """Return attributes as they are kept: bounded, without noise, secrets, values of statements and queries of addresses."""
    kept = {
        name: _clean_value(name, value, system)
        for name, value in attributes.items()
        if name not in _QUERIES and not name.startswith(_NOISE) and not name.startswith(_PARAMETERS)
    }
    cleaned = scrub({"attributes": bound_attributes(kept)}, rules=rules)["attributes"]
    return hide_addresses(cleaned, rules)


def _clean_value(name: str, value: Any, system: str, depth: int = 0) -> Any:
    if isinstance(value, str):
        if name in _STATEMENTS or is_sql(value):
            return hide_values(value, system)
        if name in _PATHS:
            return value[:MAX_ADDRESS].partition("?")[0]
        return _clean_text(value[: 2 * MAX_STATEMENT])
    if depth >= 8:
        return None if isinstance(value, (dict, list)) else value
    if isinstance(value, dict):
        return {
            key: _clean_value(key, each, system, depth + 1)
            for key, each in list(value.items())[:100]
            if key not in _QUERIES
        }
    if isinstance(value, list):
        return [_clean_value(name, each, system, depth + 1) for each in value[:100]]
    return value


def _clean_text(text: str) -> str:
    if "://" in text:
        text = _ADDRESS.sub(lambda found: clean_url(found[0]), text)
    if _STARTS_PATH.match(text):
        text = _PATH_QUERY.sub("", text)
    return text
