"""Tables with a partition for each day (UTC): made before they are needed, dropped whole when their time has passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from psycopg import sql

from config.settings import OPTION

AHEAD_DAYS = 3
LOCK_TIMEOUT_MS = 3000
_LOCK_CLASS = 0x64617973  # of the advisory locks for whoever changes partitions, one for each table


@dataclass(frozen=True, slots=True)
class DailyPartitions:
    """The partitions of one table, made by a migration with PARTITION BY RANGE on a timestamptz column.

    `retention_option` names the setting that says for how many days rows are kept; without one, `fixed_days` says it.
    `rescue_sql`, if there is one, chooses rows of a day that outlive it: a SELECT of ids from {day}, with the parameters
    `start` and `stop`. They go to one partition for all that is older, so that readers find them where they found them before.
    """

    table: str
    retention_option: str = ""
    fixed_days: int = 0
    rescue_sql: str = ""

    @property
    def keep_days(self) -> int:
        """For how many days rows are kept."""
        return int(OPTION[self.retention_option]) if self.retention_option else self.fixed_days

    def list_days(self) -> dict[date, str]:
        """Return the existing partitions: day (UTC) to name, oldest first."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
                " WHERE inhparent = %s::regclass AND child.relname <> %s ORDER BY child.relname",
                [self.table, self.old_name],
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
            existing, old_until = self.list_days(), self.find_old_end()
            return [
                self._make(day) for day in wanted if day not in existing and (old_until is None or day >= old_until)
            ]

    def ensure_ahead(self, *, now: datetime) -> list[str]:
        """Make the partitions of the days from yesterday until in some days; return those made."""
        today = now.astimezone(UTC).date()
        return self.ensure(days=[today + timedelta(days=offset) for offset in range(-1, AHEAD_DAYS + 1)])

    def drop_expired(self, *, now: datetime) -> list[str]:
        """Drop the days that ended before the retention; return those dropped. What readers keep busy waits for the next run."""
        horizon = (now - timedelta(days=self.keep_days)).astimezone(UTC).date()
        dropped: list[str] = []
        for day, name in self.list_days().items():
            if day >= horizon:
                break
            if self._drop(day, name):
                dropped.append(name)
            elif self.rescue_sql:
                # What is older must go first: the partition that takes it in ends where the days begin.
                break
        return dropped

    def find_old_end(self) -> date | None:
        """Return the day that the partition of what outlives its day ends before, None where there is none (yet)."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT substring(pg_get_expr(child.relpartbound, child.oid) FROM $$TO \\('([0-9]{4}-[0-9]{2}-[0-9]{2})$$)"
                " FROM pg_class child JOIN pg_inherits ON child.oid = inhrelid"
                " WHERE inhparent = %s::regclass AND child.relname = %s",
                [self.table, self.old_name],
            )
            found = cursor.fetchone()
        return date.fromisoformat(found[0]) if found else None

    @property
    def old_name(self) -> str:
        """Name of the partition of what outlives its day."""
        return f"{self.table}_old"

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

    def _drop(self, day: date, name: str) -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                self._lock()
                cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                rescued = self._rescue(cursor, day, name) if self.rescue_sql else False
                cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(name)))
                if rescued:
                    self._attach_old(cursor, day + timedelta(days=1))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) == "55P03":
                return False
            raise
        return True

    def _rescue(self, cursor: Any, day: date, name: str) -> bool:
        """Copy the chosen rows of a day to the partition of what is older; return whether that was detached for it."""
        parent, old, one = sql.Identifier(self.table), sql.Identifier(self.old_name), sql.Identifier(name)
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [self.old_name])
        if cursor.fetchone()[0]:
            cursor.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(parent, old))
        else:
            cursor.execute(
                sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING STORAGE INCLUDING DEFAULTS)").format(old, parent)
            )
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        chosen = sql.SQL(self.rescue_sql).format(day=one)
        cursor.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE id IN ({})").format(old, one, chosen),
            {"start": start, "stop": start + timedelta(days=1)},
        )
        return True

    def _attach_old(self, cursor: Any, until: date) -> None:
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM (MINVALUE) TO ({})").format(
                sql.Identifier(self.table),
                sql.Identifier(self.old_name),
                sql.Literal(f"{until:%Y-%m-%d} 00:00:00+00"),
            )
        )


#: The first event of a group, the one after which it was quiet, and those that brought an issue back.
_RELEVANT_ERRORS = """
SELECT min(event.id) FROM {day} event JOIN monitoring_errorgroup one ON one.id = event.group_id
WHERE one.first_seen >= %(start)s GROUP BY event.group_id
UNION SELECT max(event.id) FROM {day} event JOIN monitoring_errorgroup one ON one.id = event.group_id
WHERE one.last_seen < %(stop)s GROUP BY event.group_id
UNION SELECT event.id FROM monitoring_issuetransition turn
JOIN monitoring_errorgroup one ON turn.issue_id IN (one.issue_id, one.home_id)
JOIN {day} event ON event.group_id = one.id AND event.received_at = turn.at
WHERE turn.to_state = 'regressed' AND turn.at >= %(start)s AND turn.at < %(stop)s
"""

ERROR_EVENTS = DailyPartitions("monitoring_errorevent", "ERROR_EVENT_RETENTION_DAYS", rescue_sql=_RELEVANT_ERRORS)
#: Told from others for as long as a client may try again (errors/services/digesting.py).
COUNTED_ERRORS = DailyPartitions("monitoring_error_counted", fixed_days=3)
BROWSER_VITALS = DailyPartitions("monitoring_browservital", "VITAL_RETENTION_DAYS")
USAGE_EVENTS = DailyPartitions("monitoring_usageevent", "USAGE_EVENT_RETENTION_DAYS")
SESSIONS = DailyPartitions("monitoring_session", "SESSION_RETENTION_DAYS")
SESSION_USERS = DailyPartitions("monitoring_session_user", "SESSION_RETENTION_DAYS")
LOG_RECORDS = DailyPartitions("monitoring_logrecord", "LOG_RETENTION_DAYS")
ATTACHMENTS = DailyPartitions("monitoring_attachment", "ATTACHMENT_RETENTION_DAYS")
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
    ATTACHMENTS,
    COUNTED_ERRORS,
    REQUESTS,
    QUERIES,
    SPANS,
    ENDPOINT_MINUTES,
    STATEMENT_MINUTES,
)
