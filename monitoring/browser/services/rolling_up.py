"""Hours of measurements, made anew whenever something arrived for them.

Every report marks its hour in the transaction that keeps it. A worker takes one hour at a time: a lock on the hour (another
worker leaves a locked one alone), then its marks, then its measurements. It reads after it took the marks, so what a mark stands
for is in what it reads; whatever arrives meanwhile has a mark of its own. Killed anywhere, it leaves marks and hour as
they were.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.browser.enums import Dimension
from monitoring.browser.hours import Bundle, HourRow, make_hour
from monitoring.browser.models import VitalHour
from monitoring.partitions import BROWSER_VITALS
from monitoring.releases.services import note_releases

RUN_SECONDS = 40.0
"""How long one run goes on while more hours wait; then the next one takes over."""
AT_ONCE = 500
"""How many hours one look at the marks finds."""
_LOCK_CLASS = 0x766974  # of the advisory locks on hours

_WAITING_SQL = """
SELECT application_id, hour FROM monitoring_vital_mark GROUP BY 1, 2 ORDER BY hour DESC, application_id LIMIT %s
"""
_LOCK_SQL = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))"
_CLAIM_SQL = """
DELETE FROM monitoring_vital_mark WHERE id IN (
    SELECT id FROM monitoring_vital_mark WHERE application_id = %s AND hour = %s FOR UPDATE SKIP LOCKED
)
"""
_APPLICATION_SQL = "SELECT 1 FROM monitoring_application WHERE id = %s FOR KEY SHARE"
#: Each value crosses once, its words once for all values that share them. NaN and infinity are no measurements.
_READ_SQL = """
SELECT name, page, device, browser, connection, release, array_agg(value) FROM monitoring_browservital
WHERE application_id = %s AND at >= %s AND at < %s AND value >= 0 AND value < 'infinity'
GROUP BY 1, 2, 3, 4, 5, 6
"""
#: Of an hour that goes on most rows stay as they are from one minute to the next: those are not written again.
_WRITE_SQL = """
INSERT INTO monitoring_vitalhour AS known (application_id, hour, name, dimension, member, count, good, poor, sketch)
SELECT %s, %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[], %s::bytea[])
ON CONFLICT (application_id, dimension, hour, name, member) DO UPDATE
SET count = excluded.count, good = excluded.good, poor = excluded.poor, sketch = excluded.sketch
WHERE (known.count, known.good, known.poor, known.sketch)
    IS DISTINCT FROM (excluded.count, excluded.good, excluded.poor, excluded.sketch)
"""
#: A member that has been among the busiest may not be any more.
_FORGET_SQL = """
DELETE FROM monitoring_vitalhour AS known WHERE application_id = %s AND hour = %s AND dimension = ANY(%s)
AND NOT EXISTS (
    SELECT 1 FROM unnest(%s::text[], %s::text[], %s::text[]) AS made (name, dimension, member)
    WHERE (made.name, made.dimension, made.member) = (known.name, known.dimension, known.member)
)
"""


def roll_up_vitals(*, now: datetime, run_seconds: float = RUN_SECONDS) -> int:
    """Make the hours anew that something arrived for, the newest first; return how many were made."""
    until = time.monotonic() + run_seconds
    made = 0
    while time.monotonic() < until:
        waiting = _list_waiting()
        done = 0
        for application_id, hour in waiting:
            done += roll_up_hour(application_id=application_id, hour=hour, now=now)
            if time.monotonic() >= until:
                break
        made += done
        if len(waiting) < AT_ONCE or not done:
            break
    return made


@transaction.atomic
def roll_up_hour(*, application_id: int, hour: datetime, now: datetime) -> bool:
    """Make one marked hour anew; return whether it was made: not one that another worker has, or that can't be known any more.

    Measurements are dropped day by day, and an hour whose day is gone stays what it was.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_SQL, [_LOCK_CLASS, f"{application_id} {hour.timestamp():.0f}"])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_CLAIM_SQL, [application_id, hour])
        if not cursor.rowcount:
            return False
        cursor.execute(_APPLICATION_SQL, [application_id])
        if cursor.fetchone() is None or _is_dropped(hour, now=now):
            return False
        cursor.execute(_READ_SQL, [application_id, hour, hour + timedelta(hours=1)])
        bundles = [Bundle(name, tuple(rest), np.array(values, np.float64)) for name, *rest, values in cursor]
    rows = make_hour(bundles)
    if not rows:
        return False
    _write(application_id, hour, rows)
    # Hours are made every minute, so what is new in this one was first seen just now.
    seen = min(now, hour + timedelta(hours=1))
    note_releases(seen={(application_id, one.members[-1]): seen for one in bundles if one.members[-1]})
    return True


def prune_vital_hours(*, now: datetime) -> int:
    """Remove hours that are older than ROLLUP_HOUR_RETENTION_DAYS; return how many rows."""
    horizon = now - timedelta(days=int(OPTION["ROLLUP_HOUR_RETENTION_DAYS"]))
    removed = 0
    for application_id in Application.objects.values_list("pk", flat=True):
        # One dimension at a time: that is how the index lies.
        for dimension in Dimension.values:
            old = VitalHour.objects.filter(application_id=application_id, dimension=dimension, hour__lt=horizon)
            removed += old.delete()[0]
    return removed


def _list_waiting() -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_SQL, [AT_ONCE])
        rows: list[tuple[int, datetime]] = cursor.fetchall()
    return rows


def _is_dropped(hour: datetime, *, now: datetime) -> bool:
    """Whether the day of an hour is past the retention: something late may have made its table anew, nearly empty."""
    keep = timedelta(days=int(OPTION[BROWSER_VITALS.retention_option]))
    return hour.astimezone(UTC).date() < (now - keep).astimezone(UTC).date()


def _write(application_id: int, hour: datetime, rows: Sequence[HourRow]) -> None:
    ordered = sorted(rows, key=lambda row: (row.dimension, row.name, row.member))
    keys = [
        [row.name for row in ordered],
        [row.dimension for row in ordered],
        [row.member for row in ordered],
    ]
    figures: list[list[int] | list[bytes]] = [
        [row.count for row in ordered],
        [row.good for row in ordered],
        [row.poor for row in ordered],
        [row.sketch.to_bytes() for row in ordered],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_SQL, [application_id, hour, *keys, *figures])
        cursor.execute(_FORGET_SQL, [application_id, hour, list(Dimension.values), *keys])
