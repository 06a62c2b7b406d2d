"""Digesting the inbox: each event finds its group and issue, is counted and kept, and leaves the inbox, in one transaction.

Batches are claimed with SKIP LOCKED, so that several workers never do the same work. An event that nothing can be made of
is set aside with its reason and stops nobody.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from config.outbox.services import publish
from config.settings import OPTION
from monitoring.errors.compression import compress, decompress
from monitoring.errors.enums import IssueState
from monitoring.errors.events import (
    ErrorData,
    EventInvalid,
    decode_document,
    encode_document,
    find_unresolved,
    read_event,
)
from monitoring.errors.grouping import Grouping, list_groupings
from monitoring.errors.models import ErrorGroup, ErrorIssue, IssueTransition
from monitoring.errors.scrubbing import ScrubRules, make_rules, scrub
from monitoring.errors.services.critical import note_critical
from monitoring.errors.services.keeping import choose_whole, note_counted
from monitoring.errors.services.locks import lock_applications
from monitoring.errors.services.transitions import change_state
from monitoring.errors.states import Happened, Standing, judge_event
from monitoring.partitions import ERROR_EVENTS
from monitoring.releases.models import Release
from monitoring.releases.services import note_releases
from monitoring.sourcemaps.resolving import resolve_document, take_used
from monitoring.sourcemaps.services.upkeep import Missed, note_missed, note_used

logger = logging.getLogger(__name__)

BATCH = 200
MAX_ENVIRONMENTS = 20
REPEATED_WITHIN = timedelta(days=2)
"""An event id that comes again within this time is the same event."""

MAX_REASON = 500

_CLAIM_SQL = """
SELECT id, application_id, event_id, received_at, client_ip, payload FROM monitoring_error_inbox
WHERE set_aside_at IS NULL {condition} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
_KNOWN_SQL = """
SELECT application_id, event_id FROM monitoring_errorevent
WHERE (application_id, event_id) IN (SELECT * FROM unnest(%(applications)s::int[], %(events)s::uuid[]))
    AND received_at > %(since)s
UNION ALL
SELECT application_id, event_id FROM monitoring_error_counted
WHERE (application_id, event_id) IN (SELECT * FROM unnest(%(applications)s::int[], %(events)s::uuid[]))
    AND received_at > %(since)s
"""
_COPY_SQL = """
COPY monitoring_errorevent (application_id, group_id, event_id, received_at, occurred_at, level, handled, title, release,
    environment, trace_id, user_key, tags, payload) FROM STDIN (FORMAT BINARY)
"""
_COPY_TYPES = (
    "int4",
    "int8",
    "uuid",
    "timestamptz",
    "timestamptz",
    "text",
    "bool",
    "text",
    "text",
    "text",
    "text",
    "bytea",
    "jsonb",
    "bytea",
)
_HOURS_SQL = """
INSERT INTO monitoring_errorhour AS known (application_id, group_id, hour, count)
SELECT * FROM unnest(%s::int[], %s::bigint[], %s::timestamptz[], %s::int[])
ON CONFLICT (group_id, hour) DO UPDATE SET count = known.count + excluded.count
"""
_USERS_SQL = """
WITH added AS (
    INSERT INTO monitoring_erroruser (application_id, group_id, user_key, first_seen)
    SELECT * FROM unnest(%s::int[], %s::bigint[], %s::bytea[], %s::timestamptz[])
    ON CONFLICT (group_id, user_key) DO NOTHING RETURNING group_id, user_key
)
-- Whom another group of the same issue knows already is not new to the issue.
SELECT issue_id, count(DISTINCT user_key) FROM added JOIN monitoring_errorgroup own ON own.id = added.group_id
WHERE NOT EXISTS (
    SELECT FROM monitoring_errorgroup other JOIN monitoring_erroruser known ON known.group_id = other.id
    WHERE other.issue_id = own.issue_id AND other.id <> own.id AND known.user_key = added.user_key
) GROUP BY issue_id
"""
_COUNTERS_SQL = """
INSERT INTO monitoring_errorcounter AS known (application_id, level, handled, release, total, last_seen)
SELECT * FROM unnest(%s::int[], %s::text[], %s::boolean[], %s::text[], %s::bigint[], %s::timestamptz[])
ON CONFLICT (application_id, level, handled, release) DO UPDATE
SET total = known.total + excluded.total, last_seen = greatest(known.last_seen, excluded.last_seen)
"""
_GROUPS_SQL = """
UPDATE monitoring_errorgroup AS one
SET event_count = one.event_count + news.events, last_seen = greatest(one.last_seen, news.seen)
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS news (id, events, seen) WHERE one.id = news.id
"""
_ISSUES_SQL = """
UPDATE monitoring_errorissue AS one
SET event_count = one.event_count + news.events, user_count = one.user_count + news.users,
    last_seen = greatest(one.last_seen, news.seen), last_release_id = coalesce(news.release, one.last_release_id),
    environments = news.environments
FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[], %s::jsonb[])
    AS news (id, events, users, seen, release, environments)
WHERE one.id = news.id
"""


@dataclass(slots=True)
class Digested:
    """What a run did: events counted (and kept, see keeping.py), repetitions left out, events set aside."""

    kept: int = 0
    repeated: int = 0
    set_aside: int = 0

    @property
    def total(self) -> int:
        """Return how many rows left the inbox or were set aside."""
        return self.kept + self.repeated + self.set_aside


@dataclass(slots=True)
class _Row:
    """An event on its way. `group` is found on the way, and `is_turn`: whether it changed the state of its issue."""

    row_id: int
    application_id: int
    event_id: UUID
    received_at: datetime
    data: ErrorData
    groupings: list[Grouping]
    payload: bytes
    release: Release | None = None
    is_turn: bool = False
    group: ErrorGroup = field(init=False)


def digest_batch(*, limit: int = BATCH) -> Digested:
    """Digest up to `limit` waiting events; all zero when none waits (or others have claimed them all).

    Raises django.db.OperationalError while the database is away; nothing is lost then.
    """
    claimed: list[int] = []
    try:
        return _digest(limit, only=None, claimed=claimed)
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        # One of them holds what the database refuses. Alone, each spoils nothing but itself.
        logger.warning("a batch of %s errors is digested one by one: %s", len(claimed), error)
    total = Digested()
    for row_id in claimed:
        done = _digest_alone(row_id)
        total.kept += done.kept
        total.repeated += done.repeated
        total.set_aside += done.set_aside
    return total


def _digest_alone(row_id: int) -> Digested:
    try:
        return _digest(1, only=row_id, claimed=[])
    except (OperationalError, InterfaceError):
        raise
    except DatabaseError as error:
        with transaction.atomic():
            _set_aside({row_id: f"the database refuses it: {error}"})
        return Digested(set_aside=1)


@transaction.atomic
def _digest(limit: int, *, only: int | None, claimed: list[int]) -> Digested:
    rows, broken, count = _claim(limit, only)
    claimed += [row.row_id for row in rows] + list(broken)
    if not count:
        return Digested()
    if broken:
        _set_aside(broken)
    lock_applications(row.application_id for row in rows)
    fresh = _leave_out_repeated(rows)
    if fresh:
        _keep(fresh)
    _remove(row.row_id for row in rows)
    return Digested(kept=len(fresh), repeated=len(rows) - len(fresh), set_aside=len(broken))


def _claim(limit: int, only: int | None) -> tuple[list[_Row], dict[int, str], int]:
    """Return the claimed events, the reasons why some of them can't be read (by row), and how many were claimed."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_SQL.format(condition="" if only is None else "AND id = %s"),
            [limit] if only is None else [only, limit],
        )
        found = cursor.fetchall()
    rules = read_rules()
    rows: list[_Row] = []
    broken: dict[int, str] = {}
    for row_id, application_id, event_id, received_at, client_ip, payload in found:
        try:
            data, groupings, kept = prepare_event(
                decompress(bytes(payload)),
                received_at=received_at,
                rules=rules,
                client_ip=client_ip,
                application_id=application_id,
            )
        except EventInvalid as error:
            broken[row_id] = str(error)
        except Exception as error:
            # The outermost edge for one event: a mistake of ours in reading it must not stop the others.
            logger.exception("error event %s can't be digested", event_id)
            broken[row_id] = f"{type(error).__name__}: {error}"
        else:
            rows.append(_Row(row_id, application_id, event_id, received_at, data, groupings, kept))
    # Those of one commit lie in the order of their ids.
    rows.sort(key=lambda row: row.received_at)
    return rows, broken, len(found)


def prepare_event(
    payload: bytes,
    *,
    received_at: datetime,
    rules: ScrubRules,
    client_ip: str = "",
    application_id: int | None = None,
) -> tuple[ErrorData, list[Grouping], bytes]:
    """Return what an event says once it is scrubbed, its groupings and the payload to keep. Raises EventInvalid.

    With `application_id` the frames of built scripts are explained by its source maps first.
    """
    document = decode_document(payload)
    if application_id is not None:
        resolve_document(document, application_id=application_id)
    document = scrub(document, rules=rules, client_ip=client_ip)
    data = read_event(document, received_at=received_at)
    return data, list_groupings(data), compress(encode_document(document))


def read_rules() -> ScrubRules:
    """Return what the operator wants taken out of events."""
    return make_rules(
        names=OPTION["SCRUB_NAMES"],
        kept=OPTION["SCRUB_KEEP"],
        keep_whole_ip=OPTION["KEEP_WHOLE_IP"],
        infer_ip=OPTION["INFER_CLIENT_IP"],
    )


def _set_aside(broken: dict[int, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_error_inbox AS one SET set_aside_at = now(), reason = news.reason"
            " FROM unnest(%s::bigint[], %s::text[]) AS news (id, reason) WHERE one.id = news.id",
            [list(broken), [reason.replace("\x00", "")[:MAX_REASON] for reason in broken.values()]],
        )


def _remove(row_ids: Iterable[int]) -> None:
    # The one DELETE on a hot table: rows live for seconds, and the table's own vacuum settings keep it small.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_error_inbox WHERE id = ANY(%s)", [list(row_ids)])


def _leave_out_repeated(rows: Sequence[_Row]) -> list[_Row]:
    """Return the events that were not counted yet."""
    if not rows:
        return []
    with connection.cursor() as cursor:
        # The bound spares the partitions of long ago; no client tries for so long.
        since = min(row.received_at for row in rows) - REPEATED_WITHIN
        columns: dict[str, Any] = {
            "applications": [row.application_id for row in rows],
            "events": [row.event_id for row in rows],
            "since": since,
        }
        cursor.execute(_KNOWN_SQL, columns)
        known = set(cursor.fetchall())
    return [row for row in rows if (row.application_id, row.event_id) not in known]


def _keep(rows: list[_Row]) -> None:
    """Keep events that are new, and everything that follows from them."""
    ERROR_EVENTS.ensure(days={row.received_at.astimezone(UTC).date() for row in rows})
    _find_releases(rows)
    _find_groups(rows)
    users = _count(rows)
    _note_source_maps(rows)
    _settle_issues(rows, users)
    whole, counted = choose_whole(rows)
    _copy(whole)
    note_counted(counted)
    note_critical((row.group.issue_id, row.application_id, row.data, row.received_at) for row in rows)


def _find_releases(rows: list[_Row]) -> None:
    seen: dict[tuple[int, str], datetime] = {}
    for row in rows:
        if row.data.release:
            key = row.application_id, row.data.release
            seen[key] = min(seen.get(key, row.received_at), row.received_at)
    releases = note_releases(seen=seen)
    for row in rows:
        row.release = releases.get((row.application_id, row.data.release))


def _find_groups(rows: list[_Row]) -> None:
    """Give each event its group, made with a new issue where no version of the grouping knows it."""
    hashes = {grouping.hash for row in rows for grouping in row.groupings}
    applications = {row.application_id for row in rows}
    known = {
        (group.application_id, bytes(group.hash)): group
        for group in ErrorGroup.objects.filter(application_id__in=applications, hash__in=hashes)
    }
    newcomers: dict[tuple[int, bytes], _Row] = {}
    for row in rows:
        key = row.application_id, row.groupings[0].hash
        if key not in known:
            newcomers.setdefault(key, row)
    known.update(_make_groups(newcomers, known))
    for row in rows:
        row.group = known[row.application_id, row.groupings[0].hash]


def _make_groups(
    newcomers: dict[tuple[int, bytes], _Row], known: dict[tuple[int, bytes], ErrorGroup]
) -> dict[tuple[int, bytes], ErrorGroup]:
    """Make groups; an issue that an earlier version of the grouping led to goes on, the others are new."""
    homes: dict[tuple[int, bytes], int] = {}
    strangers: list[tuple[tuple[int, bytes], _Row]] = []
    for key, row in newcomers.items():
        earlier = next((old for each in row.groupings[1:] if (old := known.get((key[0], each.hash)))), None)
        if earlier is None:
            strangers.append((key, row))
        else:
            homes[key] = earlier.issue_id
    issues = ErrorIssue.objects.bulk_create([_describe_issue(row) for _, row in strangers])
    _announce_new(issues)
    homes.update((key, issue.pk) for (key, _), issue in zip(strangers, issues, strict=True))
    groups = [
        ErrorGroup(
            application_id=key[0],
            hash=key[1],
            issue_id=homes[key],
            home_id=homes[key],
            algorithm=row.groupings[0].version,
            kind=row.groupings[0].kind,
            parts=[part.replace("\x00", "") for part in row.groupings[0].parts],
            first_seen=row.received_at,
            last_seen=row.received_at,
        )
        for key, row in newcomers.items()
    ]
    made = ErrorGroup.objects.bulk_create(groups)
    return dict(zip(newcomers, made, strict=True))


def _describe_issue(row: _Row) -> ErrorIssue:
    data = row.data
    return ErrorIssue(
        application_id=row.application_id,
        title=data.title,
        culprit=data.culprit,
        type=data.type,
        level=data.level,
        platform=data.platform,
        handled=data.handled,
        first_seen=row.received_at,
        last_seen=row.received_at,
        first_release=row.release,
        last_release=row.release,
    )


def _announce_new(issues: Sequence[ErrorIssue]) -> None:
    IssueTransition.objects.bulk_create(
        IssueTransition(
            issue=issue, to_state=IssueState.NEW, at=issue.first_seen, reason="It happened for the first time."
        )
        for issue in issues
    )
    for issue in issues:
        _publish("issue.new", issue, issue.first_seen)


def _publish(kind: str, issue: ErrorIssue, at: datetime) -> None:
    payload = {"issue_id": issue.pk, "title": issue.title, "level": issue.level, "at": at.isoformat()}
    publish(type=kind, payload=payload, application_id=issue.application_id)


def _copy(rows: list[_Row]) -> None:
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(_COPY_SQL) as copy:
        copy.set_types(_COPY_TYPES)
        for row in rows:
            data = row.data
            copy.write_row(
                (
                    row.application_id,
                    row.group.pk,
                    row.event_id,
                    row.received_at,
                    data.occurred_at,
                    data.level,
                    data.handled,
                    data.title,
                    data.release,
                    data.environment,
                    data.trace_id,
                    data.user_key,
                    Jsonb(data.tags),
                    row.payload,
                )
            )


def _count(rows: list[_Row]) -> dict[int, int]:
    """Add to hours, users, counters and groups; return how many users are new to each issue."""
    hours = Counter(
        (row.application_id, row.group.pk, row.received_at.replace(minute=0, second=0, microsecond=0)) for row in rows
    )
    users: dict[tuple[int, int, bytes], datetime] = {}
    for row in rows:
        if (key := row.data.user_key) is not None:
            users.setdefault((row.application_id, row.group.pk, key), row.received_at)
    kinds = Counter((row.application_id, row.data.level, row.data.handled, row.data.release) for row in rows)
    newest = max(row.received_at for row in rows)
    groups = _gather(rows, key=lambda row: row.group.pk)
    with connection.cursor() as cursor:
        cursor.execute(_HOURS_SQL, _transpose([(*key, count) for key, count in hours.items()]))
        cursor.execute(_COUNTERS_SQL, _transpose([(*key, count, newest) for key, count in kinds.items()]))
        cursor.execute(
            _GROUPS_SQL,
            _transpose([(key, len(same), max(row.received_at for row in same)) for key, same in groups.items()]),
        )
        if not users:
            return {}
        cursor.execute(_USERS_SQL, _transpose([(*key, seen) for key, seen in users.items()]))
        return dict(cursor.fetchall())


def _note_source_maps(rows: list[_Row]) -> None:
    """Remember which uploads were used, and which events were without."""
    note_used(sorted(take_used()), now=max(row.received_at for row in rows))
    note_missed(
        Missed(row.application_id, row.data.release, frame.path or frame.filename, frame.unresolved, row.received_at)
        for row in rows
        if (frame := find_unresolved(row.data)) is not None
    )


def _settle_issues(rows: list[_Row], users: dict[int, int]) -> None:
    """Move issues that are back or whose silence is over, then count."""
    by_issue = _gather(rows, key=lambda row: row.group.issue_id)
    issues = ErrorIssue.objects.select_for_update(of=("self",)).select_related("resolved_release")
    issues = issues.filter(pk__in=by_issue).order_by("pk")
    news: list[tuple[Any, ...]] = []
    for issue in issues:
        same = by_issue[issue.pk]
        _judge(issue, same, user_count=issue.user_count + users.get(issue.pk, 0))
        release = next((row.release.pk for row in reversed(same) if row.release is not None), None)
        environments = _add_environments(issue.environments, same)
        newest = max(row.received_at for row in same)
        news.append((issue.pk, len(same), users.get(issue.pk, 0), newest, release, environments))
    with connection.cursor() as cursor:
        cursor.execute(_ISSUES_SQL, _transpose(news))


def _judge(issue: ErrorIssue, rows: list[_Row], *, user_count: int) -> None:
    for number, row in enumerate(rows, start=issue.event_count + 1):
        standing = Standing(
            state=issue.state,
            event_count=number,
            resolved_at=issue.resolved_at,
            resolved_in_next=issue.resolved_in == "next_release",
            muted_until=issue.muted_until,
            muted_until_count=issue.muted_until_count,
            # Whom the batch adds is known for all of it, so the last one counts them.
            user_count=user_count if row is rows[-1] else issue.user_count,
            muted_until_users=issue.muted_until_users,
            resolved_release_since=issue.resolved_release.first_seen if issue.resolved_release else None,
        )
        since = row.release.first_seen if row.release is not None else None
        verdict = judge_event(standing, Happened(row.received_at, since))
        if verdict is None:
            continue
        row.is_turn = True
        to, reason = IssueState(verdict[0]), verdict[1]
        if change_state(issue=issue, to=to, at=row.received_at, reason=reason) and to is IssueState.REGRESSED:
            _publish("issue.regressed", issue, row.received_at)


def _add_environments(known: list[str], rows: list[_Row]) -> str:
    found = dict.fromkeys([*known, *(row.data.environment for row in rows if row.data.environment)])
    return msgspec.json.encode(list(found)[:MAX_ENVIRONMENTS]).decode()


def _gather(rows: list[_Row], *, key: Callable[[_Row], int]) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _transpose(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return the columns of rows, in the order of the statements' parameters."""
    return [list(column) for column in zip(*rows, strict=True)]
