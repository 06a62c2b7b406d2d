"""What time does to errors: silences end, new issues become ongoing ones, counters are recorded, old events go."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from config.settings import OPTION
from monitoring.errors.enums import IssueState
from monitoring.errors.models import ErrorCounter, ErrorIssue, IssueTransition
from monitoring.errors.services.transitions import change_state
from monitoring.errors.states import ONGOING_AFTER_DAYS
from monitoring.metrics.recording import Point, record_points
from monitoring.partitions import ERROR_EVENTS

METRIC = "application_errors_total"
RECORDED_FOR = timedelta(days=1)
"""A counter without news for so long is not recorded any more; its series ends."""

STEP_MS = 60_000
SET_ASIDE_KEPT = timedelta(days=7)
AT_ONCE = 500


def end_silences(*, now: datetime) -> int:
    """Move issues that were muted until now back to where they wait for somebody; return how many."""
    due = ErrorIssue.objects.filter(state=IssueState.MUTED, muted_until__lte=now)[:AT_ONCE]
    return sum(_move(issue, "It was muted until now.", now) for issue in due)


def age_issues(*, now: datetime) -> int:
    """Call issues ongoing that have been new or regressed for a week; return how many."""
    since = now - timedelta(days=ONGOING_AFTER_DAYS)
    stale = ErrorIssue.objects.filter(state__in=[IssueState.NEW, IssueState.REGRESSED], first_seen__lte=since)
    # A regressed issue counts from when it came back.
    recent = IssueTransition.objects.filter(to_state=IssueState.REGRESSED, at__gt=since).values("issue_id")
    reason = f"It has been open for {ONGOING_AFTER_DAYS} days."
    return sum(_move(issue, reason, now) for issue in stale.exclude(pk__in=recent)[:AT_ONCE])


@transaction.atomic
def _move(issue: ErrorIssue, reason: str, now: datetime) -> int:
    return int(change_state(issue=issue, to=IssueState.ONGOING, at=now, reason=reason) is not None)


def record_counters(*, now: datetime) -> int:
    """Record how many errors there were as points of application_errors_total; return how many were recorded.

    A counter's first point has a 0 a minute before it, so that rules see the first errors as an increase.
    """
    counters = list(ErrorCounter.objects.filter(last_seen__gt=now - RECORDED_FOR).order_by("application_id", "pk"))
    time_ms = int(now.timestamp() * 1000)
    by_application: dict[int, list[Point]] = {}
    for counter in counters:
        points = by_application.setdefault(counter.application_id, [])
        labels = {"level": counter.level, "handled": "true" if counter.handled else "false"}
        if counter.release:
            labels["release"] = counter.release
        if counter.recorded_at is None:
            points.append(Point(METRIC, 0.0, time_ms - STEP_MS, labels))
        points.append(Point(METRIC, float(counter.total), time_ms, labels))
    stored = 0
    for application_id, points in by_application.items():
        stored += record_points(application_id=application_id, points=points).stored
    ErrorCounter.objects.filter(pk__in=[one.pk for one in counters], recorded_at=None).update(recorded_at=now)
    return stored


def prune_set_aside(*, now: datetime) -> int:
    """Remove events that nothing could be made of and nobody looked into for a week; return how many."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM monitoring_error_inbox WHERE set_aside_at < %s", [now - SET_ASIDE_KEPT])
        return int(cursor.rowcount)


_PRUNE_RELEVANT_SQL = """
DELETE FROM {table} AS event WHERE received_at < %s
    OR NOT EXISTS (SELECT FROM monitoring_errorgroup WHERE id = event.group_id)
"""


def prune_relevant(*, now: datetime) -> int:
    """Remove events that outlived their day long enough, or whose issue is gone; return how many.

    They lie in a partition of their own that nothing is written to but at the end of a day.
    """
    if ERROR_EVENTS.find_old_end() is None:
        return 0
    horizon = now - timedelta(days=int(OPTION["ERROR_RELEVANT_RETENTION_DAYS"]))
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE_RELEVANT_SQL.format(table=ERROR_EVENTS.old_name), [horizon])
        return int(cursor.rowcount)


def retry_set_aside() -> int:
    """Let the digest try again what was set aside; return how many events that is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_error_inbox SET set_aside_at = NULL, reason = '' WHERE set_aside_at IS NOT NULL"
        )
        return int(cursor.rowcount)
