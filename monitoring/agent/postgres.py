"""Measuring a PostgreSQL server through its statistics views."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import psutil
import psycopg
from psycopg.rows import dict_row

from monitoring.agent.catalogue import Sample, make_sample
from monitoring.agent.limits import Allocation

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MILLISECONDS = 5_000
SLOW_SECONDS = 5

#: One row of facts about the server. A walsender is a replica, not a client; this agent's own query is not counted as running.
SERVER_SQL = """
SELECT count(*) FILTER (WHERE backend_type = 'client backend') AS backends,
       current_setting('max_connections')::int AS connection_max,
       coalesce(extract(epoch FROM max(clock_timestamp() - query_start) FILTER (WHERE running)), 0)::float8 AS longest,
       count(*) FILTER (WHERE running AND clock_timestamp() - query_start > make_interval(secs => %(slow)s)) AS slow,
       pg_is_in_recovery() AS is_replica,
       extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8 AS replay_age,
       pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn() AS has_replayed_all
FROM (SELECT *, state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid() AS running
      FROM pg_stat_activity) AS activity
"""
#: Lag of every replica as the primary sees it; NULL means it has replayed everything it was sent.
REPLICAS_SQL = """
SELECT coalesce(nullif(application_name, ''), client_addr::text, pid::text) AS replica,
       coalesce(extract(epoch FROM max(replay_lag)), 0)::float8 AS lag
FROM pg_stat_replication GROUP BY 1
"""
DATABASES_SQL = """
SELECT datname AS database, pg_database_size(oid) AS size, xact_commit, xact_rollback, blks_hit, blks_read
FROM pg_database JOIN pg_stat_database USING (datname)
WHERE NOT datistemplate AND has_database_privilege(oid, 'CONNECT')
"""


class PostgresCollector:
    """Measures one server over one kept connection. After an error the next call connects anew."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def collect(self, allocation: Allocation) -> list[Sample]:
        """Measure now. A server that does not answer is a sample too: `postgresql_up` 0."""
        try:
            connection = self._connect()
            return [make_sample("postgresql_up", 1), *_server(connection), *_databases(connection, allocation)]
        except psycopg.Error as error:
            logger.warning("PostgreSQL can't be measured: %s", str(error).strip())
            self.close()
            return [make_sample("postgresql_up", 0)]

    def close(self) -> None:
        """Give the connection up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                row_factory=dict_row,
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                application_name="postlaunch-agent",
                options=f"-c statement_timeout={STATEMENT_TIMEOUT_MILLISECONDS}",
            )
        return self._connection


def _server(connection: psycopg.Connection[dict[str, Any]]) -> Iterator[Sample]:
    facts = connection.execute(SERVER_SQL, {"slow": SLOW_SECONDS}).fetchone()
    assert facts is not None  # an aggregate always has one row
    yield make_sample("postgresql_backends", facts["backends"])
    yield make_sample("postgresql_connection_max", facts["connection_max"])
    yield make_sample("postgresql_longest_query_seconds", facts["longest"])
    yield make_sample("postgresql_slow_queries", facts["slow"])
    if facts["is_replica"]:
        # An idle primary sends nothing to replay: a replica that has replayed all it received is not behind.
        lag = 0.0 if facts["has_replayed_all"] else facts["replay_age"] or 0.0
        yield make_sample("postgresql_replication_lag_seconds", lag, replica="self")
    for row in connection.execute(REPLICAS_SQL):
        yield make_sample("postgresql_replication_lag_seconds", row["lag"], replica=row["replica"])


def _databases(connection: psycopg.Connection[dict[str, Any]], allocation: Allocation) -> Iterator[Sample]:
    total = 0
    for row in connection.execute(DATABASES_SQL):
        total += row["size"]
        name = row["database"]
        yield make_sample("postgresql_database_size_bytes", row["size"], database=name)
        yield make_sample("postgresql_commits_total", row["xact_commit"], database=name)
        yield make_sample("postgresql_rollbacks_total", row["xact_rollback"], database=name)
        yield make_sample("postgresql_blocks_hit_total", row["blks_hit"], database=name)
        yield make_sample("postgresql_blocks_read_total", row["blks_read"], database=name)
    limit = allocation.storage_bytes or _room_on_disk(connection, total)
    if limit:
        yield make_sample("postgresql_storage_limit_bytes", limit)


def _room_on_disk(connection: psycopg.Connection[dict[str, Any]], used: int) -> int | None:
    """Return what the databases can grow to on their disk, None when the server is on another machine or hides its path."""
    if not _is_local(connection.info.host):
        return None
    # Through the view: asking for the setting itself is an error for roles that may not see it.
    row = connection.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
    directory = row["setting"] if row else None
    if not directory or not os.path.isdir(directory):  # noqa: PTH112  (Path.is_dir raises where the parent is forbidden)
        return None
    return used + psutil.disk_usage(directory).free


def _is_local(host: str) -> bool:
    return host.startswith(("/", "127.")) or host in {"", "localhost", "::1"}
