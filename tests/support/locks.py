"""Rows that somebody else holds: what waits for them shows it by an error, at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models


@contextmanager
def held_by_another(model: type[models.Model]) -> Iterator[None]:
    """Have another connection hold all rows of a table; what waits for one of them raises OperationalError (lock timeout).

    For tests with transaction=True: others see what is committed alone.
    """
    other = connection.copy()
    try:
        with other.cursor() as holding, connection.cursor() as waiting:
            holding.execute(f"BEGIN; SELECT 1 FROM {model._meta.db_table} FOR UPDATE")
            waiting.execute("SET lock_timeout = '300ms'")
            try:
                yield
            finally:
                waiting.execute("RESET lock_timeout")
    finally:
        other.close()
