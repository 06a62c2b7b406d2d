"""Requests, queries and spans on their way in: what every adapter produces and the store takes. Pure.

Times are aware and in UTC, durations in seconds, empty texts mean "not said". Adapters cut texts to the lengths below and
scrub them; the writer refuses nothing. Names follow OpenTelemetry's semantic conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

MAX_ENDPOINT, MAX_STATEMENT, MAX_NAME, MAX_RELEASE, MAX_ENVIRONMENT = 250, 4_000, 250, 200, 64


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that the application answered (or one run of a background job: `method` is empty then).

    `endpoint` is the templated route, such as /orders/{id}. `status` is the HTTP status, 0 where there is none; `failed`
    what counts for the error rate: a status from 500 on, or what the client says. `user_key` stands for the person as in
    errors. `trace_id` is 32 and `span_id` 16 lower-case hex digits. `record_id` tells a repetition from a second request:
    the same id at the same time is stored once; None never is a repetition. `weight` is how many requests it stands for: more
    than one where the others like it are left out.
    """

    application_id: int
    started_at: datetime
    duration: float
    endpoint: str
    method: str = ""
    status: int = 0
    failed: bool = False
    url: str = ""
    release: str = ""
    environment: str = ""
    user_key: bytes | None = None
    trace_id: str = ""
    span_id: str = ""
    record_id: UUID | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """One database query. `statement` is as sent, `performance.statements.normalise` makes what it is grouped by.

    `system` as in db.system.name (postgresql, mysql, sqlite ...); `operation` (SELECT ...) and `table` may be left empty and
    are then read from the statement. `parameter_count` None: not said. `endpoint`: of the request that made it, if known. `weight` as a request's.
    """

    application_id: int
    started_at: datetime
    duration: float
    statement: str
    system: str = ""
    operation: str = ""
    table: str = ""
    parameter_count: int | None = None
    failed: bool = False
    endpoint: str = ""
    release: str = ""
    environment: str = ""
    trace_id: str = ""
    span_id: str = ""
    record_id: UUID | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One piece of work within a trace, for the waterfall; a trace's root has no `parent_id`.

    `kind`: server, client, producer, consumer or internal. `operation` is what groups it for people (http.server, db,
    http.client, view, ...), `attributes` what else is known, scrubbed, JSON values only. Unique by application, trace and span.
    """

    application_id: int
    trace_id: str
    span_id: str
    started_at: datetime
    duration: float
    name: str
    parent_id: str = ""
    kind: str = "internal"
    operation: str = ""
    failed: bool = False
    service: str = ""
    release: str = ""
    environment: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
