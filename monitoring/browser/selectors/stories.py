"""One page's story from single measurements: slow files, long tasks, which element it was, who was there, what broke."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import connection

from monitoring.browser.hours import Bundle, make_hour
from monitoring.browser.models import BrowserVital
from monitoring.browser.pages import template_path
from monitoring.browser.summaries import Member, Summary, Tally, order_members, summarise
from monitoring.browser.targets import COLUMNS, JUDGED, QUANTILE
from monitoring.errors.models import ErrorIssue
from monitoring.metrics.sketch import Sketch
from monitoring.usage.models import UsageEvent

#: Of a page that many people use the newest say it all.
NEWEST = 20_000
SHOWN, SHOWN_NEWEST = 8, 20

#: Elements for what is felt, files and tasks for why.
_DETAILS_SQL = """
SELECT name, detail, count(*), percentile_cont(%s) WITHIN GROUP (ORDER BY value), max(value) FROM (
    SELECT name, detail, value FROM monitoring_browservital
    WHERE application_id = %s AND page = %s AND at >= %s AND detail <> '' ORDER BY at DESC LIMIT %s
) AS newest GROUP BY 1, 2
"""
#: What the newest views of a page measured, of each vital by what browser and network they had.
_VALUES_SQL = """
SELECT name, device, browser, connection, array_agg(value) FROM (
    SELECT name, device, browser, connection, value FROM monitoring_browservital
    WHERE application_id = %s AND page = %s AND at >= %s AND name = ANY(%s) ORDER BY at DESC LIMIT %s
) AS newest GROUP BY 1, 2, 3, 4
"""
#: The issues that were seen last, and where the newest events of each happened.
_ERRORS_SQL = """
SELECT issue.id, event.tags ->> 'url', event.tags ->> 'transaction', count(*)
FROM (
    SELECT id FROM monitoring_errorissue WHERE application_id = %s AND last_seen >= %s AND merged_into_id IS NULL
    ORDER BY last_seen DESC LIMIT 100
) AS issue
JOIN monitoring_errorgroup AS kind ON kind.issue_id = issue.id
CROSS JOIN LATERAL (
    SELECT tags FROM monitoring_errorevent
    WHERE group_id = kind.id AND received_at >= %s ORDER BY id DESC LIMIT 20
) AS event
GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Detail:
    """What measurements of one vital name: a file, or an element. Values are the vital's."""

    name: str
    detail: str
    count: int
    p75: float
    worst: float


def list_details(*, application_id: int, page: str, since: datetime) -> dict[str, list[Detail]]:
    """Return by vital what its newest measurements name, what costs most in sum first."""
    with connection.cursor() as cursor:
        cursor.execute(_DETAILS_SQL, [QUANTILE, application_id, page, since, NEWEST])
        found = [Detail(*row) for row in cursor.fetchall()]
    ranked = sorted(found, key=lambda one: (-one.p75 * one.count, -one.count, one.detail))
    by_name: dict[str, list[Detail]] = {}
    for one in ranked:
        by_name.setdefault(one.name, []).append(one)
    return {name: some[:SHOWN] for name, some in by_name.items()}


def break_down(
    *, application_id: int, page: str, since: datetime
) -> dict[str, list[tuple[Member, dict[str, Summary]]]]:
    """Return how the newest views of a page went, by dimension (device, browser, connection) and its members.

    Hours are kept for one dimension at a time, so a page's devices come from the measurements themselves.
    """
    with connection.cursor() as cursor:
        cursor.execute(_VALUES_SQL, [application_id, page, since, list(COLUMNS), NEWEST])
        bundles = [
            Bundle(name, (page, device, browser, network, ""), np.array(values))
            for name, device, browser, network, values in cursor.fetchall()
        ]
    tallies: dict[str, dict[str, dict[str, Tally]]] = defaultdict(lambda: defaultdict(dict))
    sketches: dict[str, dict[str, dict[str, Sketch]]] = defaultdict(lambda: defaultdict(dict))
    for row in make_hour(bundles):
        tallies[row.dimension][row.member][row.name] = Tally(row.count, row.good, row.poor)
        sketches[row.dimension][row.member][row.name] = row.sketch
    return {
        dimension: [
            (one, summarise(one.tallies, sketches[dimension][one.name]))
            for one in order_members([Member(*member) for member in members.items()], by="views")[:SHOWN]
        ]
        for dimension, members in tallies.items()
    }


def list_newest(*, application_id: int, page: str, since: datetime) -> list[BrowserVital]:
    """Return a page's newest measurements of what people feel."""
    felt = [name for name in JUDGED if name not in {"asset", "longtask"}]
    rows = BrowserVital.objects.filter(application_id=application_id, page=page, at__gte=since, name__in=felt)
    return list(rows.order_by("-at", "record_id")[:SHOWN_NEWEST])


def list_rage_clicks(*, application_id: int, page: str, since: datetime) -> list[tuple[str, int]]:
    """Return what people of a page clicked in anger, the most frequent first."""
    events = UsageEvent.objects.filter(application_id=application_id, kind="rage_click", at__gte=since, page=page)
    targets = events.order_by("-at").values_list("target", flat=True)[:NEWEST]
    return Counter(targets).most_common(SHOWN)


def list_page_issues(*, application_id: int, page: str, since: datetime) -> list[tuple[ErrorIssue, int]]:
    """Return errors whose newest events name this page as where they happened, and how many of those do.

    The hundred issues seen last are asked for their last twenty events: enough to say that, not to count them.
    """
    counts: Counter[int] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(_ERRORS_SQL, [application_id, since, since])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    for issue_id, url, transaction, count in rows:
        if page in {template_path(url or ""), transaction}:
            counts[issue_id] += count
    issues = ErrorIssue.objects.in_bulk([issue_id for issue_id, _ in counts.most_common(SHOWN)])
    return [(issues[issue_id], count) for issue_id, count in counts.most_common(SHOWN) if issue_id in issues]
