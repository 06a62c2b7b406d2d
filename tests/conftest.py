"""The whole suite runs on real engines: one pair for a run, a database for each of xdist's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests.support.engines import run_test_engines

pytest_plugins = ["tests.support.outgoing", "tests.support.services"]

# Examples are judged by their outcome, never by how long a busy machine takes over one.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# Partitioned ones by their parent. Only the record of migrations outlives a test.
_OWN_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  AND relname <> 'django_migrations' AND relname <> ALL(%s)
"""
_STACK = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the engines in the process that controls the run; its workers inherit their address."""
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    stack = config.stash[_STACK] = ExitStack()
    stack.enter_context(run_test_engines())


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop them, also after Ctrl-C."""
    if (stack := config.stash.get(_STACK, None)) is not None:
        stack.close()


@pytest.fixture(autouse=True)
def _empty_cache(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test with a database left in the cache (throttle counters, keys) is not seen by the next one."""
    yield
    if request.node.get_closest_marker("django_db") or "db" in request.fixturenames:
        from django.core.cache import cache

        from config.api.throttling import forget_leases

        cache.clear()
        forget_leases()
        _forget_points()


@pytest.fixture(autouse=True)
def _empty_own_tables(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test that commits, tables made by SQL are emptied too: the framework empties only its own."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")):
        yield
        return
    yield
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(_OWN_TABLES, [connection.introspection.django_table_names(only_existing=True)])
        for (table,) in cursor.fetchall():
            cursor.execute(f'DELETE FROM "{table}"')


def _forget_points() -> None:
    """Series and the open slot that the process remembers went with the test's database rows."""
    from monitoring.metrics.series import forget_series
    from monitoring.metrics.slots import forget_open_slot

    forget_series()
    forget_open_slot()
