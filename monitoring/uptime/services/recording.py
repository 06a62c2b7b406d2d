"""Results as points: what rules and charts read.

The state is recorded with every result and again every minute, so that rules see it however rarely a check looks. While
a check is down a second series says so with the reason as a label; the reason of an outage stays the one it began with, so
that one outage is one series and one alert. The end of an outage is recorded for OUTAGE_END_SECONDS, longer than
rules need to hear of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import DatabaseError

from monitoring.metrics.recording import Point, record_points
from monitoring.uptime.enums import CheckState
from monitoring.uptime.judgement import Finding
from monitoring.uptime.models import Check

logger = logging.getLogger(__name__)

UP = "uptime_check_up"
DOWN = "uptime_check_down"
DURATION = "uptime_check_duration_seconds"
TLS_DAYS = "uptime_tls_expiry_days"
OUTAGE_END_SECONDS = 3600


def record_result(check: Check, finding: Finding, *, now: datetime) -> None:
    """Record what a look found. A failure to record is logged: the next minute records the state again."""
    time_ms = int(now.timestamp() * 1000)
    labels = check.labels()
    points = [*_state_points(check, time_ms)]
    if finding.duration_seconds is not None:
        points.append(Point(DURATION, finding.duration_seconds, time_ms, labels))
    if finding.tls_days is not None:
        points.append(Point(TLS_DAYS, finding.tls_days, time_ms, labels))
    _record(check.application_id, points)


def record_state(check: Check, *, now: datetime) -> None:
    """Record where a check stands, after someone changed that."""
    _record(check.application_id, list(_state_points(check, int(now.timestamp() * 1000))))


def record_states(*, now: datetime) -> int:
    """Record where all checks stand; return how many points were recorded. Ends what was said of outages long over."""
    time_ms = int(now.timestamp() * 1000)
    by_application: dict[int, list[Point]] = {}
    for check in Check.objects.exclude(state__in=[CheckState.NEW, CheckState.PAUSED], outage_labels={}):
        by_application.setdefault(check.application_id, []).extend(_state_points(check, time_ms))
    for application_id, points in by_application.items():
        _record(application_id, points)
    over = now - timedelta(seconds=OUTAGE_END_SECONDS)
    forgotten = Check.objects.exclude(state=CheckState.DOWN).exclude(outage_labels={})
    forgotten.filter(changed_at__lt=over).update(outage_labels={})
    return sum(len(points) for points in by_application.values())


def _state_points(check: Check, time_ms: int) -> Iterable[Point]:
    state = CheckState(check.state)
    if state in {CheckState.UP, CheckState.PENDING, CheckState.DOWN}:
        yield Point(UP, 0.0 if state is CheckState.DOWN else 1.0, time_ms, check.labels())
    if check.outage_labels:
        yield Point(DOWN, 1.0 if state is CheckState.DOWN else 0.0, time_ms, check.outage_labels)


def _record(application_id: int, points: list[Point]) -> None:
    if not points:
        return
    try:
        record_points(application_id=application_id, points=points)
    except DatabaseError:
        logger.exception("what checks of application %s found could not be recorded", application_id)
