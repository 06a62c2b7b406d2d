"""Which of a batch of events are kept whole, and what is remembered of the others: that they were counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar
from uuid import UUID

from django.db import connection

from config.settings import OPTION
from monitoring.errors.models import ErrorGroup
from monitoring.errors.relevance import keeps_whole
from monitoring.partitions import COUNTED_ERRORS

_COUNTED_SQL = """
INSERT INTO monitoring_error_counted (application_id, event_id, group_id, received_at)
SELECT * FROM unnest(%s::int[], %s::uuid[], %s::bigint[], %s::timestamptz[])
"""


class Arrived(Protocol):
    """What matters about an event. Its group is as it was before the batch; `is_turn`: it changed its issue's state."""

    application_id: int
    event_id: UUID
    received_at: datetime
    group: ErrorGroup
    is_turn: bool


Row = TypeVar("Row", bound=Arrived)


def choose_whole(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return the events of a batch, in the order of arrival, that are kept whole, and those that are counted only."""
    limit = int(OPTION["ERROR_EVENTS_PER_ISSUE"])
    numbers: dict[int, int] = {}
    hours: dict[int, datetime] = {}
    whole: list[Row] = []
    counted: list[Row] = []
    for row in rows:
        group = row.group
        number = numbers[group.pk] = numbers.get(group.pk, group.event_count) + 1
        hour = _hour(row.received_at)
        opens_hour = hours.get(group.pk, _hour(group.last_seen)) < hour
        hours[group.pk] = max(hour, hours.get(group.pk, hour))
        is_kept = keeps_whole(row.event_id, number=number, limit=limit, is_turn=row.is_turn, opens_hour=opens_hour)
        (whole if is_kept else counted).append(row)
    return whole, counted


def note_counted(rows: Sequence[Arrived]) -> None:
    """Remember events that are counted without being kept, so that a repetition is told from another event."""
    if not rows:
        return
    COUNTED_ERRORS.ensure(days={row.received_at.astimezone(UTC).date() for row in rows})
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTED_SQL,
            [
                [row.application_id for row in rows],
                [row.event_id for row in rows],
                [row.group.pk for row in rows],
                [row.received_at for row in rows],
            ],
        )


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
