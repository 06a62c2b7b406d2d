"""How much alerts disturb people: messages by rule and by recipient, at night, flapping, never acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

#: Hours of the night, in the site's zone.
NIGHT_FROM, NIGHT_UNTIL = 22, 6
SHOWN = 30

#: Alerts that fired, by rule: how many were told of, how often at night, flapped, nobody acknowledged, lasted under 5 min.
_RULES_SQL = """
SELECT alert.rule_id, alert.name, alert.severity, count(*) AS fired,
    count(*) FILTER (WHERE told.night) AS at_night,
    count(*) FILTER (WHERE flapped.alert_id IS NOT NULL) AS flapping,
    count(*) FILTER (WHERE alert.acknowledged_at IS NULL AND noted.alert_id IS NULL) AS ignored,
    count(*) FILTER (WHERE alert.resolved_at < alert.fired_at + interval '5 minutes') AS short,
    coalesce(sum(told.messages), 0)::int AS messages
FROM alerts_alert AS alert
LEFT JOIN LATERAL (
    SELECT count(*) AS messages, bool_or(
        extract(hour FROM notice.at AT TIME ZONE %(zone)s) >= %(night_from)s
        OR extract(hour FROM notice.at AT TIME ZONE %(zone)s) < %(night_until)s
    ) AS night
    FROM alerts_notice AS notice WHERE notice.firing @> ARRAY[alert.id]
) AS told ON true
LEFT JOIN (SELECT DISTINCT alert_id FROM alerts_hold WHERE kind = 'flapping') AS flapped ON flapped.alert_id = alert.id
LEFT JOIN (SELECT DISTINCT alert_id FROM alerts_alertcomment WHERE kind = 'acknowledged') AS noted
    ON noted.alert_id = alert.id
WHERE alert.fired_at >= %(since)s
GROUP BY alert.rule_id, alert.name, alert.severity
ORDER BY messages DESC, fired DESC, alert.name LIMIT %(shown)s
"""

#: Messages by recipient: all, and those of the night.
_PEOPLE_SQL = """
SELECT recipient, channel, count(*) AS messages,
    count(*) FILTER (
        WHERE extract(hour FROM created_at AT TIME ZONE %(zone)s) >= %(night_from)s
        OR extract(hour FROM created_at AT TIME ZONE %(zone)s) < %(night_until)s
    ) AS at_night,
    count(DISTINCT (created_at AT TIME ZONE %(zone)s)::date) AS days
FROM config_delivery
WHERE source = 'notice' AND state <> 'suppressed' AND created_at >= %(since)s
GROUP BY recipient, channel ORDER BY messages DESC, recipient LIMIT %(shown)s
"""


@dataclass(frozen=True, slots=True)
class NoisyRule:
    """How often a rule's alerts fired and disturbed. `rule_id` None: it is deleted, or the alerts came from elsewhere."""

    rule_id: int | None
    name: str
    severity: str
    fired: int
    at_night: int
    flapping: int
    ignored: int
    short: int
    messages: int

    @property
    def advice(self) -> str:
        """What would make it quieter, in words; empty if nothing stands out."""
        if self.fired >= 5 and self.flapping * 2 >= self.fired:
            return "Flutters: give it a clear condition, or a longer “for”."
        if self.fired >= 5 and self.short * 2 >= self.fired:
            return "Mostly over within 5 min: a longer “for” would spare people."
        if self.messages and self.fired >= 5 and self.ignored == self.fired:
            return "Nobody ever acknowledged it: is it worth a message?"
        return ""


@dataclass(frozen=True, slots=True)
class Disturbed:
    """How many messages a recipient got, how many of them at night, on how many days."""

    recipient: str
    channel: str
    messages: int
    at_night: int
    days: int


def list_noisy_rules(*, since: datetime) -> list[NoisyRule]:
    """Return the rules whose alerts fired since a time, the noisiest first; at most SHOWN."""
    return [NoisyRule(**row) for row in _ask(_RULES_SQL, since)]


def list_disturbed(*, since: datetime) -> list[Disturbed]:
    """Return who got messages of alerts since a time, whoever got most first; at most SHOWN."""
    return [Disturbed(**row) for row in _ask(_PEOPLE_SQL, since)]


def _ask(sql: str, since: datetime) -> Iterable[Mapping[str, Any]]:
    values = {
        "since": since,
        "zone": settings.TIME_ZONE,
        "night_from": NIGHT_FROM,
        "night_until": NIGHT_UNTIL,
        "shown": SHOWN,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
