"""Which errors somebody is to be told of at once: patterns over what an event says. Pure.

Source: seed, “Error Tracking System”: four patterns for browsers, three classes for PHP, with what other languages and
newer browsers call the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import re2

MAX_PATTERN = 1000
MAX_TEXT = 2000
#: Platforms of SDKs that run in pages; everything else is a server (or a device) of the operator's own choosing.
BROWSER_PLATFORMS = frozenset({"javascript"})


class PatternInvalid(ValueError):
    """A pattern that can't be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern. `kind`: message (RE2), class (names, separated by commas) or level; empty `platform`: all."""

    id: int
    kind: str
    pattern: str
    where: str = "any"
    platform: str = ""
    application_id: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is judged: the texts (“Type: value”, messages) and the types of a whole chain of exceptions."""

    application_id: int
    platform: str
    level: str
    types: Sequence[str]
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A pattern that comes with the product; `key` identifies it for good, `version` rises with every change."""

    key: str
    name: str
    kind: str
    pattern: str
    where: str = "any"
    platform: str = ""
    note: str = ""
    version: int = 1


def find_rule(rules: Iterable[Rule], candidate: Candidate) -> Rule | None:
    """Return the first rule that an error meets."""
    return next((rule for rule in rules if is_met(rule, candidate)), None)


def is_met(rule: Rule, candidate: Candidate) -> bool:
    """Return whether an error meets a rule; a pattern that can't be read meets nothing."""
    if rule.application_id not in (None, candidate.application_id):
        return False
    if rule.platform and rule.platform != candidate.platform:
        return False
    if rule.where != "any" and (rule.where == "browser") != (candidate.platform in BROWSER_PLATFORMS):
        return False
    if rule.kind == "level":
        return candidate.level == rule.pattern
    if rule.kind == "class":
        wanted = _read_classes(rule.pattern)
        return any(not wanted.isdisjoint(_spellings(each)) for each in candidate.types)
    expression = _compile_or_none(rule.pattern)
    return expression is not None and any(expression.search(text[:MAX_TEXT]) for text in candidate.texts)


def check_pattern(*, kind: str, pattern: str) -> str:
    """Return a pattern as it is kept. Raises PatternInvalid."""
    text = pattern.strip()
    if not text:
        raise PatternInvalid("Say what to look for.")
    if len(text) > MAX_PATTERN:
        raise PatternInvalid(f"It can have {MAX_PATTERN} characters at most.")
    if kind == "level":
        if text not in {"debug", "info", "warning", "error", "fatal"}:
            raise PatternInvalid("A level is one of debug, info, warning, error, fatal.")
        return text
    if kind == "class":
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names or any(any(sign.isspace() for sign in name) for name in names):
            raise PatternInvalid("Write class names, separated by commas, like PDOException, QueryException.")
        return ", ".join(dict.fromkeys(names))
    try:
        expression = _compile(text)
    except re2.error as error:
        raise PatternInvalid(f"This is no regular expression (RE2): {error}.") from error
    if expression.search(""):
        raise PatternInvalid("This finds something in every message; narrow it down.")
    return text


@lru_cache(maxsize=1000)
def _read_classes(pattern: str) -> frozenset[str]:
    return frozenset(name.strip() for name in pattern.split(",") if name.strip())


def _spellings(name: str) -> set[str]:
    """Return a class as it was sent and without its namespace: `App\\Db\\PDOException`, `java.sql.SQLException`."""
    plain = name.strip().lstrip("\\")
    last = plain.replace("\\", ".").replace("::", ".").rpartition(".")[2]
    return {name, plain, last} - {""}


@lru_cache(maxsize=1000)
def _compile_or_none(pattern: str) -> re2._Regexp | None:
    try:
        return _compile(pattern)
    except re2.error:
        return None


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 22
    return re2.compile(pattern, options)


SHIPPED: tuple[Shipped, ...] = (
    Shipped(
        key="undefined-property",
        name="Property of nothing",
        kind="message",
        pattern=r"TypeError: .*(Cannot (read|set) propert(y|ies)|[Cc]an't access property"
        r"|is not an object \(evaluating| (is|has) (undefined|null|no properties)$)",
        note="Chrome's old and new words, Firefox's and Safari's. The page goes on half dead.",
    ),
    Shipped(
        key="undefined-reference",
        name="Name that is not defined",
        kind="message",
        pattern=r"ReferenceError: (.* is not defined|Can't find variable: )",
        note="A script did not load, or a release is broken.",
    ),
    Shipped(
        key="network",
        name="Network error in the page",
        kind="message",
        where="browser",
        pattern=r"NetworkError|Failed to fetch|TypeError: (Load failed|The network connection was lost)|AxiosError: Network Error",
        note="Pages can't reach the back end, or its answers forbid this origin (CORS).",
    ),
    Shipped(
        key="security",
        name="Security error in the page",
        kind="message",
        where="browser",
        pattern=r"SecurityError",
        note="The browser refused something: storage, frames, a certificate.",
    ),
    Shipped(
        key="database",
        name="Database error",
        kind="class",
        where="server",
        pattern="PDOException, QueryException, DatabaseException, OperationalError, InterfaceError, DatabaseError, "
        "InternalError, ProgrammingError, SQLException, SQLTransientConnectionException, DataAccessException, "
        "JDBCConnectionException, SqlException, DbException, PSQLException, ConnectionBad, StatementInvalid, "
        "ConnectionNotEstablished, SequelizeDatabaseError, SequelizeConnectionError",
        note="PDOException of PHP and what Laravel, Python, Java, .NET, Ruby and Node call the same.",
    ),
    Shipped(
        key="runtime",
        name="Runtime error",
        kind="class",
        where="server",
        pattern="RuntimeException, RuntimeError",
        note="Raised by code that found itself in a state it does not know.",
    ),
    Shipped(
        key="php-error",
        name="PHP gave up",
        kind="class",
        where="server",
        platform="php",
        pattern="Error, TypeError, ArgumentCountError, ParseError, CompileError, AssertionError, UnhandledMatchError, "
        "DivisionByZeroError, FatalError, OutOfMemoryError",
        note="Error and its heirs: the engine itself stopped the request.",
    ),
    Shipped(
        key="java-error",
        name="Java gave up",
        kind="class",
        where="server",
        platform="java",
        pattern="Error, OutOfMemoryError, StackOverflowError, NoClassDefFoundError, LinkageError, InternalError, "
        "ExceptionInInitializerError, UnsatisfiedLinkError",
        note="Error and its heirs: the virtual machine is in trouble.",
    ),
    Shipped(
        key="python-error",
        name="Python gave up",
        kind="class",
        where="server",
        platform="python",
        pattern="SystemError, MemoryError, RecursionError, ImportError, ModuleNotFoundError, SyntaxError",
        note="The interpreter ran out of something, or a release can't be loaded.",
    ),
    Shipped(
        key="fatal",
        name="Fatal",
        kind="level",
        pattern="fatal",
        note="Whatever the client itself calls fatal.",
    ),
)
