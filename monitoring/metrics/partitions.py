"""Partitions by time: made before they are needed, dropped whole when their time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg import sql

from config.settings import OPTION
from monitoring.metrics.rollup import DAY_MS

AHEAD_DAYS = 3
LOCK_TIMEOUT_MS = 3000
"""How long dropping waits for readers. Whoever comes later queues behind it, so it gives up and tries at the next run."""

_PARTITION_LOCK = 0x706F696E  # one advisory lock for whoever changes partitions


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """A table partitioned by an int8 column of epoch milliseconds, by day or by month (UTC)."""

    name: str
    monthly: bool
    retention_option: str

    def bounds(self, time_ms: int) -> tuple[int, int]:
        """Return the first millisecond of the partition that holds ``time_ms``, and of the one after."""
        day = time_ms // DAY_MS * DAY_MS
        if not self.monthly:
            return day, day + DAY_MS
        first = datetime.fromtimestamp(day / 1000, UTC).replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000

    def partition(self, time_ms: int) -> str:
        """Return the name of the partition that holds ``time_ms``."""
        start = datetime.fromtimestamp(self.bounds(time_ms)[0] / 1000, UTC)
        return f"{self.name}_{start:%Y%m}" if self.monthly else f"{self.name}_{start:%Y%m%d}"

    def retention_ms(self) -> int:
        """Return how long rows are kept."""
        return int(OPTION[self.retention_option]) * DAY_MS


CHUNKS = PartitionedTable("monitoring_point_chunk", monthly=False, retention_option="POINT_RETENTION_DAYS")
MINUTES = PartitionedTable("monitoring_rollup_minute", monthly=False, retention_option="ROLLUP_MINUTE_RETENTION_DAYS")
HOURS = PartitionedTable("monitoring_rollup_hour", monthly=True, retention_option="ROLLUP_HOUR_RETENTION_DAYS")
TABLES = (CHUNKS, MINUTES, HOURS)


def list_partitions(table: PartitionedTable) -> dict[int, str]:
    """Return the existing partitions: start (epoch milliseconds) to name, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = %s::regclass ORDER BY child.relname",
            [table.name],
        )
        names = [name for (name,) in cursor.fetchall()]
    shape = "%Y%m" if table.monthly else "%Y%m%d"
    starts = [datetime.strptime(name.rpartition("_")[2], shape).replace(tzinfo=UTC) for name in names]
    return {int(start.timestamp()) * 1000: name for start, name in zip(starts, names, strict=True)}


def ensure_partitions(*, now: datetime) -> list[str]:
    """Make the partitions that points arriving from now until in some days will need; return those made."""
    now_ms = int(now.timestamp() * 1000)
    made = []
    for table in TABLES:
        oldest = now_ms - CHUNKS.retention_ms()
        made += ensure_partitions_for(table, range(oldest, now_ms + AHEAD_DAYS * DAY_MS + 1, DAY_MS))
    return made


@transaction.atomic
def ensure_partitions_for(table: PartitionedTable, times_ms: Iterable[int]) -> list[str]:
    """Make the partitions that hold these times, where they are missing; return those made."""
    wanted = {table.partition(time): table.bounds(time) for time in times_ms}
    if wanted.keys() <= set(list_partitions(table).values()):
        return []
    _lock_partitions()
    missing = [name for name in wanted if name not in set(list_partitions(table).values())]
    with connection.cursor() as cursor:
        for name in missing:
            # Made apart and attached: CREATE ... PARTITION OF would wait for every reader of the table.
            parent, child = sql.Identifier(table.name), sql.Identifier(name)
            cursor.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE INCLUDING DEFAULTS)").format(child, parent)
            )
            start, stop = wanted[name]
            cursor.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    parent, child, sql.Literal(start), sql.Literal(stop)
                )
            )
    return missing


def find_expired(table: PartitionedTable, *, now: datetime) -> dict[int, str]:
    """Return the partitions whose newest row is past its retention: start to name, oldest first."""
    horizon = int(now.timestamp() * 1000) - table.retention_ms()
    return {start: name for start, name in list_partitions(table).items() if table.bounds(start)[1] <= horizon}


def drop_partition(name: str) -> bool:
    """Drop a partition; return False if readers kept it busy, in which case the next run tries again."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            _lock_partitions()
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) == "55P03":
            return False
        raise
    return True


def _lock_partitions() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_PARTITION_LOCK])
