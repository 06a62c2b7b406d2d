"""The one store behind all doors but those of metric points: batches that arrive together share a commit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from monitoring.attachments.records import AttachmentRecord
from monitoring.attachments.services.recording import write_attachments
from monitoring.browser.records import VitalRecord
from monitoring.browser.services.recording import write_vitals
from monitoring.errors.services.inbox import Incoming, write_events
from monitoring.ingestion.batches import COLUMNS, Batch
from monitoring.logs.records import LogRecord
from monitoring.logs.services.writing import write_logs
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake
from monitoring.metrics.commits import GroupCommit
from monitoring.performance.records import QueryRecord, RequestRecord, SpanRecord
from monitoring.performance.services.recording import write_queries, write_requests, write_spans
from monitoring.releases.records import SessionItem
from monitoring.releases.services.sessions import write_sessions
from monitoring.uptime.check_ins import CheckIn
from monitoring.uptime.services.check_ins import write_check_ins
from monitoring.usage.records import UsageEvent
from monitoring.usage.services.recording import write_usage_events
from monitoring.user_reports.records import UserReportRecord
from monitoring.user_reports.services.recording import write_user_reports

MAX_GROUP_BYTES = 4 * 1024 * 1024
#: A record without a `size` of its own counts as this many bytes.
RECORD_BYTES = 500

#: What waiting for the others of a busy moment costs an answer; it saves most of the commits then.
GATHER_SECONDS = 0.005

Writer = Callable[[Sequence[Any]], None]

#: Who writes which kind of record, in the order in which everybody writes, so that two transactions never wait for each
#: other in a circle. A writer is called within the transaction, with records of any applications; it wakes workers by
#: `Nudge.on_commit`, and writing the same record twice changes nothing.
WRITERS: dict[type[Any], Writer] = {
    Incoming: write_events,
    VitalRecord: write_vitals,
    UsageEvent: write_usage_events,
    SessionItem: write_sessions,
    LogRecord: write_logs,
    UserReportRecord: write_user_reports,
    AttachmentRecord: write_attachments,
    RequestRecord: write_requests,
    QueryRecord: write_queries,
    SpanRecord: write_spans,
    CheckIn: write_check_ins,
}
#: Kinds whose writers only send statements: no COPY, which a pipeline can't hold.
PIPELINED = frozenset({Incoming})


def store_batch(batch: Batch) -> None:
    """Store what a batch holds and count it; return once it is durable.

    Raises django.db.OperationalError while the database is away, IntegrityError when the application was removed.
    """
    if connection.in_atomic_block:
        # What others sent must not hang on the caller's transaction.
        store_batches([batch])
    else:
        _commits.run(batch)


def store_batches(batches: Sequence[Batch]) -> None:
    """Store several batches in one transaction, or none."""
    by_kind: dict[type[Any], list[Any]] = {}
    for batch in batches:
        for record in batch.records:
            by_kind.setdefault(type(record), []).append(record)
    unknown = by_kind.keys() - WRITERS.keys()
    if unknown:
        raise TypeError(f"nobody writes {sorted(kind.__name__ for kind in unknown)}")
    with transaction.atomic(), _pipeline() if by_kind.keys() <= PIPELINED else nullcontext():
        for kind, write in WRITERS.items():
            if kind in by_kind:
                write(by_kind[kind])
        count_intake(intakes=_list_intakes(batches), now=timezone.now())


@contextmanager
def _pipeline() -> Iterator[None]:
    """Send statements out together and wait for them once."""
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def _list_intakes(batches: Iterable[Batch]) -> list[Intake]:
    return [
        Intake(
            batch.application_id,
            Signal(signal),
            **{name: batch.account.counts.get((signal, name), 0) for name in COLUMNS},
        )
        for batch in batches
        for signal in sorted({signal for signal, _ in batch.account.counts})
    ]


def _measure(batch: Batch) -> int:
    return 1 + sum(getattr(record, "size", RECORD_BYTES) for record in batch.records)


_commits = GroupCommit(
    store_batches,
    size=_measure,
    max_size=MAX_GROUP_BYTES,
    gather_seconds=GATHER_SECONDS,
    # What can't be stored (its application was removed a moment ago, a value that no column takes) must not cost the others.
    alone_after=(IntegrityError, DataError, ValueError, TypeError),
)
