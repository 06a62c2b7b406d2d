"""From endpoints and statements to their ids: a cache in the process over the database's unique rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from django.db import connection

from monitoring.performance.endpoints import OTHER
from monitoring.performance.statements import Statement

Word = TypeVar("Word")

MAX_ENDPOINTS, MAX_STATEMENTS = 1_000, 5_000
"""Of one application. A client that names its routes badly must not make a row for each request."""
CACHE_ENTRIES = 50_000

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"})
"""Each has an “(other)” of its own: without a method it would be a job. Source: OpenTelemetry, http.request.method."""
UNKNOWN_METHOD = "_OTHER"

_OTHER_STATEMENT = Statement(OTHER, "", "")


class Dictionary(Generic[Word]):
    """Ids of words of applications. `columns` puts words into the columns that tell them apart and the rest, for SQL.

    `other` says for a word beyond the limit which one stands for it; it has few answers.
    """

    def __init__(
        self,
        *,
        find: str,
        create: str,
        count: str,
        limit: int,
        other: Callable[[Word], Word],
        columns: Callable[[list[Word]], list[Any]],
    ) -> None:
        self._find, self._create, self._count = find, create, count
        self._limit, self._other, self._columns = limit, other, columns
        self._known: dict[tuple[int, Word], int] = {}
        self._lock = threading.Lock()

    def resolve(self, wanted: Iterable[tuple[int, Word]]) -> dict[tuple[int, Word], int]:
        """Return the id of each (application id, word), in the caller's transaction; new words are created.

        Beyond the application's limit a word's id is that of its “(other)”. Raises IntegrityError for an application that is gone.
        """
        found: dict[tuple[int, Word], int] = {}
        missing: dict[int, list[Word]] = {}
        for key in set(wanted):
            known = self._known.get(key)
            if known is None:
                missing.setdefault(key[0], []).append(key[1])
            else:
                found[key] = known
        for application_id in sorted(missing):
            found |= self._look_up(application_id, missing[application_id])
        return found

    def forget(self) -> None:
        """Empty this process's cache."""
        with self._lock:
            self._known = {}

    def _look_up(self, application_id: int, words: list[Word]) -> dict[tuple[int, Word], int]:
        stored = self._select(application_id, words)
        with self._lock:
            # What another transaction committed stays; what this one creates may still be rolled back.
            if len(self._known) > CACHE_ENTRIES:
                self._known = {}
            self._known |= stored
        fresh = [word for word in words if (application_id, word) not in stored]
        return stored | self._make(application_id, fresh) if fresh else stored

    def _select(self, application_id: int, words: list[Word]) -> dict[tuple[int, Word], int]:
        with connection.cursor() as cursor:
            cursor.execute(self._find, [application_id, *self._columns(words)])
            return {(application_id, words[place - 1]): pk for place, pk in cursor.fetchall()}

    def _make(self, application_id: int, words: list[Word]) -> dict[tuple[int, Word], int]:
        with connection.cursor() as cursor:
            cursor.execute(self._count, [application_id])
            room = max(0, self._limit - cursor.fetchone()[0])
        # In one order for everybody, so that two transactions never wait for each other in a circle.
        ordered = sorted(words, key=repr)
        made = self._insert(application_id, ordered[:room])
        if len(ordered) > room:
            others = {word: self._other(word) for word in ordered[room:]}
            rest = self._insert(application_id, sorted(set(others.values()), key=repr))
            made |= {(application_id, word): rest[application_id, other] for word, other in others.items()}
        return made

    def _insert(self, application_id: int, words: list[Word]) -> dict[tuple[int, Word], int]:
        if not words:
            return {}
        with connection.cursor() as cursor:
            cursor.execute(self._create, [application_id, *self._columns(words)])
        return self._select(application_id, words)


def _find_other_endpoint(word: tuple[str, str]) -> tuple[str, str]:
    """Return what an endpoint is counted as beyond the limit; a request stays one, of its method or of UNKNOWN_METHOD."""
    method = word[0]
    return (method if not method or method in METHODS else UNKNOWN_METHOD), OTHER


def _endpoint_columns(words: list[tuple[str, str]]) -> list[Any]:
    return [[method for method, _ in words], [endpoint for _, endpoint in words]]


endpoints: Dictionary[tuple[str, str]] = Dictionary(
    find="""
    WITH wanted AS (SELECT %s::int AS application, * FROM unnest(%s::text[], %s::text[]) WITH ORDINALITY AS w (method, endpoint, place))
    SELECT place, id FROM wanted JOIN monitoring_endpoint known
        ON (application_id, known.method, known.endpoint) = (application, wanted.method, wanted.endpoint)
    """,
    create="""
    INSERT INTO monitoring_endpoint (application_id, method, endpoint, total, failed, seconds, buckets)
    SELECT %s, method, endpoint, 0, 0, 0, '{}' FROM unnest(%s::text[], %s::text[]) AS fresh (method, endpoint)
    ON CONFLICT (application_id, method, endpoint) DO NOTHING
    """,
    count="SELECT count(*) FROM monitoring_endpoint WHERE application_id = %s",
    limit=MAX_ENDPOINTS,
    other=_find_other_endpoint,
    columns=_endpoint_columns,
)


def _statement_columns(words: list[tuple[str, Statement]]) -> list[Any]:
    return [
        [statement.fingerprint(system) for system, statement in words],
        [statement.text for _, statement in words],
        [statement.operation for _, statement in words],
        [statement.table for _, statement in words],
        [system for system, _ in words],
    ]


statements: Dictionary[tuple[str, Statement]] = Dictionary(
    find="""
    WITH wanted AS (SELECT %s::int AS application, * FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[])
        WITH ORDINALITY AS w (fingerprint, statement, operation, "table", system, place))
    SELECT place, id FROM wanted JOIN monitoring_statement known
        ON (application_id, known.fingerprint) = (application, wanted.fingerprint)
    """,
    create="""
    INSERT INTO monitoring_statement
        (application_id, fingerprint, statement, operation, "table", system, total, failed, seconds, buckets)
    SELECT %s, fingerprint, statement, operation, "table", system, 0, 0, 0, '{}'
    FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[])
        AS fresh (fingerprint, statement, operation, "table", system)
    ON CONFLICT (application_id, fingerprint) DO NOTHING
    """,
    count="SELECT count(*) FROM monitoring_statement WHERE application_id = %s",
    limit=MAX_STATEMENTS,
    other=lambda _: ("", _OTHER_STATEMENT),
    columns=_statement_columns,
)


def forget_dictionaries() -> None:
    """Empty this process's caches of endpoints and statements."""
    endpoints.forget()
    statements.forget()
