"""The checks behind /health/ready: cheap enough to be asked every second."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.cache import cache
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from config.health.judgement import Check, Health, judge_heartbeat
from config.heartbeats import read_heartbeats

#: Queues whose schedules run every few seconds.
WATCHED_QUEUES = ("default", "deliver", "evaluate")
HEARTBEAT_LIMIT_SECONDS = 60.0

_migrated = False


def run_checks() -> list[Check]:
    """Run every check; never raises.

    Without scheduler or workers the site still serves and telemetry is still taken, so their silence only degrades.
    """
    return [
        _run("database", _check_database),
        _run("migrations", _check_migrations),
        _run("cache", _check_cache),
        _run("workers", _check_workers),
    ]


def _run(name: str, check: Callable[[], tuple[Health, str]]) -> Check:
    started = time.perf_counter()
    try:
        health, detail = check()
    except (DatabaseError, InterfaceError) as error:
        health, detail = Health.FAILING, f"The database does not answer: {_first_line(error)}"
    except (RedisError, OSError) as error:
        health, detail = Health.DEGRADED, f"The cache does not answer: {_first_line(error)}"
    return Check(name=name, health=health, detail=detail, seconds=time.perf_counter() - started)


def _check_database() -> tuple[Health, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Health.OK, "It answers."


def _check_migrations() -> tuple[Health, str]:
    global _migrated
    if not _migrated:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if missing:
            return Health.FAILING, f"{missing} migrations are not applied; run `python manage.py bootstrap`."
        _migrated = True
    return Health.OK, "All are applied."


def _check_cache() -> tuple[Health, str]:
    cache.get("health")
    return Health.OK, "It answers."


def _check_workers() -> tuple[Health, str]:
    found = read_heartbeats(WATCHED_QUEUES)
    ages = [time.time() - found[queue] if queue in found else None for queue in WATCHED_QUEUES]
    oldest = None if None in ages else max(age for age in ages if age is not None)
    return judge_heartbeat(age_seconds=oldest, limit_seconds=HEARTBEAT_LIMIT_SECONDS)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
