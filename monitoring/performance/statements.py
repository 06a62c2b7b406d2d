"""Database statements, put so that all runs of one query are one statement and no value that was in it survives. Pure.

A statement is cut to MAX_STATEMENT first, which bounds every pattern below.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from monitoring.performance.records import MAX_NAME, MAX_STATEMENT

#: Systems in which a backslash escapes, text in double quotes is a value and # begins a comment.
_LIKE_MYSQL = frozenset({"mysql", "mysqli", "mariadb", "tidb"})
#: Standard strings, but what is no name may be meant as a value in double quotes.
_LIKE_SQLITE = frozenset({"sqlite", "sqlite3"})
#: Standard strings (PostgreSQL's E'' apart), names in double quotes.
_STANDARD = frozenset(
    {
        "postgresql", "postgres", "pgsql", "cockroachdb", "redshift", "aws.redshift", "oracle", "oracle.db", "db2", "ibm.db2",
        "mssql", "sqlserver", "sqlsrv", "microsoft.sql_server", "h2", "hsqldb", "derby", "firebird",
    }
)  # fmt: skip

_ESCAPED = r"'(?:[^'\\]|\\(?:.|\Z)|'')*+(?:'|\Z)"
_NUMBERS_AND_PLACEHOLDERS = r"""
      | (?<![\w.])0[xX][0-9a-fA-F]+ | (?<![\w.])0[bBoO][0-7]+
      | (?<![\w$"`\]])[+-]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w)
      | \$\d+ | %s | %\(\w+\)s | (?<![\w:]):\w+ | (?<![\w@])@\w+ | \?
"""
_NAMES = r"(?P<backtick>`[^`]*+(?:`|\Z))"

#: PostgreSQL and SQL Server have comments within comments.
_AS_STANDARD = re.compile(
    rf"""
    (?P<comment>--[^\n]*|/\*(?:[^*/]|\*(?!/)|/(?!\*)|/\*.*?(?:\*/|\Z))*+(?:\*/|\Z))
  | (?P<value>
        (?<![\w$])\$(?P<tag>[A-Za-z_]\w*)?\$.*?(?:\$(?(tag)(?P=tag))\$|\Z)
      | \b[eE]{_ESCAPED}
      | \b[nN]?[qQ]'(?:\[.*?(?:\]'|\Z)|\{{.*?(?:\}}'|\Z)|\(.*?(?:\)'|\Z)|<.*?(?:>'|\Z)|(?P<mark>[^\s']).*?(?:(?P=mark)'|\Z))
      | (?:\b(?:[bBxXnN]|[uU]&))?'(?:[^']|'')*+(?:'|\Z)
      {_NUMBERS_AND_PLACEHOLDERS}
    )
  | (?P<double>"(?:[^"]|"")*+(?:"|\Z))
  | {_NAMES}
    """,
    re.VERBOSE | re.DOTALL,
)
_AS_MYSQL = re.compile(
    rf"""
    (?P<comment>--(?=\s|\Z)[^\n]*|/\*.*?(?:\*/|\Z)|\#[^\n]*)
  | (?P<value>
        (?:\b[bBxXnN])?{_ESCAPED}
      {_NUMBERS_AND_PLACEHOLDERS}
    )
  | (?P<double>"(?:[^"\\]|\\(?:.|\Z)|"")*+(?:"|\Z))
  | {_NAMES}
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_][\w$.]*")
_QUOTABLE = re.compile(r"`[^`'\"\\]*`")
_BRACKETS = re.compile(r"(?<![\w\]])\[([A-Za-z_][\w ]*)\]")
#: Before and behind a table's name: TRIM(x FROM "y") and IS DISTINCT FROM "y" are about values.
_BEFORE_TABLE = re.compile(
    r"(?:\b(?:JOIN|INTO|UPDATE|TABLE)|(?<!\s)(?<!DISTINCT)\s+FROM)\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)?\Z",
    re.IGNORECASE,
)
_BEHIND_TABLE = re.compile(r"\s*(?:\Z|[,;])|\s+[A-Za-z(\"]")
_LOOK_BACK = 60
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)*\s*\)")
_LISTS = re.compile(r"\(\?\)(?:\s*,\s*\(\?\))+")
_ARRAY = re.compile(r"\[\s*\?(?:\s*,\s*\?)*\s*\]")
_NUMBERED = re.compile(r"_\d{3,}\b")
_SAVEPOINT = re.compile(r"^((?:RELEASE |ROLLBACK TO )?SAVEPOINT)\b.*", re.IGNORECASE)
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_MAIN = re.compile(r"\)\s*(SELECT|INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
_TABLES = {
    "SELECT": re.compile(r"\bFROM\s+(?:ONLY\s+|LATERAL\s+)?([\w$.#]+)", re.IGNORECASE),
    "DELETE": re.compile(r"\bFROM\s+(?:ONLY\s+)?([\w$.#]+)", re.IGNORECASE),
    "INSERT": re.compile(r"\bINTO\s+([\w$.#]+)", re.IGNORECASE),
    "REPLACE": re.compile(r"\bINTO\s+([\w$.#]+)", re.IGNORECASE),
    "MERGE": re.compile(r"\bINTO\s+([\w$.#]+)", re.IGNORECASE),
    "UPDATE": re.compile(r"\bUPDATE\s+(?:ONLY\s+)?([\w$.#]+)", re.IGNORECASE),
    "COPY": re.compile(r"\bCOPY\s+([\w$.#]+)", re.IGNORECASE),
    "TRUNCATE": re.compile(r"\bTRUNCATE\s+(?:TABLE\s+)?([\w$.#]+)", re.IGNORECASE),
    "CREATE": re.compile(r"\bTABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?([\w$.#]+)", re.IGNORECASE),
    "ALTER": re.compile(r"\bTABLE\s+(?:IF\s+EXISTS\s+)?([\w$.#]+)", re.IGNORECASE),
    "DROP": re.compile(r"\bTABLE\s+(?:IF\s+EXISTS\s+)?([\w$.#]+)", re.IGNORECASE),
}
_NO_TABLES = frozenset({"unnest", "generate_series", "jsonb_to_recordset", "json_to_recordset", "lateral", "select"})


#: Where it begins and ends, and what stands for it.
_Hidden = tuple[int, int, str]


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
    """Return a statement with values and placeholders put as ?, lists of them as one, comments and quotes of names gone.

    Where the system is not known, what is a value to any of them is one.
    """
    text = statement[:MAX_STATEMENT].replace("\x00", "")
    pieces, at = [], 0
    for start, end, instead in _merge(_find_hidden(text, system.lower())):
        pieces += [text[at:start], instead]
        at = end
    text = "".join([*pieces, text[at:]])
    # What is left in quotes and brackets are names.
    text = " ".join(_BRACKETS.sub(r"\1", text.replace('"', "").replace("`", "")).split())
    text = _NUMBERED.sub("_{n}", _SAVEPOINT.sub(r"\1", text))
    text = _LISTS.sub("(?)", _ARRAY.sub("[?]", _LIST.sub("(?)", text)))
    return text.strip().rstrip(";").strip().encode("utf-8", "replace").decode()


def _find_hidden(text: str, system: str) -> list[_Hidden]:
    """Return what must not be shown of a text, by every way in which the system may read it."""
    if system in _LIKE_MYSQL:
        return list(_read(_AS_MYSQL, text))
    if system in _LIKE_SQLITE or system in _STANDARD:
        return list(_read(_AS_STANDARD, text, has_names=system in _STANDARD))
    as_mysql = _read(_AS_MYSQL, text)
    # #tmp and #>> are no comments elsewhere; a # before a space hardly is anything else.
    comments = (each for each in as_mysql if text[each[0]] != "#" or text[each[0] + 1 : each[0] + 2].isspace())
    return sorted([*_read(_AS_STANDARD, text), *comments])


def _read(pattern: re.Pattern[str], text: str, *, has_names: bool = False) -> Iterator[_Hidden]:
    """Yield comments and values; `has_names`: what could be a name in double quotes is one."""
    for found in pattern.finditer(text):
        kind, start, end = found.lastgroup, found.start(), found.end()
        if kind == "comment":
            yield start, end, " "
        elif kind == "double":
            is_name = _NAME.fullmatch(text, start + 1, end - 1) and (has_names or _is_place_of_name(text, start, end))
            if not is_name:
                yield start, end, "?"
        elif kind != "backtick" or not _QUOTABLE.fullmatch(text, start, end):
            yield start, end, "?"


def _is_place_of_name(text: str, start: int, end: int) -> bool:
    """Return whether only a name can stand there: beside a dot, or where a table's is."""
    if "." in {text[start - 1 : start], text[end : end + 1]}:
        return True
    before = _BEFORE_TABLE.search(text, max(0, start - _LOOK_BACK), start)
    return before is not None and _BEHIND_TABLE.match(text, end) is not None


def _merge(hidden: list[_Hidden]) -> list[_Hidden]:
    """Return ascending stretches with those that overlap as one, a value if one of them is."""
    merged: list[_Hidden] = []
    for start, end, instead in hidden:
        if merged and start < merged[-1][1]:
            first, reached, other = merged[-1]
            merged[-1] = first, max(reached, end), "?" if "?" in {instead, other} else " "
        else:
            merged.append((start, end, instead))
    return merged


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
