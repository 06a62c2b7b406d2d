"""How many lines there were, as points: what rules and charts read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Max, Sum

from monitoring.logs.models import LogCounter
from monitoring.metrics.recording import Point, record_points

METRIC = "log_records_total"
RECORDED_FOR = timedelta(days=1)
STEP_MS = 60_000


def record_log_counts(*, now: datetime) -> int:
    """Record log_records_total for severities with news within a day; return how many points were stored.

    A counter that was silent gets its former value a minute before, so that rules see the first lines as an increase.
    """
    fresh = LogCounter.objects.values("application_id", "severity").annotate(
        sum=Sum("total"), was=Sum("recorded"), newest=Max("last_seen"), recorded_last=Max("recorded_at")
    )
    time_ms = int(now.timestamp() * 1000)
    by_application: dict[int, list[Point]] = {}
    for row in fresh.filter(newest__gt=now - RECORDED_FOR).order_by("application_id", "severity"):
        points = by_application.setdefault(row["application_id"], [])
        labels = {"severity": row["severity"]}
        if row["recorded_last"] is None or now - row["recorded_last"] > RECORDED_FOR:
            points.append(Point(METRIC, float(row["was"]), time_ms - STEP_MS, labels))
        points.append(Point(METRIC, float(row["sum"]), time_ms, labels))
    stored = 0
    for application_id, points in by_application.items():
        stored += record_points(application_id=application_id, points=points).stored
        news = LogCounter.objects.filter(application_id=application_id, total__gt=F("recorded"))
        news.update(recorded=F("total"), recorded_at=now)
    return stored
