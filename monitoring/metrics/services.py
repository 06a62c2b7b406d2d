"""Storing points: the only way in, for every protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db import DatabaseError, IntegrityError, connection, transaction
from numpy.typing import NDArray
from psycopg import sql
from psycopg.errors import UndefinedTable

from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake
from monitoring.metrics.bulk import copy_in
from monitoring.metrics.commits import GroupCommit
from monitoring.metrics.copying import write_points
from monitoring.metrics.labels import is_metric_name, shorten
from monitoring.metrics.models import MetricDescription, MetricSeries
from monitoring.metrics.points import SHOWN_REFUSALS, Description, PointBatch, Refusal, StoreResult
from monitoring.metrics.rollup import DAY_MS
from monitoring.metrics.series import resolve_series
from monitoring.metrics.slots import find_open_slot, forget_open_slot, table_of

MAX_AHEAD_MS = 10 * 60 * 1000
"""How far ahead of ours a sender's clock may be."""

SLOT_ATTEMPTS = 5
MAX_HELP_LENGTH = 2000
MAX_UNIT_LENGTH = 64


@dataclass(frozen=True, slots=True)
class _Write:
    """One request's part of a commit."""

    application_id: int
    series: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    intake: Intake


def store_points(*, application_id: int, batch: PointBatch, now: datetime) -> StoreResult:
    """Store the points of a batch that can be stored; return once they are durable, with what became of each.

    Points older than the raw retention or more than ten minutes ahead are refused, points of series beyond the
    application's limit are limited. Raises django.db.OperationalError while the database is away.
    """
    received = batch.received
    _refuse_times(batch, now=now)
    limited = _resolve(batch, application_id=application_id)
    series, times, values = _once_each(batch)
    result = StoreResult(
        stored=received - batch.refusals.count - limited,
        limited=limited,
        refusals=batch.refusals,
    )
    intake = Intake(application_id, Signal.POINTS, stored=result.stored, refused=result.refused, limited=limited)
    write = _Write(application_id, series, times, values, intake)
    if connection.in_atomic_block:
        # What others sent must not hang on the caller's transaction.
        _commit([write])
    else:
        _commits.run(write)
    return result


def _refuse_times(batch: PointBatch, *, now: datetime) -> None:
    now_ms = int(now.timestamp() * 1000)
    oldest = now_ms - int(OPTION["POINT_RETENTION_DAYS"]) * DAY_MS
    early, late = batch.times < oldest, batch.times > now_ms + MAX_AHEAD_MS
    if not (early | late).any():
        return
    days = OPTION["POINT_RETENTION_DAYS"]
    places = np.flatnonzero(early | late)
    names = _name_series(batch, places[:SHOWN_REFUSALS])
    for place in places[:SHOWN_REFUSALS].tolist():
        reason = f"is older than {days} days" if early[place] else "is more than ten minutes ahead of our clock"
        refusal = Refusal(
            int(batch.indexes[place]),
            "timestamp",
            f"{int(batch.times[place])} ms {reason}",
            names.get(int(batch.series[place]), ""),
        )
        batch.refusals.add(refusal)
    batch.refusals.count += max(0, places.size - SHOWN_REFUSALS)
    _keep(batch, ~(early | late))


def _name_series(batch: PointBatch, places: NDArray[np.int64]) -> dict[int, str]:
    """Return what the series of some points are called, by the numbers that stand for them in the batch."""
    numbers = set(batch.series[places].tolist())
    names = {number: str(batch.unresolved[-number - 1]) for number in numbers if number < 0}
    known = MetricSeries.objects.filter(pk__in=[number for number in numbers if number > 0])
    return names | {series.pk: str(series) for series in known}


def _resolve(batch: PointBatch, *, application_id: int) -> int:
    """Put ids in place of unresolved series and drop points of those beyond the limit; return how many were dropped."""
    if not batch.unresolved:
        return 0
    ids = resolve_series(application_id=application_id, identities=batch.unresolved)
    # Entry -(n + 1) counts from the end, so the table is laid out backwards.
    table = np.array([0 if series is None else series for series in reversed(ids)], np.int64)
    open_ends = batch.series < 0
    batch.series[open_ends] = table[batch.series[open_ends]]
    kept = batch.series > 0
    limited = int(kept.size - np.count_nonzero(kept))
    if limited:
        _keep(batch, kept)
    return limited


def _keep(batch: PointBatch, kept: NDArray[np.bool_]) -> None:
    batch.series, batch.times = batch.series[kept], batch.times[kept]
    batch.values, batch.indexes = batch.values[kept], batch.indexes[kept]


def _once_each(batch: PointBatch) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return the columns without repetitions of a series and time: the first one stays.

    Between requests the first to commit stays, which readers and the packer see from the row's transaction; within one
    request only its order tells.
    """
    series, times, values = batch.series, batch.times, batch.values
    ordered = np.sort(series)
    if not (ordered[1:] == ordered[:-1]).any():
        return series, times, values
    order = np.lexsort((times, series))
    repeated = np.zeros(series.size, np.bool_)
    repeated[1:] = (series[order][1:] == series[order][:-1]) & (times[order][1:] == times[order][:-1])
    if not repeated.any():
        return series, times, values
    kept = np.sort(order[~repeated])
    return series[kept], times[kept], values[kept]


def _commit(writes: list[_Write]) -> None:
    """Store a group of requests in one transaction; the slot may be packed away under us, then the next one takes it."""
    data = write_points(
        np.concatenate([np.full(write.series.size, write.application_id) for write in writes]),
        np.concatenate([write.series for write in writes]),
        np.concatenate([write.times for write in writes]),
        np.concatenate([write.values for write in writes]),
    )
    points = sum(write.series.size for write in writes)
    for attempt in range(1, SLOT_ATTEMPTS + 1):
        slot_id = find_open_slot() if points else 0
        try:
            with transaction.atomic():
                if points:
                    copy_in(sql.SQL("{} (time, value, application, series)").format(table_of(slot_id)), [data])
                # Last, so that the account's row is locked for no longer than the commit takes.
                count_intake(intakes=[write.intake for write in writes], now=datetime.now(UTC))
        except DatabaseError as error:
            if not isinstance(error.__cause__, UndefinedTable) or attempt == SLOT_ATTEMPTS:
                raise
            forget_open_slot()
        else:
            return


_commits = GroupCommit(
    _commit,
    size=lambda write: int(write.series.size),
    # An application that was removed a moment ago has no account any more.
    alone_after=(IntegrityError,),
)


_described: set[tuple[int, Description]] = set()
DESCRIPTIONS_REMEMBERED = 50_000


def describe_metrics(*, application_id: int, descriptions: Iterable[Description]) -> None:
    """Keep what a sender says about its metrics; the latest word stays.

    Senders say the same again and again: what this process has written is not written again. Names that no metric can
    have are passed over, and so are new ones beyond the application's limit of series.
    """
    said = {d.name: d for d in map(_shorten, descriptions) if is_metric_name(d.name)}
    fresh = [d for d in said.values() if (application_id, d) not in _described]
    if not fresh:
        return
    kept = _within_limit(application_id, fresh)
    _write_descriptions(application_id, [d for d in kept if d.type != "unknown" or d.help], ["type", "help", "unit"])
    _write_descriptions(application_id, [d for d in kept if d.type == "unknown" and not d.help], ["unit"])
    if len(_described) > DESCRIPTIONS_REMEMBERED:
        _described.clear()
    if not connection.in_atomic_block:
        _described.update((application_id, d) for d in kept)


def _shorten(described: Description) -> Description:
    """Return the description with its texts as long as they are kept."""
    return Description(
        name=described.name,
        type=described.type,
        help=shorten(described.help, MAX_HELP_LENGTH),
        unit=shorten(described.unit, MAX_UNIT_LENGTH),
    )


def _within_limit(application_id: int, fresh: Sequence[Description]) -> list[Description]:
    """Return those of metrics that are described already, and new ones as long as there are fewer than series may be."""
    rows = MetricDescription.objects.filter(application_id=application_id)
    known = set(rows.filter(name__in=[d.name for d in fresh]).values_list("name", flat=True))
    new = [d for d in fresh if d.name not in known]
    if not new:
        return list(fresh)
    limit = Application.objects.values_list("max_series", flat=True).get(pk=application_id)
    room = max(0, limit - rows.count())
    return [d for d in fresh if d.name in known] + new[:room]


def _write_descriptions(application_id: int, descriptions: list[Description], fields: list[str]) -> None:
    rows = [
        MetricDescription(
            application_id=application_id,
            name=described.name,
            type=described.type,
            help=described.help,
            unit=described.unit,
        )
        for described in sorted(descriptions, key=lambda described: described.name)
    ]
    MetricDescription.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["application", "name"], update_fields=fields
    )
