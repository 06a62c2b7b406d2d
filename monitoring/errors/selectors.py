"""Reading issues and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from config.ids import read_id
from monitoring.errors.compression import decompress
from monitoring.errors.critical import Candidate, Rule, is_met
from monitoring.errors.events import read_event
from monitoring.errors.models import CriticalPattern, ErrorEvent, ErrorGroup, ErrorHour, ErrorIssue
from monitoring.errors.querysets import ErrorIssueQuerySet

HOURS_SHOWN = 24
TAGGED_EVENTS = 500
"""How many of an issue's newest events its tags are counted over."""

VALUES_SHOWN = 5
CRITICAL_PERIOD = timedelta(days=7)
CRITICAL_JUDGED = 5000
"""How many issues a pattern's preview looks at."""

_TAGS_SQL = """
WITH newest AS (
    SELECT tags, release, environment FROM monitoring_errorevent WHERE group_id = ANY(%s) ORDER BY id DESC LIMIT %s
), pairs AS (
    SELECT pair.key, pair.value FROM newest, jsonb_each_text(newest.tags) AS pair
    UNION ALL SELECT 'release', release FROM newest WHERE release <> ''
    UNION ALL SELECT 'environment', environment FROM newest WHERE environment <> ''
)
SELECT key, value, count(*) FROM pairs GROUP BY key, value ORDER BY key, count(*) DESC, value
"""


@dataclass(frozen=True, slots=True)
class TagValue:
    """One value of a tag; `share` is of all counted events that carry the tag."""

    value: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Inbox:
    """What waits to be digested: how many, since when; and how many were set aside."""

    waiting: int
    oldest: datetime | None
    set_aside: int


def list_issues(*, application_id: int) -> ErrorIssueQuerySet:
    """Return an application's issues, merged ones left out, the newest seen first."""
    issues = ErrorIssue.objects.unmerged().filter(application_id=application_id)
    return issues.select_related("assignee", "first_release", "last_release", "resolved_release", "critical_pattern")


def list_group_ids(issue_id: int) -> list[int]:
    """Return the groups whose events an issue has."""
    return list(ErrorGroup.objects.filter(issue_id=issue_id).order_by("pk").values_list("pk", flat=True))


def count_by_hour(*, issue_ids: Iterable[int], now: datetime, hours: int = HOURS_SHOWN) -> dict[int, list[int]]:
    """Return for each issue how many events arrived in each of the last hours, the present one last."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    since = this_hour - timedelta(hours=hours - 1)
    ids = list(issue_ids)
    counts = {issue_id: [0] * hours for issue_id in ids}
    rows = (
        ErrorHour.objects.filter(group__issue_id__in=ids, hour__gte=since)
        .values_list("group__issue_id", "hour")
        .annotate(found=Sum("count"))
    )
    for issue_id, hour, found in rows:
        place = int((hour - since).total_seconds() // 3600)
        if 0 <= place < hours:
            counts[issue_id][place] += found
    return counts


def count_tags(*, group_ids: Sequence[int]) -> dict[str, list[TagValue]]:
    """Return the tags of the newest events with their most frequent values, by name."""
    with connection.cursor() as cursor:
        cursor.execute(_TAGS_SQL, [list(group_ids), TAGGED_EVENTS])
        rows = cursor.fetchall()
    totals: dict[str, int] = {}
    for name, _, count in rows:
        totals[name] = totals.get(name, 0) + count
    tags: dict[str, list[TagValue]] = {}
    for name, value, count in rows:
        values = tags.setdefault(name, [])
        if len(values) < VALUES_SHOWN:
            values.append(TagValue(value, count, count / totals[name]))
    return tags


def list_events(*, issue_id: int) -> QuerySet[ErrorEvent]:
    """Return an issue's events that are kept, the newest first."""
    return ErrorEvent.objects.filter(group_id__in=list_group_ids(issue_id)).order_by("-id")


def find_ends(*, group_ids: Sequence[int]) -> tuple[int | None, int | None]:
    """Return the ids of an issue's first and newest events that are kept."""
    events = ErrorEvent.objects.filter(group_id__in=group_ids)
    first = events.order_by("id").values_list("pk", flat=True).first()
    return first, events.order_by("-id").values_list("pk", flat=True).first()


_PEOPLE_SQL = """
WITH newest AS (
    SELECT id, user_key FROM monitoring_errorevent WHERE group_id = ANY(%s) ORDER BY id DESC LIMIT %s
)
SELECT user_key, count(*), max(id) FROM newest WHERE user_key IS NOT NULL
GROUP BY user_key ORDER BY count(*) DESC, max(id) DESC LIMIT %s
"""


#: Of the issues that were seen last, the newest events.
_PEOPLE_OF_RELEASE_SQL = """
SELECT event.user_key, count(*), max(event.id) FROM (
    SELECT kind.id FROM monitoring_errorgroup AS kind JOIN monitoring_errorissue AS issue ON issue.id = kind.issue_id
    WHERE issue.application_id = %s AND issue.last_seen >= %s ORDER BY issue.last_seen DESC LIMIT 100
) AS one CROSS JOIN LATERAL (
    SELECT id, user_key, release FROM monitoring_errorevent
    WHERE group_id = one.id AND received_at >= %s ORDER BY id DESC LIMIT 50
) AS event
WHERE event.release = %s AND event.user_key IS NOT NULL
GROUP BY event.user_key ORDER BY count(*) DESC, max(event.id) DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody an issue happened to: how the newest event calls them, and of how many of the newest events it was them."""

    key: str
    name: str
    count: int


def list_people(*, group_ids: Sequence[int], limit: int = VALUES_SHOWN) -> list[Met]:
    """Return whom the newest events happened to most often."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_SQL, [list(group_ids), TAGGED_EVENTS, limit])
        return _name_people(cursor.fetchall())


def list_people_of_release(
    *, application_id: int, version: str, since: datetime, limit: int = VALUES_SHOWN
) -> list[Met]:
    """Return whom the newest errors of a release happened to most often."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE_OF_RELEASE_SQL, [application_id, since, since, version, limit])
        return _name_people(cursor.fetchall())


def _name_people(rows: Sequence[tuple[Any, int, int]]) -> list[Met]:
    events = ErrorEvent.objects.in_bulk([pk for _, _, pk in rows])
    return [Met(bytes(key).hex(), name_person(events[pk]), count) for key, count, pk in rows if pk in events]


def name_person(event: ErrorEvent) -> str:
    """Return how an event calls the person it happened to."""
    user = read_event(read_document(event), received_at=event.received_at).user
    return next(
        (user[name] for name in ("email", "username", "name", "id", "ip_address") if user.get(name)), "Somebody"
    )


def find_event(*, group_ids: Sequence[int], pk: int | None = None) -> ErrorEvent | None:
    """Return one of an issue's events, without `pk` the newest."""
    events = ErrorEvent.objects.filter(group_id__in=group_ids)
    return events.filter(pk=pk).first() if pk is not None else events.order_by("-id").first()


def find_neighbours(*, group_ids: Sequence[int], pk: int) -> tuple[int | None, int | None]:
    """Return the ids of the events before and after one of an issue's events."""
    events = ErrorEvent.objects.filter(group_id__in=group_ids)
    before = events.filter(pk__lt=pk).order_by("-id").values_list("pk", flat=True).first()
    after = events.filter(pk__gt=pk).order_by("id").values_list("pk", flat=True).first()
    return before, after


_GROUPS_OF_EVENTS_SQL = """
SELECT application_id, event_id, group_id FROM monitoring_errorevent
WHERE (application_id, event_id) IN (SELECT * FROM unnest(%(applications)s::int[], %(events)s::uuid[]))
UNION ALL SELECT application_id, event_id, group_id FROM monitoring_error_counted
WHERE (application_id, event_id) IN (SELECT * FROM unnest(%(applications)s::int[], %(events)s::uuid[]))
"""


def find_group_ids(events: Iterable[tuple[int, UUID]]) -> dict[tuple[int, UUID], int]:
    """Return the groups of events, given and found by (application id, client's id); those not known are left out."""
    wanted = sorted(set(events))
    if not wanted:
        return {}
    with connection.cursor() as cursor:
        columns: dict[str, Any] = {
            "applications": [one for one, _ in wanted],
            "events": [event_id for _, event_id in wanted],
        }
        cursor.execute(_GROUPS_OF_EVENTS_SQL, columns)
        return {(application_id, event_id): group_id for application_id, event_id, group_id in cursor.fetchall()}


def read_document(event: ErrorEvent) -> dict[str, Any]:
    """Return an event as it was kept."""
    document: dict[str, Any] = msgspec.json.decode(decompress(bytes(event.payload)))
    return document


def measure_inbox() -> Inbox:
    """Return what waits and what was set aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE set_aside_at IS NULL), min(received_at) FILTER (WHERE set_aside_at IS NULL),"
            " count(*) FILTER (WHERE set_aside_at IS NOT NULL) FROM monitoring_error_inbox"
        )
        return Inbox(*cursor.fetchone())


def list_set_aside(*, limit: int = 20) -> list[dict[str, Any]]:
    """Return events that nothing could be made of, the newest first: application_id, event_id, set_aside_at, reason."""
    names = ("application_id", "event_id", "set_aside_at", "reason")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT application_id, event_id, set_aside_at, reason FROM monitoring_error_inbox"
            " WHERE set_aside_at IS NOT NULL ORDER BY id DESC LIMIT %s",
            [limit],
        )
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def count_waiting_issues() -> dict[str, int]:
    """Return how many issues are new and how many have come back, by state."""
    issues = ErrorIssue.objects.waiting()
    return dict(issues.values_list("state").annotate(found=Count("pk")).order_by())


def list_critical_rules() -> list[Rule]:
    """Return the patterns in use, the oldest first."""
    rows = CriticalPattern.objects.filter(enabled=True).order_by("pk")
    names = ("pk", "kind", "pattern", "where", "platform", "application_id")
    return [Rule(*row) for row in rows.values_list(*names)]


def find_critical_issues(rule: Rule, *, now: datetime, limit: int = 20) -> tuple[list[ErrorIssue], int, int]:
    """Return issues of the last week that a pattern fits, judged by title, type and level; how many, and of how many."""
    issues = ErrorIssue.objects.unmerged().filter(last_seen__gte=now - CRITICAL_PERIOD)
    if rule.application_id is not None:
        issues = issues.filter(application_id=rule.application_id)
    judged = list(issues.select_related("application").order_by("-last_seen")[:CRITICAL_JUDGED])
    found = [
        issue
        for issue in judged
        if is_met(rule, Candidate(issue.application_id, issue.platform, issue.level, [issue.type], [issue.title]))
    ]
    return found[:limit], len(found), len(judged)


def list_critical_patterns(*, application_id: int) -> QuerySet[CriticalPattern]:
    """Return the patterns that an application's errors are compared with, those of all applications included."""
    return CriticalPattern.objects.filter(Q(application=None) | Q(application_id=application_id)).order_by("pk")


def find_issue_link(*, application_id: int, pk: str) -> tuple[str, str] | None:
    """Return title and address of an application's issue whose id stands in a label; None where it names none."""
    issue = ErrorIssue.objects.filter(pk=read_id(pk), application_id=application_id).first()
    return None if issue is None else (issue.title, issue.get_absolute_url())
