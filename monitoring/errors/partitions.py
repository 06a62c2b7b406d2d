"""Daily partitions of the events' table: made before they are needed, dropped whole when their time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg import sql

TABLE = "monitoring_errorevent"
AHEAD_DAYS = 3
LOCK_TIMEOUT_MS = 3000
_PARTITION_LOCK = 0x6572726F  # one advisory lock for whoever changes these partitions
_SHAPE = f"{TABLE}_%Y%m%d"


def list_partitions() -> dict[date, str]:
    """Return the existing partitions: day (UTC) to name, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass ORDER BY child.relname",
            [TABLE],
        )
        names = [name for (name,) in cursor.fetchall()]
    return {datetime.strptime(name, _SHAPE).replace(tzinfo=UTC).date(): name for name in names}


def ensure_partitions(*, days: Iterable[date]) -> list[str]:
    """Make the partitions of these days (UTC) where they are missing; return those made."""
    wanted = sorted(set(days))
    if set(wanted) <= list_partitions().keys():
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PARTITION_LOCK])
        existing = list_partitions()
        return [_make(day) for day in wanted if day not in existing]


def ensure_partitions_ahead(*, now: datetime) -> list[str]:
    """Make the partitions of the days from yesterday until in some days; return those made."""
    today = now.astimezone(UTC).date()
    return ensure_partitions(days=[today + timedelta(days=offset) for offset in range(-1, AHEAD_DAYS + 1)])


def drop_expired_partitions(*, now: datetime, keep_days: int) -> list[str]:
    """Drop the days that ended more than `keep_days` ago; return those dropped. What readers keep busy waits for the next run."""
    horizon = (now - timedelta(days=keep_days)).astimezone(UTC).date()
    return [name for day, name in list_partitions().items() if day < horizon and _drop(name)]


def _make(day: date) -> str:
    name = day.strftime(_SHAPE)
    parent, child = sql.Identifier(TABLE), sql.Identifier(name)
    start, stop = (f"{each:%Y-%m-%d} 00:00:00+00" for each in (day, day + timedelta(days=1)))
    with connection.cursor() as cursor:
        # Made apart and attached: CREATE ... PARTITION OF would wait for every reader of the table.
        cursor.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE INCLUDING DEFAULTS)").format(child, parent))
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                parent, child, sql.Literal(start), sql.Literal(stop)
            )
        )
    return name


def _drop(name: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PARTITION_LOCK])
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == "55P03":
            return False
        raise
    return True
