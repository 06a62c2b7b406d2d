"""Minutes and hours of endpoints and statements, and their totals: made from marked minutes, each time anew.

A minute is read again from its rows whenever something arrived for it, so whatever order things come in, and however often a
run is killed, it ends up with what is there. Totals grow by the difference to what the minute was before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from django.db import connection, transaction

from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.metrics.sketch import Sketch
from monitoring.partitions import ENDPOINT_MINUTES, QUERIES, REQUESTS, STATEMENT_MINUTES, DailyPartitions
from monitoring.performance.buckets import SIZE, SLOW_QUERY_SECONDS, SLOW_REQUEST_SECONDS, Sum, sum_groups
from monitoring.performance.endpoints import OTHER
from monitoring.releases.services import note_releases

MAX_MARKS = 2_000
MAX_MINUTES = 120
RECORDED_FOR = timedelta(days=1)
"""A counter without news for so long is not recorded any more; its series ends, until there is news."""
MAX_RELEASES, MAX_ENVIRONMENTS = 50, 10
"""Of an application, in one minute or hour; further ones are OTHER. Their names come from whoever holds a public key."""
PRUNED_AT_ONCE = 5_000
"""How many hours one transaction removes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is summed: the table of single rows, the column that names what they are of, and where the sums go."""

    rows: str
    marks: str
    owner: str
    owners: str
    minutes: str
    hours: str
    partitions: DailyPartitions
    row_partitions: DailyPartitions
    slow_seconds: float


REQUEST_SUMS = Kind(
    "monitoring_request",
    "monitoring_request_mark",
    "endpoint_id",
    "monitoring_endpoint",
    "monitoring_endpoint_minute",
    "monitoring_endpointhour",
    ENDPOINT_MINUTES,
    REQUESTS,
    SLOW_REQUEST_SECONDS,
)
QUERY_SUMS = Kind(
    "monitoring_query",
    "monitoring_query_mark",
    "statement_id",
    "monitoring_statement",
    "monitoring_statement_minute",
    "monitoring_statementhour",
    STATEMENT_MINUTES,
    QUERIES,
    SLOW_QUERY_SECONDS,
)
KINDS = (REQUEST_SUMS, QUERY_SUMS)

#: Of an owner, release and environment; what a minute's or hour's row is for.
Member = tuple[int, str, str]
Minute = tuple[int, datetime]

_CLAIM_SQL = """
DELETE FROM {marks} WHERE id IN (SELECT id FROM {marks} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING application_id, minute
"""
_LOCK_SQL = "SELECT pg_advisory_xact_lock(hashtext(%s), %s)"
_READ_SQL = """
SELECT {owner}, release, environment, duration, failed, weight FROM {rows}
WHERE application_id = %s AND started_at >= %s AND started_at < %s ORDER BY 1, 2, 3
"""
_SUM_COLUMNS = "count, failed, slow, seconds, longest, buckets, sketch"
_OLD_SQL = """
DELETE FROM {minutes} WHERE application_id = %s AND minute = %s
RETURNING owner_id, release, environment, {columns}
"""
_MINUTE_SQL = """
INSERT INTO {minutes} (application_id, minute, owner_id, release, environment, {columns})
SELECT %s, %s, owner, release, environment, count, failed, slow, seconds, longest, buckets::int[], sketch
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::float8[], %s::float8[], %s::text[],
    %s::bytea[]) AS news (owner, release, environment, count, failed, slow, seconds, longest, buckets, sketch)
"""
_OF_HOUR_SQL = """
SELECT owner_id, release, environment, {columns} FROM {minutes}
WHERE application_id = %s AND minute >= %s AND minute < %s ORDER BY 1, 2, 3
"""
_HOUR_SQL = """
INSERT INTO {hours} AS known (application_id, hour, {owner}, release, environment, count, failed, slow, seconds, longest, sketch)
SELECT %s, %s, owner, release, environment, count, failed, slow, seconds, longest, sketch
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::float8[], %s::float8[], %s::text[],
    %s::bytea[]) AS news (owner, release, environment, count, failed, slow, seconds, longest, unused, sketch)
ON CONFLICT (application_id, hour, {owner}, release, environment) DO UPDATE SET count = excluded.count,
    failed = excluded.failed, slow = excluded.slow, seconds = excluded.seconds, longest = excluded.longest, sketch = excluded.sketch
"""
_FORGET_SQL = """
DELETE FROM {hours} AS known WHERE application_id = %s AND hour = %s AND NOT EXISTS (
    SELECT 1 FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS made (owner, release, environment)
    WHERE (made.owner, made.release, made.environment) = (known.{owner}, known.release, known.environment)
)
"""
_TOTALS_SQL = """
UPDATE {owners} AS one SET total = one.total + news.count, failed = one.failed + news.failed, seconds = one.seconds + news.seconds,
    buckets = (SELECT array_agg(coalesce(was, 0) + more ORDER BY place)
        FROM unnest(one.buckets, news.buckets::bigint[]) WITH ORDINALITY AS each (was, more, place)),
    before = CASE WHEN one.before IS NULL AND one.recorded_at IS NOT NULL AND one.last_seen <= %s
        THEN ARRAY[one.total, one.failed, one.seconds]::float8[] || one.buckets::float8[] ELSE one.before END,
    last_seen = greatest(one.last_seen, %s)
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::float8[], %s::text[]) AS news (id, count, failed, seconds, buckets)
WHERE one.id = news.id
"""
_PRUNE_SQL = """
DELETE FROM {hours} WHERE id IN (SELECT id FROM {hours} WHERE application_id = %s AND hour < %s LIMIT %s)
"""


def roll_up(kind: Kind, *, now: datetime) -> int:
    """Sum up marked minutes, their hours and the totals; return how many minutes there were, 0 when none is marked.

    Claims and sums are one transaction: killed at any moment, the marks are still there. Minutes older than they are kept for
    are left out, and those whose rows were dropped: what is there of them is only what came too late.
    """
    with transaction.atomic():
        wanted = _claim(kind)
        oldest = now - timedelta(days=kind.partitions.keep_days)
        minutes = sorted(one for one in wanted if one[1] >= oldest and not _is_dropped(kind, one[1], now=now))
        for application_id, found in groupby(minutes, key=lambda minute: minute[0]):
            _sum_application(kind, application_id, [minute for _, minute in found], now)
        return len(wanted)


def prune_hours(kind: Kind, *, now: datetime) -> int:
    """Remove hours that are older than ROLLUP_HOUR_RETENTION_DAYS, some thousand in each transaction; return how many."""
    horizon = now - timedelta(days=int(OPTION["ROLLUP_HOUR_RETENTION_DAYS"]))
    removed = 0
    # One application at a time: that is how the index lies.
    for application_id in Application.objects.values_list("pk", flat=True):
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_PRUNE_SQL.format(hours=kind.hours), [application_id, horizon, PRUNED_AT_ONCE])
                removed += cursor.rowcount
                if cursor.rowcount < PRUNED_AT_ONCE:
                    break
    return removed


def _claim(kind: Kind) -> set[Minute]:
    """Take marks; what is more than a run should do goes back."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM_SQL.format(marks=kind.marks), [MAX_MARKS])
        found = sorted(set(cursor.fetchall()))
        later = found[MAX_MINUTES:]
        if later:
            cursor.execute(
                f"INSERT INTO {kind.marks} (application_id, minute) SELECT * FROM unnest(%s::int[], %s::timestamptz[])",  # noqa: S608  (a name of this module)
                [[one for one, _ in later], [minute for _, minute in later]],
            )
    return set(found[:MAX_MINUTES])


def _sum_application(kind: Kind, application_id: int, minutes: Sequence[datetime], now: datetime) -> None:
    with connection.cursor() as cursor:
        # One at a time for each application: two that sum the same minute would each add it to the totals.
        cursor.execute(_LOCK_SQL, [kind.minutes, application_id])
    kind.partitions.ensure(days={minute.date() for minute in minutes})
    grown: dict[int, list[tuple[int, Sum]]] = {}
    released: dict[tuple[int, str], datetime] = {}
    for minute in sorted(minutes):
        before = _take_old(kind, application_id, minute)
        after = bound_members(_read_minute(kind, application_id, minute))
        _write(kind, _MINUTE_SQL, application_id, minute, after)
        for _, release, _ in after:
            if release and release != OTHER:
                released.setdefault((application_id, release), minute)
        for sign, sums in ((1, after), (-1, before)):
            for member, found in sums.items():
                grown.setdefault(member[0], []).append((sign, found))
    for hour in sorted({minute.replace(minute=0) for minute in minutes}):
        sums = bound_members(_read_hour(kind, application_id, hour))
        _write(kind, _HOUR_SQL, application_id, hour, sums)
        if any(OTHER in member for member in sums):
            _forget_others(kind, application_id, hour, sums)
    _grow_totals(kind, grown, now)
    note_releases(seen=released)


def _is_dropped(kind: Kind, minute: datetime, *, now: datetime) -> bool:
    """Whether the day of a minute is past the retention: something late may have made its table anew, nearly empty."""
    keep = timedelta(days=kind.row_partitions.keep_days)
    return minute.astimezone(UTC).date() < (now - keep).astimezone(UTC).date()


def bound_members(sums: dict[Member, Sum]) -> dict[Member, Sum]:
    """Return sums with the releases and environments that count most, and OTHER for the rest; nothing is lost. Pure."""
    releases, environments = _choose(sums, 1, MAX_RELEASES), _choose(sums, 2, MAX_ENVIRONMENTS)
    grouped: dict[Member, list[Sum]] = {}
    for (owner, release, environment), found in sums.items():
        member = (
            owner,
            release if release in releases else OTHER,
            environment if environment in environments else OTHER,
        )
        grouped.setdefault(member, []).append(found)
    return {member: parts[0] if len(parts) == 1 else Sum.merge(parts) for member, parts in grouped.items()}


def _choose(sums: dict[Member, Sum], place: int, limit: int) -> set[str]:
    """Return the names that count most, the alphabet deciding between equals, and the empty one: not said."""
    counts: Counter[str] = Counter()
    for member, found in sums.items():
        counts[str(member[place])] += found.count
    ranked = sorted(counts.keys() - {"", OTHER}, key=lambda name: (-counts[name], name))
    return {"", *ranked[:limit]}


def _read_minute(kind: Kind, application_id: int, minute: datetime) -> dict[Member, Sum]:
    with connection.cursor() as cursor:
        cursor.execute(
            _READ_SQL.format(owner=kind.owner, rows=kind.rows), [application_id, minute, minute + timedelta(minutes=1)]
        )
        rows = cursor.fetchall()
    members = list(dict.fromkeys((row[0], row[1], row[2]) for row in rows))
    places = {member: place for place, member in enumerate(members)}
    # One that stands for a hundred counts as a hundred like it.
    weights = np.array([row[5] for row in rows], np.int64)
    sums = sum_groups(
        np.repeat(np.array([row[3] for row in rows], np.float64), weights),
        np.repeat(np.array([row[4] for row in rows], np.bool_), weights),
        np.repeat(np.array([places[row[0], row[1], row[2]] for row in rows], np.int64), weights),
        len(members),
        slow_seconds=kind.slow_seconds,
    )
    return dict(zip(members, sums, strict=True))


def _take_old(kind: Kind, application_id: int, minute: datetime) -> dict[Member, Sum]:
    with connection.cursor() as cursor:
        cursor.execute(_OLD_SQL.format(minutes=kind.minutes, columns=_SUM_COLUMNS), [application_id, minute])
        return {(row[0], row[1], row[2]): _read_sum(row[3:]) for row in cursor.fetchall()}


def _read_hour(kind: Kind, application_id: int, hour: datetime) -> dict[Member, Sum]:
    with connection.cursor() as cursor:
        cursor.execute(
            _OF_HOUR_SQL.format(minutes=kind.minutes, columns=_SUM_COLUMNS),
            [application_id, hour, hour + timedelta(hours=1)],
        )
        rows = cursor.fetchall()
    return {
        member: Sum.merge([_read_sum(row[3:]) for row in found])
        for member, found in groupby(rows, key=lambda row: (row[0], row[1], row[2]))
    }


def _read_sum(row: Sequence[Any]) -> Sum:
    count, failed, slow, seconds, longest, buckets, sketch = row
    return Sum(count, failed, slow, seconds, longest, tuple(buckets), Sketch.from_bytes(bytes(sketch)))


def _write(kind: Kind, statement: str, application_id: int, at: datetime, sums: dict[Member, Sum]) -> None:
    if not sums:
        return
    # In one order for everybody, so that two transactions never wait for each other in a circle.
    ordered = sorted(sums.items(), key=lambda item: item[0])
    columns: list[list[Any]] = [
        [member[0] for member, _ in ordered],
        [member[1] for member, _ in ordered],
        [member[2] for member, _ in ordered],
        [found.count for _, found in ordered],
        [found.failed for _, found in ordered],
        [found.slow for _, found in ordered],
        [found.seconds for _, found in ordered],
        [found.longest for _, found in ordered],
        [_write_array(found.buckets) for _, found in ordered],
        [found.sketch.to_bytes() for _, found in ordered],
    ]
    names = {"minutes": kind.minutes, "hours": kind.hours, "owner": kind.owner, "columns": _SUM_COLUMNS}
    with connection.cursor() as cursor:
        cursor.execute(statement.format(**names), [application_id, at, *columns])


def _forget_others(kind: Kind, application_id: int, hour: datetime, sums: dict[Member, Sum]) -> None:
    """Remove members of an hour that counted most once and are part of OTHER now."""
    columns: list[list[Any]] = [[member[place] for member in sums] for place in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_SQL.format(hours=kind.hours, owner=kind.owner), [application_id, hour, *columns])


def _grow_totals(kind: Kind, grown: dict[int, list[tuple[int, Sum]]], now: datetime) -> None:
    if not grown:
        return
    owners = sorted(grown)
    columns: list[list[Any]] = [
        owners,
        [sum(sign * part.count for sign, part in grown[owner]) for owner in owners],
        [sum(sign * part.failed for sign, part in grown[owner]) for owner in owners],
        # The same durations added up in another order may be a trifle less, and counters must not fall.
        [max(0.0, sum(sign * part.seconds for sign, part in grown[owner])) for owner in owners],
        [
            _write_array(sum(sign * part.buckets[place] for sign, part in grown[owner]) for place in range(SIZE))
            for owner in owners
        ],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS_SQL.format(owners=kind.owners), [now - RECORDED_FOR, now, *columns])


def _write_array(numbers: Iterable[int]) -> str:
    """Return an array as PostgreSQL spells it: unnest would take arrays of arrays apart to the bottom."""
    return "{" + ",".join(map(str, numbers)) + "}"
