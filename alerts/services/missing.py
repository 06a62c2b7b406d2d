"""What a rule that watches for missing data sees of its series, and what it remembers from one evaluation to the next.

What was there is kept in the database and not asked of the past each time: an evaluation that was missed loses nothing, and
watching costs one more question over samples that were read for the condition anyway. Only a rule that watches something
for the first time, or after a long pause, looks back over the samples.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from alerts.evaluation import Sight
from alerts.labels import fingerprint_labels, identify_series
from alerts.models import Alert, Rule, RuleMemory
from alerts.watched import find_watched, identify_watched
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(hours=1)
"""How far back, beside the rule's own patience, a series may lie that is missed; a longer pause forgets what was there."""

LOOK_BACK_STEP = timedelta(minutes=1)

Series = Mapping[str, Mapping[str, str]]
"""Labels by fingerprint."""

#: Written after the run, for all rules at once; an older evaluation never overwrites a newer one.
_WRITE_SQL = """
INSERT INTO alerts_rulememory AS memory (rule_id, application_id, watched, series, failing_since, written_at)
SELECT new.rule, new.application, new.watched, new.series, new.failing_since, %(now)s
FROM unnest(
    %(rules)s::bigint[], %(applications)s::bigint[], %(watched)s::text[], %(series)s::jsonb[], %(failing)s::timestamptz[]
) AS new(rule, application, watched, series, failing_since)
JOIN alerts_rule AS rule ON rule.id = new.rule AND rule.enabled AND rule.no_data_after_seconds > 0
JOIN monitoring_application AS application ON application.id = new.application
ON CONFLICT (rule_id, application_id) DO UPDATE
    SET watched = excluded.watched, series = excluded.series, failing_since = excluded.failing_since,
        written_at = excluded.written_at
    WHERE memory.written_at <= excluded.written_at
"""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a rule expects of one application: of which queries, and the series.

    `failing_since`: since when it can't look there any more, None if it could the last time.
    """

    watched: str
    series: Series
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What a rule sees of one application: what to decide by, the labels of all series in it, what it watches."""

    sight: Sight
    labels: Series
    watched: str

    def keep(self, fingerprints: Iterable[str]) -> Memory:
        """Return these series as what is to be remembered."""
        return Memory(self.watched, {name: dict(self.labels[name]) for name in sorted(fingerprints)})


def read_memories(rules: Iterable[Rule]) -> dict[tuple[int, int], Memory]:
    """Return what rules that watch for missing data remember, by rule and application; nothing is asked if none does."""
    watching = [rule.pk for rule in rules if rule.no_data_after_seconds]
    if not watching:
        return {}
    rows = RuleMemory.objects.filter(rule__in=watching)
    return {(row.rule_id, row.application_id): Memory(row.watched, row.series, row.failing_since) for row in rows}


def look_at_series(
    *,
    rule: Rule,
    application_id: int,
    storage: promql.Storage,
    alerts: Mapping[str, Alert],
    memory: Memory | None,
    judged_at: datetime | None,
    now: datetime,
) -> Look:
    """Return what a rule that watches for missing data sees; raise BadCondition or PromQLError.

    `judged_at` is when the application judged the rule last, None if never.
    """
    queries = find_watched(rule.condition)
    watched, after = identify_watched(queries), timedelta(seconds=rule.no_data_after_seconds)
    present = _find_present(queries, storage, now)
    missing = {name: _labels_of(alert, rule) for name, alert in alerts.items() if alert.no_data_since is not None}
    expected: dict[str, Mapping[str, str]]
    if memory is None or memory.watched != watched:
        # Something else is watched now: what was missing is so only if it was there under the new condition, too.
        expected = {**_look_back(queries, application_id, after, now)}
    elif _find_pause(memory, judged_at, now) > LOOK_BACK + after:
        firing = {name: labels for name, labels in memory.series.items() if name in alerts}
        expected = {**_look_back(queries, application_id, after, now), **firing, **missing}
    else:
        expected = {**memory.series, **missing}
    sight = Sight(after=after, present=present.keys(), expected=expected.keys())
    return Look(sight, {**expected, **present}, watched)


def write_memories(*, memories: Mapping[tuple[int, int], Memory], now: datetime) -> None:
    """Write what changed, in one statement."""
    if not memories:
        return
    values: dict[str, Any] = {
        "now": now,
        "rules": [rule_id for rule_id, _ in memories],
        "applications": [application_id for _, application_id in memories],
        "watched": [memory.watched for memory in memories.values()],
        "series": [json.dumps(memory.series) for memory in memories.values()],
        "failing": [memory.failing_since for memory in memories.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_SQL, values)


def _find_present(queries: Sequence[promql.Query], storage: promql.Storage, now: datetime) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for query in queries:
        answer = promql.evaluate_instant(query, storage, int(now.timestamp() * 1000))
        assert isinstance(answer, promql.InstantVector), "what is watched is an instant vector, as its condition"
        found |= _identify(labels for labels, _ in answer.elements)
    return found


def _look_back(
    queries: Sequence[promql.Query], application_id: int, after: timedelta, now: datetime
) -> dict[str, dict[str, str]]:
    """Return every series that was there within the last hour and the rule's patience."""
    end = int(now.timestamp() * 1000)
    start = end - int((LOOK_BACK + after).total_seconds() * 1000)
    # Never more steps than a day of minutes: the patience may be weeks.
    step = max(int(LOOK_BACK_STEP.total_seconds() * 1000), (end - start) // 1440)
    storage = SeriesStorage(application_id, now_ms=end)
    found: dict[str, dict[str, str]] = {}
    try:
        for query in queries:
            answer = promql.evaluate_range(query, storage, start, end, step)
            found |= _identify(series.labels for series in answer.series)
    except promql.PromQLError as error:
        # Too much to look back over: it begins with what is there now, and watches that.
        logger.warning("application %s: nothing is known of series of before: %s", application_id, error)
    return found


def _find_pause(memory: Memory, judged_at: datetime | None, now: datetime) -> timedelta:
    """Return for how long nobody could look: since the rule was judged last, or since it fails in this application."""
    looked_at = memory.failing_since or judged_at
    return now - looked_at if looked_at is not None else timedelta.max


def _identify(series: Iterable[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    identities = [identify_series(labels) for labels in series]
    return {fingerprint_labels(identity): identity for identity in identities}


def _labels_of(alert: Alert, rule: Rule) -> dict[str, str]:
    """Return labels to know an open alert's series by; its own are only needed where an alert begins."""
    return {name: value for name, value in alert.labels.items() if name not in rule.labels}
