"""Critical errors: marked and announced by the digest, counted for rules; the patterns themselves, installed and edited."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from config.outbox.services import publish
from monitoring.errors.critical import MAX_TEXT, SHIPPED, Candidate, Rule, Shipped, check_pattern, find_rule
from monitoring.errors.enums import IssueState
from monitoring.errors.events import ErrorData
from monitoring.errors.models import CriticalPattern, ErrorIssue
from monitoring.errors.selectors import list_critical_rules
from monitoring.metrics.recording import Point, record_points

METRIC = "application_critical_errors_total"
QUIET = timedelta(minutes=30)
"""An issue that was critical less than this ago is not announced again; the built-in rule keeps firing for as long."""

SILENT_MS = 120_000
STEP_MS = 60_000
MAX_LABEL = 120
AT_ONCE = 1000
MERGED_FIELDS = ("name", "kind", "pattern", "where", "platform", "note")

_MARK_SQL = """
UPDATE monitoring_errorissue AS one
SET critical_count = one.critical_count + news.events, critical_at = greatest(one.critical_at, news.seen),
    critical_pattern_id = coalesce(one.critical_pattern_id, news.pattern)
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[]) AS news (id, events, seen, pattern)
WHERE one.id = news.id
"""


def note_critical(events: Iterable[tuple[int, int, ErrorData, datetime]]) -> None:
    """Mark the issues of events that meet a critical pattern, and announce those that were quiet; in the caller's transaction.

    Each event is its issue's id, its application's, what it says and when it arrived. The caller holds the issues' rows.
    """
    rules = list_critical_rules()
    met: dict[int, tuple[Rule, list[datetime]]] = {}
    for issue_id, application_id, data, at in events if rules else ():
        rule = find_rule(rules, make_candidate(application_id, data))
        if rule is not None:
            met.setdefault(issue_id, (rule, []))[1].append(at)
    if not met:
        return
    # A muted issue is counted, but asks nobody.
    issues = list(ErrorIssue.objects.filter(pk__in=met).exclude(state=IssueState.MUTED))
    if not issues:
        return
    news = [(issue.pk, len(met[issue.pk][1]), max(met[issue.pk][1]), met[issue.pk][0].id) for issue in issues]
    with connection.cursor() as cursor:
        cursor.execute(_MARK_SQL, [list(column) for column in zip(*news, strict=True)])
    for issue in issues:
        rule, times = met[issue.pk]
        if issue.critical_at is None or min(times) - issue.critical_at >= QUIET:
            _announce(issue, rule, min(times))


def make_candidate(application_id: int, data: ErrorData) -> Candidate:
    """Return what is judged of an event: every exception of its chain, and its message."""
    texts = [f"{each.type}: {each.value}"[:MAX_TEXT] for each in data.exceptions]
    if data.message:
        texts.append(data.message)
    return Candidate(application_id, data.platform, data.level, [each.type for each in data.exceptions], texts)


def record_critical_counts(*, now: datetime) -> int:
    """Record what is new as points of application_critical_errors_total; return of how many issues.

    A series that was silent gets its former value a minute before, so that rules see the news as an increase.
    """
    fresh = ErrorIssue.objects.filter(critical_count__gt=F("critical_recorded")).select_related("critical_pattern")
    issues = list(fresh.order_by("application_id", "pk").select_for_update(of=("self",), skip_locked=True)[:AT_ONCE])
    time_ms = int(now.timestamp() * 1000)
    by_application: dict[int, list[Point]] = {}
    for issue in issues:
        by_application.setdefault(issue.application_id, []).extend(_make_points(issue, time_ms))
        issue.critical_recorded, issue.critical_recorded_at = issue.critical_count, now
    for application_id, points in by_application.items():
        record_points(application_id=application_id, points=points)
    ErrorIssue.objects.bulk_update(issues, ["critical_recorded", "critical_recorded_at"])
    return len(issues)


def _make_points(issue: ErrorIssue, time_ms: int) -> list[Point]:
    pattern = issue.critical_pattern
    labels = {
        "issue": str(issue.pk),
        "title": " ".join(issue.title.split())[:MAX_LABEL],
        "pattern": pattern.name if pattern is not None else "",
    }
    recorded_at = issue.critical_recorded_at
    points = [Point(METRIC, float(issue.critical_count), time_ms, labels)]
    if recorded_at is None or time_ms - int(recorded_at.timestamp() * 1000) > SILENT_MS:
        points.insert(0, Point(METRIC, float(issue.critical_recorded), time_ms - STEP_MS, labels))
    return points


def _announce(issue: ErrorIssue, rule: Rule, at: datetime) -> None:
    payload = {
        "issue_id": issue.pk,
        "title": issue.title,
        "level": issue.level,
        "at": at.isoformat(),
        "pattern_id": rule.id,
    }
    publish(type="issue.critical", payload=payload, application_id=issue.application_id)


@transaction.atomic
def install_patterns() -> int:
    """Create shipped patterns that are missing, bring older ones up to date where nobody edited them; return how many."""
    known = {
        pattern.builtin_key: pattern for pattern in CriticalPattern.objects.select_for_update().exclude(builtin_key="")
    }
    return sum(_install(known.get(shipped.key), shipped) for shipped in SHIPPED)


def _install(pattern: CriticalPattern | None, shipped: Shipped) -> bool:
    values = {name: value for name, value in asdict(shipped).items() if name in MERGED_FIELDS}
    values["pattern"] = check_pattern(kind=shipped.kind, pattern=shipped.pattern)
    if pattern is None:
        CriticalPattern.objects.create(
            builtin_key=shipped.key, builtin_version=shipped.version, builtin_shipped=values, **values
        )
        return True
    if pattern.builtin_version >= shipped.version:
        return False
    for name, value in values.items():
        if getattr(pattern, name) == pattern.builtin_shipped.get(name):
            setattr(pattern, name, value)
    pattern.builtin_version, pattern.builtin_shipped = shipped.version, values
    pattern.save()
    return True


def save_pattern(*, pattern: CriticalPattern, values: dict[str, Any]) -> CriticalPattern:
    """Write a new or changed pattern. Raises PatternInvalid."""
    for name, value in values.items():
        setattr(pattern, name, value)
    pattern.pattern = check_pattern(kind=pattern.kind, pattern=pattern.pattern)
    pattern.platform = pattern.platform.strip().lower()
    pattern.save()
    return pattern


def delete_pattern(*, pattern: CriticalPattern) -> bool:
    """Delete a pattern; one that came with the product is switched off instead, or it would come back. Return if it is gone."""
    if pattern.builtin_key:
        CriticalPattern.objects.filter(pk=pattern.pk).update(enabled=False)
        return False
    pattern.delete()
    return True
