"""What keeps one broken part from stopping the others, and two runs of the same work from meeting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.db import connection

logger = logging.getLogger(__name__)


def guard(name: str, part: Callable[[], object]) -> bool:
    """Do a part of a larger work; return whether it could be done. Whatever goes wrong is logged and stops nothing else."""
    try:
        part()
    except Exception:
        logger.exception("a part of the work failed: %s", name)
        return False
    return True


def count_done(name: str, ids: Iterable[int], one: Callable[[int], bool]) -> int:
    """Do the same for each id; return for how many it was done. One that fails is logged and stops no other."""
    done = 0
    for each in ids:
        try:
            done += one(each)
        except Exception:
            logger.exception("%s failed for %s", name, each)
    return done


@contextmanager
def only_one(key: int) -> Iterator[bool]:
    """Hold an advisory lock if it is free, and say whether. It goes with the connection: who is killed holds it no longer."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
