"""Tables with a partition for each day (UTC): made before they are needed, dropped whole when their time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction
from psycopg import sql

from config.settings import OPTION

AHEAD_DAYS = 3
LOCK_TIMEOUT_MS = 3000
_LOCK_CLASS = 0x64617973  # of the advisory locks for whoever changes partitions, one for each table


@dataclass(frozen=True, slots=True)
class DailyPartitions:
    """The partitions of one table, made by a migration with PARTITION BY RANGE on a timestamptz column.

    `retention_option` names the setting that says for how many days rows are kept.
    """

    table: str
    retention_option: str

    @property
    def keep_days(self) -> int:
        """For how many days rows are kept."""
        return int(OPTION[self.retention_option])

    def list_days(self) -> dict[date, str]:
        """Return the existing partitions: day (UTC) to name, oldest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
                " WHERE inhparent = %s::regclass ORDER BY child.relname",
                [self.table],
            )
            names = [name for (name,) in cursor.fetchall()]
        return {datetime.strptime(name, self._shape).replace(tzinfo=UTC).date(): name for name in names}

    def ensure(self, *, days: Iterable[date]) -> list[str]:
        """Make the partitions of these days where they are missing; return those made."""
        wanted = sorted(set(days))
        if set(wanted) <= self.list_days().keys():
            return []
        with transaction.atomic():
            self._lock()
            existing = self.list_days()
            return [self._make(day) for day in wanted if day not in existing]

    def ensure_ahead(self, *, now: datetime) -> list[str]:
        """Make the partitions of the days from yesterday until in some days; return those made."""
        today = now.astimezone(UTC).date()
        return self.ensure(days=[today + timedelta(days=offset) for offset in range(-1, AHEAD_DAYS + 1)])

    def drop_expired(self, *, now: datetime) -> list[str]:
        """Drop the days that ended before the retention; return those dropped. What readers keep busy waits for the next run."""
        horizon = (now - timedelta(days=self.keep_days)).astimezone(UTC).date()
        return [name for day, name in self.list_days().items() if day < horizon and self._drop(name)]

    @property
    def _shape(self) -> str:
        return f"{self.table}_%Y%m%d"

    def _lock(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_CLASS, self.table])

    def _make(self, day: date) -> str:
        name = day.strftime(self._shape)
        parent, child = sql.Identifier(self.table), sql.Identifier(name)
        start, stop = (f"{each:%Y-%m-%d} 00:00:00+00" for each in (day, day + timedelta(days=1)))
        with connection.cursor() as cursor:
            # Made apart and attached: CREATE ... PARTITION OF would wait for every reader of the table.
            cursor.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE INCLUDING DEFAULTS)").format(child, parent)
            )
            cursor.execute(
                sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                    parent, child, sql.Literal(start), sql.Literal(stop)
                )
            )
        return name

    def _drop(self, name: str) -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                self._lock()
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) == "55P03":
                return False
            raise
        return True


ERROR_EVENTS = DailyPartitions("monitoring_errorevent", "ERROR_EVENT_RETENTION_DAYS")
BROWSER_VITALS = DailyPartitions("monitoring_browservital", "VITAL_RETENTION_DAYS")
USAGE_EVENTS = DailyPartitions("monitoring_usageevent", "USAGE_EVENT_RETENTION_DAYS")
SESSIONS = DailyPartitions("monitoring_session", "SESSION_RETENTION_DAYS")
SESSION_USERS = DailyPartitions("monitoring_session_user", "SESSION_RETENTION_DAYS")
LOG_RECORDS = DailyPartitions("monitoring_logrecord", "LOG_RETENTION_DAYS")
REQUESTS = DailyPartitions("monitoring_request", "REQUEST_RETENTION_DAYS")
QUERIES = DailyPartitions("monitoring_query", "REQUEST_RETENTION_DAYS")
SPANS = DailyPartitions("monitoring_span", "SPAN_RETENTION_DAYS")
ENDPOINT_MINUTES = DailyPartitions("monitoring_endpoint_minute", "REQUEST_MINUTE_RETENTION_DAYS")
STATEMENT_MINUTES = DailyPartitions("monitoring_statement_minute", "REQUEST_MINUTE_RETENTION_DAYS")

#: Made ahead at the first start and every hour, dropped every hour.
DAILY = (
    ERROR_EVENTS,
    BROWSER_VITALS,
    USAGE_EVENTS,
    SESSIONS,
    SESSION_USERS,
    LOG_RECORDS,
    REQUESTS,
    QUERIES,
    SPANS,
    ENDPOINT_MINUTES,
    STATEMENT_MINUTES,
)
