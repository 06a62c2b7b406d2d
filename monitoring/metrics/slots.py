"""Slots: where fresh points go. One is open at a time; sealed ones wait to be packed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from psycopg import sql

from config.settings import OPTION
from monitoring.metrics.models import PointSlot

KNOWN_FOR_SECONDS = 1.0
"""How long a process writes to the slot it found open before it looks again."""

ROWS_PER_PAGE = 8192 // 56
"""52 bytes a row and 4 for its pointer: the size of the table tells how many rows it has without counting them."""

_SLOT_LOCK = 0x736C6F74  # one advisory lock for whoever opens or seals slots


@dataclass(slots=True)
class _Known:
    slot_id: int = 0
    until: float = 0.0


_known = _Known()
_known_lock = threading.Lock()


def table_of(slot_id: int) -> sql.Identifier:
    """Return the table of a slot's points."""
    return sql.Identifier(f"monitoring_point_fresh_{slot_id}")


def find_open_slot() -> int:
    """Return the id of the open slot, opening one if there is none. Remembered for a second."""
    with _known_lock:
        if _known.slot_id and _known.until > time.monotonic():
            return _known.slot_id
    slot_id = _read_open_slot() or open_slot().pk
    with _known_lock:
        _known.slot_id, _known.until = slot_id, time.monotonic() + KNOWN_FOR_SECONDS
    return slot_id


def forget_open_slot() -> None:
    """Look for the open slot anew at the next write: the one this process knew is gone."""
    with _known_lock:
        _known.until = 0.0


def _read_open_slot() -> int | None:
    return PointSlot.objects.filter(sealed_at=None).order_by("-pk").values_list("pk", flat=True).first()


@transaction.atomic
def open_slot() -> PointSlot:
    """Return the open slot, made with its table if there was none."""
    _lock_slots()
    found = PointSlot.objects.filter(sealed_at=None).order_by("-pk").first()
    return found or _make_slot()


def _make_slot() -> PointSlot:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        slot = PointSlot.objects.create(opened_at=cursor.fetchone()[0])
        table = table_of(slot.pk)
        # No btree: it would cost five times the ingest. BRIN finds the last minutes among hours. No vacuum either: the
        # table is never updated and soon dropped.
        cursor.execute(
            sql.SQL(
                "CREATE TABLE {} (time bigint NOT NULL, value double precision NOT NULL,"
                " application integer NOT NULL, series integer NOT NULL) WITH (autovacuum_enabled = false)"
            ).format(table)
        )
        cursor.execute(
            sql.SQL("CREATE INDEX {} ON {} USING brin (time) WITH (pages_per_range = 16)").format(
                sql.Identifier(f"{slot.table}_time"), table
            )
        )
    return slot


def rotate_slots(*, now: datetime) -> int | None:
    """Seal the open slot if it is old or large, after opening the next; return the sealed slot's id.

    Also lets the time index of the open slot know about new rows, which otherwise only VACUUM does.
    """
    with transaction.atomic():
        _lock_slots()
        slot = PointSlot.objects.filter(sealed_at=None).order_by("-pk").first()
        if slot is None:
            _make_slot()
            return None
        rows = estimate_rows(slot)
        if rows and (rows >= OPTION["POINT_SLOT_MAX_ROWS"] or now - slot.opened_at >= _max_age()):
            _make_slot()
            PointSlot.objects.filter(pk=slot.pk).update(sealed_at=max(now, slot.opened_at))
            return int(slot.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT brin_summarize_new_values(%s::regclass)", [f"{slot.table}_time"])
    return None


@transaction.atomic
def seal_open_slot(*, now: datetime) -> int | None:
    """Seal the open slot whatever its age and size; return its id, None if there was none."""
    _lock_slots()
    slot = PointSlot.objects.filter(sealed_at=None).order_by("-pk").first()
    if slot is None:
        return None
    _make_slot()
    PointSlot.objects.filter(pk=slot.pk).update(sealed_at=max(now, slot.opened_at))
    return int(slot.pk)


def estimate_rows(slot: PointSlot) -> int:
    """Return how many points a slot's table has, rounded up to whole pages."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_size(%s::regclass) / 8192", [slot.table])
        return int(cursor.fetchone()[0]) * ROWS_PER_PAGE


def _max_age() -> timedelta:
    return timedelta(seconds=OPTION["POINT_SLOT_MAX_AGE_SECONDS"])


def _lock_slots() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SLOT_LOCK])
