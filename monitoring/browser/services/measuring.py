"""How pages did in the last hour, as points: what rules and charts read.

Everything is a gauge over the last hour. Counts are too: a measurement grows while its page is open, so it may move from good
to poor, and a counter that goes down would be taken for one that began anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from monitoring.applications.models import Application
from monitoring.browser.targets import QUANTILE, Rating, count_views, limits
from monitoring.metrics.recording import Point, record_points

P75_SECONDS = "browser_web_vital_p75_seconds"
P75_SHIFT = "browser_cumulative_layout_shift_p75"
MEASUREMENTS = "browser_web_vital_measurements"
PAGE_VIEWS = "browser_page_views"
FAILED_ASSETS = "browser_failed_assets"
WINDOW = timedelta(hours=1)

#: One walk over the last hour for all applications; the index by application and time keeps it to that hour.
_READ_SQL = """
SELECT vital.application_id, vital.name, count(*), percentile_cont(%s) WITHIN GROUP (ORDER BY value),
    count(*) FILTER (WHERE value < target.good), count(*) FILTER (WHERE value > target.poor)
FROM monitoring_browservital AS vital
LEFT JOIN unnest(%s::text[], %s::float8[], %s::float8[]) AS target (name, good, poor) ON target.name = vital.name
WHERE vital.application_id = ANY(%s) AND at > %s AND at <= %s AND value >= 0 AND value < 'infinity'
GROUP BY 1, 2 ORDER BY 1, 2
"""


def record_vitals(*, now: datetime) -> int:
    """Record p75, ratings and page views of the last hour for every application with some; return how many points were stored."""
    time_ms = int(now.timestamp() * 1000)
    points: dict[int, list[Point]] = {}
    counts: dict[int, dict[str, int]] = {}
    for application_id, name, count, p75, good, poor in _read(now):
        counts.setdefault(application_id, {})[name] = count
        points.setdefault(application_id, []).extend(_describe(name, count, p75, good, poor, time_ms))
    for application_id, found in counts.items():
        points[application_id].append(Point(PAGE_VIEWS, float(count_views(found)), time_ms))
        points[application_id].append(Point(FAILED_ASSETS, float(found.get("asset_failed", 0)), time_ms))
    return sum(
        record_points(application_id=application_id, points=some).stored for application_id, some in points.items()
    )


def _read(now: datetime) -> list[tuple[int, str, int, float, int, int]]:
    ids = list(Application.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_READ_SQL, [QUANTILE, *limits(), ids, now - WINDOW, now])
        rows: list[tuple[int, str, int, float, int, int]] = cursor.fetchall()
    return rows


def _describe(name: str, count: int, p75: float, good: int, poor: int, time_ms: int) -> list[Point]:
    if name == "asset_failed":
        return []
    figure = Point(P75_SHIFT, p75, time_ms) if name == "cls" else Point(P75_SECONDS, p75, time_ms, {"vital": name})
    ratings = {Rating.GOOD: good, Rating.NEEDS_WORK: count - good - poor, Rating.POOR: poor}
    return [
        figure,
        *(
            Point(MEASUREMENTS, float(number), time_ms, {"vital": name, "rating": rating.value})
            for rating, number in ratings.items()
        ),
    ]
