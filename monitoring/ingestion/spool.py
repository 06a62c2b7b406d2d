"""What comes while the database is away: kept on this machine's disk, answered as stored, and stored once it is back.

For clients that send once and never again, such as Sentry's SDKs or a page of PHP. Those that repeat by themselves
(Prometheus, OpenTelemetry's exporters) hear 503 with Retry-After, and keep what they have.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Union
from uuid import uuid4

import msgspec
from django.db import IntegrityError, InterfaceError, OperationalError, connection, connections, transaction
from django.utils import timezone

from config.settings import DATA_DIR, OPTION
from monitoring.ingestion.batches import Account, Batch
from monitoring.ingestion.native import decode_points
from monitoring.ingestion.spool_files import SegmentBroken, Spool, SpoolFull, read_entries, taken
from monitoring.ingestion.storing import WRITERS, store_batch, store_batches
from monitoring.metrics.commits import GroupCommit
from monitoring.metrics.series import spellings
from monitoring.metrics.services import describe_metrics, store_points
from monitoring.repetitions import claim_bodies

logger = logging.getLogger(__name__)

#: What a database that is away raises. So do deadlocks, full disks and statements that took too long: later they may work.
AWAY = (OperationalError, InterfaceError)

TRY_AGAIN_SECONDS = 1.0
"""For so long after a failure the database is not asked: while nothing answers, each question may take seconds."""
LOOK_EVERY_SECONDS = 2.0
IDLE_SECONDS = 30.0
GROUP_BYTES, GROUP_ENTRIES = 4 * 1024 * 1024, 500
ATTEMPTS = 3

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in WRITERS}


class BatchEntry(msgspec.Struct, tag="batch", array_like=True):
    """A batch. Each record is a pair of its kind's name and its members."""

    key: bytes
    application_id: int
    records: list[tuple[str, msgspec.Raw]]
    counts: list[tuple[str, str, int]]


class PointsEntry(msgspec.Struct, tag="points", array_like=True):
    """A body of metric points as JSON, as it came."""

    application_id: int
    received_at: datetime
    body: bytes


Entry = Union[BatchEntry, PointsEntry]  # noqa: UP007  # msgspec reads it while the program runs

_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def _make_spool() -> Spool:
    return Spool(DATA_DIR / "spool", max_bytes=int(OPTION["SPOOL_MAX_BYTES"]))


@dataclass(slots=True)
class _State:
    """What this process knows: whether the database was away when last asked, and when (time.monotonic) to ask again."""

    is_away: bool = False
    ask_at: float = 0.0


spool = _make_spool()
_state = _State()


def _append(entries: list[bytes]) -> None:
    spool.append(entries)


_appends = GroupCommit(_append, size=len, max_size=GROUP_BYTES)


def store_or_keep(batch: Batch) -> None:
    """Store a batch, or keep it until the database is back; return once it is durable either way.

    Raises what `store_batch` raises; where the database is away, only when the spool is full.
    """
    try:
        check_asked()
        store_batch(batch)
    except AWAY as error:
        _keep(encode_batch(batch), error)
    else:
        _note_answer()


def keep_points(*, application_id: int, body: bytes, received_at: datetime, error: Exception) -> None:
    """Keep a body of metric points that could not be stored. Raises `error` when the spool is full."""
    _keep(PointsEntry(application_id, received_at, body), error)


def check_asked() -> None:
    """Raise OperationalError if the database did not answer a moment ago."""
    if time.monotonic() < _state.ask_at:
        raise OperationalError("The database did not answer a moment ago.")


def replay(*, source: Spool) -> bool:
    """Store what waits; return whether nothing is left that this process could take. Raises one of AWAY.

    Storing an entry and noting that it is stored are one transaction, so a segment that is read again adds nothing.
    """
    source.finish()
    is_through = True
    for path in source.list_segments():
        with taken(path) as is_mine:
            if is_mine:
                _replay_segment(path, source)
            is_through = is_through and is_mine
    return is_through


class Replayer:
    """The thread that stores what waits, once the database answers."""

    def __init__(self, source: Spool) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def wake(self) -> None:
        """Look soon; starts the thread with the first call, so after a fork."""
        self._wake.set()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait(IDLE_SECONDS)
            self._wake.clear()
            while not self._try():
                time.sleep(LOOK_EVERY_SECONDS)

    def _try(self) -> bool:
        """Return whether there is nothing to do for now."""
        try:
            if not self._source.list_segments():
                return True
            # Each reading finishes a segment: not before there is somewhere to put it.
            return _answers() and replay(source=self._source)
        except AWAY:
            return False
        except Exception:
            # The outermost edge of this thread: what waits is still there, and said to be.
            logger.exception("what was kept while the database was away can't be stored")
            return False
        finally:
            connections.close_all()


replayer = Replayer(spool)


def start() -> None:
    """Store what an earlier process left, if it left anything."""
    if spool.list_segments():
        replayer.wake()


def _note_answer() -> None:
    if _state.is_away:
        _state.is_away = False
        logger.warning("the database answers again; what was kept meanwhile is stored now")


def _keep(entry: Entry, error: Exception) -> None:
    try:
        _appends.run(msgspec.msgpack.encode(entry))
    except (SpoolFull, msgspec.MsgspecError, OverflowError) as reason:
        logger.error("what comes in can't be kept on disk: %s", reason)
        raise error from reason
    if not _state.is_away:
        _state.is_away = True
        logger.warning("what comes in is kept on disk: %s", error)
    if time.monotonic() >= _state.ask_at:
        _state.ask_at = time.monotonic() + TRY_AGAIN_SECONDS
    replayer.wake()


def encode_batch(batch: Batch) -> BatchEntry:
    """Return a batch as it is kept."""
    return BatchEntry(
        key=uuid4().bytes,
        application_id=batch.application_id,
        records=[(type(record).__name__, msgspec.Raw(msgspec.msgpack.encode(record))) for record in batch.records],
        counts=[(signal, column, count) for (signal, column), count in batch.account.counts.items()],
    )


def decode_batch(entry: BatchEntry) -> Batch:
    """Return a batch that was kept."""
    return Batch(
        entry.application_id,
        [msgspec.msgpack.decode(raw, type=_KINDS[kind]) for kind, raw in entry.records],
        Account({(signal, column): count for signal, column, count in entry.counts}),
    )


def _replay_segment(path: Path, source: Spool) -> None:
    logger.info("storing what was kept in %s", path.name)
    try:
        for group in _group(read_entries(path)):
            _store_group(group, source)
    except SegmentBroken as error:
        logger.error("a segment of the spool is broken and set aside: %s", error)
        target = source.directory / "aside" / path.name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        path.rename(target)
        return
    path.unlink()


def _group(entries: Iterator[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    try:
        for entry in entries:
            group.append(entry)
            size += len(entry)
            if size >= GROUP_BYTES or len(group) >= GROUP_ENTRIES:
                yield group
                group, size = [], 0
    except SegmentBroken:
        # What stands before it is as it was written.
        yield group
        raise
    if group:
        yield group


def _store_group(group: list[bytes], source: Spool) -> None:
    """Store entries together; if that can't be, each alone, so that one doesn't hold up the others."""
    try:
        _store(group)
    except AWAY:
        if not _answers():
            raise
    except Exception:
        logger.warning("%s entries of the spool can't be stored together", len(group), exc_info=True)
    else:
        return
    for entry in group:
        _store_alone(entry, source)


def _store_alone(entry: bytes, source: Spool) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _store([entry])
        except IntegrityError:
            logger.warning("what was kept for an application that was removed meanwhile is left out")
        except AWAY:
            if not _answers():
                raise
            if attempt < ATTEMPTS:
                time.sleep(TRY_AGAIN_SECONDS)
                continue
            logger.exception("set aside: %s", source.set_aside([entry]).name)
        except Exception:
            logger.exception("set aside: %s", source.set_aside([entry]).name)
        return


def _store(group: list[bytes]) -> None:
    entries = [_decoder.decode(entry) for entry in group]
    batches = [entry for entry in entries if isinstance(entry, BatchEntry)]
    with transaction.atomic():
        fresh = claim_bodies(keys=[(one.application_id, one.key) for one in batches], now=timezone.now())
        store_batches([decode_batch(one) for one in batches if (one.application_id, one.key) in fresh])
    for entry in entries:
        if isinstance(entry, PointsEntry):
            _store_points(entry)


def _store_points(entry: PointsEntry) -> None:
    """Store points as if they were read when they came: of two of one time the first stays, so repeating adds nothing."""
    now_ms = int(entry.received_at.timestamp() * 1000)
    batch, units = decode_points(entry.body, spellings.of(entry.application_id), now_ms=now_ms)
    if units:
        describe_metrics(application_id=entry.application_id, descriptions=units)
    store_points(application_id=entry.application_id, batch=batch, now=entry.received_at)


def _answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except AWAY:
        connection.close()
        return False
    return True
