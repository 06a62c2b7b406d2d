"""Counting sessions: each once, as the worst that was said of it, however often and in whatever order its reports come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from monitoring.partitions import SESSION_USERS, SESSIONS
from monitoring.releases.models import Release
from monitoring.releases.records import Outcome, SessionCounts, SessionItem, SessionRecord, merge_reports
from monitoring.releases.services import note_releases
from monitoring.repetitions import claim_bodies

_ADD_SQL = """
INSERT INTO monitoring_session
    (application_id, started_at, sid, release_id, environment, outcome, errors, duration, user_key, received_at)
SELECT * FROM unnest(%s::int[], %s::timestamptz[], %s::uuid[], %s::bigint[], %s::text[], %s::smallint[], %s::int[],
    %s::float8[], %s::bytea[], %s::timestamptz[])
ON CONFLICT (application_id, started_at, sid) DO NOTHING RETURNING application_id, started_at, sid
"""
# By itself, after the insert: only a statement that begins after a rival's commit sees what that one wrote.
_LOCK_SQL = """
SELECT application_id, started_at, sid, release_id, environment, outcome, errors, duration, user_key
FROM monitoring_session WHERE (application_id, started_at, sid) IN (
    SELECT * FROM unnest(%s::int[], %s::timestamptz[], %s::uuid[])
) ORDER BY application_id, started_at, sid FOR UPDATE
"""
_CHANGE_SQL = """
UPDATE monitoring_session AS known
SET outcome = news.outcome, errors = news.errors, duration = news.duration, user_key = news.user_key
FROM unnest(%s::int[], %s::timestamptz[], %s::uuid[], %s::smallint[], %s::int[], %s::float8[], %s::bytea[])
    AS news (application_id, started_at, sid, outcome, errors, duration, user_key)
WHERE (known.application_id, known.started_at, known.sid) = (news.application_id, news.started_at, news.sid)
"""
# What is added may be negative, which a row to be inserted can't be: so hours are made, locked in one order, and changed.
_MAKE_HOURS_SQL = """
INSERT INTO monitoring_releasehour
    (application_id, release_id, environment, hour, sessions, errored, abnormal, crashed)
SELECT *, 0, 0, 0, 0 FROM unnest(%s::int[], %s::bigint[], %s::text[], %s::timestamptz[])
ON CONFLICT (release_id, environment, hour) DO NOTHING
"""
_LOCK_HOURS_SQL = """
SELECT id FROM monitoring_releasehour WHERE (release_id, environment, hour) IN (
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[])
) ORDER BY release_id, environment, hour FOR UPDATE
"""
_HOURS_SQL = """
UPDATE monitoring_releasehour AS known SET sessions = known.sessions + news.sessions,
    errored = known.errored + news.errored, abnormal = known.abnormal + news.abnormal,
    crashed = known.crashed + news.crashed
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS news (release_id, environment, hour, sessions, errored, abnormal, crashed)
WHERE (known.release_id, known.environment, known.hour) = (news.release_id, news.environment, news.hour)
"""
_USERS_SQL = """
INSERT INTO monitoring_session_user AS known (release_id, environment, user_key, day, worst)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::timestamptz[], %s::smallint[])
ON CONFLICT (release_id, environment, user_key, day) DO UPDATE SET worst = excluded.worst WHERE known.worst < excluded.worst
"""

_Hour = tuple[int, int, str, datetime]
_User = tuple[int, str, bytes, datetime]


class _Tally:
    """What is added to hours and people by one batch."""

    def __init__(self) -> None:
        self.hours: dict[_Hour, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self.users: dict[_User, int] = {}

    def count(self, hour: _Hour, outcome: Outcome, number: int = 1, *, before: Outcome | None = None) -> None:
        """Add sessions with an outcome; `before` is what the same sessions were counted as until now."""
        counts = self.hours[hour]
        if before is None:
            counts[0] += number
        elif before:
            counts[before] -= number
        if outcome:
            counts[outcome] += number

    def meet(self, hour: _Hour, user_key: bytes | None, worst: Outcome) -> None:
        """Note that somebody was there."""
        if user_key is not None:
            _, release_id, environment, moment = hour
            key = release_id, environment, user_key, moment.replace(hour=0)
            self.users[key] = max(self.users.get(key, 0), worst)

    def write(self) -> None:
        """Add it, in one order for everybody."""
        hours = [
            (*hour, *counts) for hour, counts in sorted(self.hours.items(), key=lambda pair: pair[0][1:]) if any(counts)
        ]
        users = [(*user, worst) for user, worst in sorted(self.users.items())]
        if users:
            SESSION_USERS.ensure(days={day.date() for _, _, _, day in self.users})
        with connection.cursor() as cursor:
            if hours:
                columns = _transpose(hours)
                cursor.execute(_MAKE_HOURS_SQL, columns[:4])
                cursor.execute(_LOCK_HOURS_SQL, columns[1:4])
                cursor.execute(_HOURS_SQL, columns[1:])
            if users:
                cursor.execute(_USERS_SQL, _transpose(users))


def write_sessions(items: Sequence[SessionItem]) -> None:
    """Store what items say of sessions and count what that changes, in the caller's transaction.

    Both kinds are counted in one go: hours are changed in one order by everybody.
    """
    reports = _merge(record for item in items for record in item.reports)
    counts = _leave_out_repeated([record for item in items for record in item.counts])
    if not reports and not counts:
        return
    releases = _note([*reports, *counts])
    tally = _Tally()
    if reports:
        _write_reports(reports, releases, tally)
    for each in counts:
        hour = _hour_of(each, releases[each.application_id, each.release].pk)
        for outcome, number in zip(Outcome, (each.healthy, each.errored, each.abnormal, each.crashed), strict=True):
            if number:
                tally.count(hour, outcome, number)
                tally.meet(hour, each.user_key, outcome)
    tally.write()


def _merge(records: Iterable[SessionRecord]) -> list[SessionRecord]:
    merged: dict[tuple[Any, ...], SessionRecord] = {}
    for record in records:
        known = merged.get(record.key)
        merged[record.key] = record if known is None else merge_reports(known, record)
    return [merged[key] for key in sorted(merged)]


def _leave_out_repeated(records: list[SessionCounts]) -> list[SessionCounts]:
    keys = {(record.application_id, record.body_key) for record in records if record.body_key is not None}
    fresh = claim_bodies(keys=keys, now=timezone.now())
    return [
        record for record in records if record.body_key is None or (record.application_id, record.body_key) in fresh
    ]


def _write_reports(records: list[SessionRecord], releases: dict[tuple[int, str], Release], tally: _Tally) -> None:
    SESSIONS.ensure(days={record.started_at.astimezone(UTC).date() for record in records})
    added = _add(records, releases)
    for record in records:
        if record.key in added:
            hour = _hour_of(record, releases[record.application_id, record.release].pk)
            tally.count(hour, record.outcome)
            tally.meet(hour, record.user_key, record.outcome)
    _merge_known([record for record in records if record.key not in added], tally)


def _add(records: list[SessionRecord], releases: dict[tuple[int, str], Release]) -> set[tuple[Any, ...]]:
    """Insert sessions that are not known; return the keys of those."""
    rows = [
        (
            *record.key,
            releases[record.application_id, record.release].pk,
            record.environment,
            int(record.outcome),
            record.errors,
            record.duration,
            record.user_key,
            record.received_at,
        )
        for record in records
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD_SQL, _transpose(rows))
        return {(application_id, started_at, sid) for application_id, started_at, sid in cursor.fetchall()}


def _merge_known(records: list[SessionRecord], tally: _Tally) -> None:
    """Bring further reports of known sessions in. Where a session belongs is decided by its first report."""
    if not records:
        return
    by_key = {record.key: record for record in records}
    changed: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_SQL, _transpose(list(by_key)))
        for application_id, started_at, sid, release_id, environment, *state in cursor.fetchall():
            record = by_key[application_id, started_at, sid]
            outcome, errors, duration, user_key = state
            before = Outcome(outcome)
            durations = [each for each in (duration, record.duration) if each is not None]
            now = (
                max(before, record.outcome),
                max(errors, record.errors),
                max(durations, default=None),
                bytes(user_key) if user_key is not None else record.user_key,
            )
            if now == (before, errors, duration, None if user_key is None else bytes(user_key)):
                continue
            changed.append((application_id, started_at, sid, int(now[0]), *now[1:]))
            hour = application_id, release_id, environment, _start_of_hour(started_at)
            if now[0] is not before:
                tally.count(hour, now[0], before=before)
            tally.meet(hour, now[3], now[0])
        if changed:
            cursor.execute(_CHANGE_SQL, _transpose(changed))


def _note(records: Iterable[SessionRecord | SessionCounts]) -> dict[tuple[int, str], Release]:
    seen: dict[tuple[int, str], datetime] = {}
    for record in records:
        key = record.application_id, record.release
        seen[key] = min(seen.get(key, record.received_at), record.received_at)
    return note_releases(seen=seen)


def _hour_of(record: SessionRecord | SessionCounts, release_id: int) -> _Hour:
    return record.application_id, release_id, record.environment, _start_of_hour(record.started_at)


def _start_of_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _transpose(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
