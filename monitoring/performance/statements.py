"""Database statements, put so that all runs of one query are one statement and no value that was in it survives. Pure.

A statement is cut to MAX_STATEMENT first, which bounds every pattern below.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from monitoring.performance.records import MAX_NAME, MAX_STATEMENT

#: Systems in which text in double quotes is a value, not a name.
_QUOTES_ARE_VALUES = frozenset({"mysql", "mariadb"})

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z)|\#[^\n]*(?=\n|\Z))
  | (?P<value>
        \$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?P=tag)\$|\Z)
      | \$\$.*?(?:\$\$|\Z)
      | (?:\b[eEbBxXnN])?'(?:[^'\\]|\\.|'')*+(?:'|\Z)
      | (?<![\w.])0[xX][0-9a-fA-F]+
      | (?<![\w$"`\]])[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w)
      | \$\d+ | %s | %\(\w+\)s | (?<![\w:]):\w+ | (?<![\w@])@\w+ | \?
    )
  | (?P<double>"(?:[^"]|"")*+(?:"|\Z))
  | (?P<backtick>`[^`]*+(?:`|\Z))
  | (?P<bracket>\[[A-Za-z_][\w ]*\])
  | (?P<space>\s+)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_][\w$.]*")
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)")
_LISTS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")
_ARRAY = re.compile(r"\[\s*\?(?:\s*,\s*\?)*\s*\]")
_NUMBERED = re.compile(r"_\d{3,}\b")
_SAVEPOINT = re.compile(r"^((?:RELEASE |ROLLBACK TO )?SAVEPOINT)\b.*", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_MAIN = re.compile(r"\)\s*(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_TABLES = {
    "SELECT": re.compile(r"\bFROM\s+(?:ONLY\s+|LATERAL\s+)?([\w$.]+)", re.IGNORECASE),
    "DELETE": re.compile(r"\bFROM\s+(?:ONLY\s+)?([\w$.]+)", re.IGNORECASE),
    "INSERT": re.compile(r"\bINTO\s+([\w$.]+)", re.IGNORECASE),
    "REPLACE": re.compile(r"\bINTO\s+([\w$.]+)", re.IGNORECASE),
    "MERGE": re.compile(r"\bINTO\s+([\w$.]+)", re.IGNORECASE),
    "UPDATE": re.compile(r"\bUPDATE\s+(?:ONLY\s+)?([\w$.]+)", re.IGNORECASE),
    "COPY": re.compile(r"\bCOPY\s+([\w$.]+)", re.IGNORECASE),
    "TRUNCATE": re.compile(r"\bTRUNCATE\s+(?:TABLE\s+)?([\w$.]+)", re.IGNORECASE),
    "CREATE": re.compile(r"\bTABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w$.]+)", re.IGNORECASE),
    "ALTER": re.compile(r"\bTABLE\s+(?:IF\s+EXISTS\s+)?([\w$.]+)", re.IGNORECASE),
    "DROP": re.compile(r"\bTABLE\s+(?:IF\s+EXISTS\s+)?([\w$.]+)", re.IGNORECASE),
}
_NO_TABLES = frozenset({"unnest", "generate_series", "jsonb_to_recordset", "json_to_recordset", "lateral", "select"})


@dataclass(frozen=True, slots=True)
class Statement:
    """What queries are grouped by: the text without values, what it does and the table it is about (empty: not told)."""

    text: str
    operation: str
    table: str

    def fingerprint(self, system: str) -> bytes:
        """Return 16 bytes that stand for this statement in a database system."""
        return hashlib.blake2b(f"{system}\0{self.text}".encode("utf-8", "replace"), digest_size=16).digest()


def normalise(statement: str, *, system: str = "") -> str:
    """Return a statement with values and placeholders put as ?, lists of them as one, comments and quotes of names gone."""
    quotes_are_values = system.lower() in _QUOTES_ARE_VALUES

    def replace(found: re.Match[str]) -> str:
        kind, text = found.lastgroup, found.group()
        if kind in {"comment", "space"}:
            return " "
        if kind == "double":
            inner = text.strip('"')
            return inner if not quotes_are_values and _NAME.fullmatch(inner) else "?"
        if kind in {"backtick", "bracket"}:
            return text.strip("`[]")
        return "?"

    text = _TOKEN.sub(replace, statement[:MAX_STATEMENT].replace("\x00", ""))
    text = _NUMBERED.sub("_{n}", _SAVEPOINT.sub(r"\1", " ".join(text.split())))
    text = _LISTS.sub("(?)", _ARRAY.sub("[?]", _LIST.sub("(?)", text)))
    return text.strip().rstrip(";").strip().encode("utf-8", "replace").decode()


def read_statement(statement: str, *, system: str = "", operation: str = "", table: str = "") -> Statement:
    """Return what a query is grouped by; `operation` and `table` are the client's word, read from the text if empty."""
    text = normalise(statement, system=system)
    found = operation.strip().upper() or find_operation(text)
    return Statement(text, found[:MAX_NAME], (table.strip() or find_table(text, found))[:MAX_NAME])


def find_operation(text: str) -> str:
    """Return what a normalised statement does: SELECT, INSERT ...; behind WITH the statement it is for."""
    first = _FIRST_WORD.match(text)
    if first is None:
        return ""
    word = first.group(1).upper()
    if word != "WITH":
        return word
    found = _MAIN.findall(text)
    return found[-1].upper() if found else "WITH"


def find_table(text: str, operation: str) -> str:
    """Return the first table that a normalised statement is about, empty if none is found."""
    pattern = _TABLES.get(operation)
    if pattern is None:
        return ""
    return next((name for name in pattern.findall(text) if name.lower() not in _NO_TABLES), "")
