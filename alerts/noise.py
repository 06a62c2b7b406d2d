"""How much alerts disturb people: messages by rule and by person, at night, flapping, never acknowledged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection

#: Hours of the night, in the site's zone.
NIGHT_FROM, NIGHT_UNTIL = 22, 6
SHOWN = 30

#: Alerts that fired, by rule: how many were told of at night, flapped, nobody acknowledged, lasted under 5 min; and the
#: messages to recipients. One that tells of several alerts of a rule is one message. `all_...` is about every rule, also those not listed.
_RULES_SQL = """
WITH fired AS (SELECT * FROM alerts_alert WHERE fired_at >= %(since)s),
heard AS (
    SELECT fired.id AS alert_id, fired.rule_id, fired.name, fired.severity, delivery.id AS delivery_id,
        (
            extract(hour FROM delivery.created_at AT TIME ZONE %(zone)s) >= %(night_from)s
            OR extract(hour FROM delivery.created_at AT TIME ZONE %(zone)s) < %(night_until)s
        ) AS night
    FROM fired
    JOIN alerts_notice AS notice ON notice.firing @> ARRAY[fired.id]
    JOIN config_delivery AS delivery
        ON delivery.source = 'notice' AND delivery.source_id = notice.id::text AND delivery.state <> 'suppressed'
),
counted AS (
    SELECT rule_id, name, severity, count(DISTINCT delivery_id) AS messages FROM heard GROUP BY rule_id, name, severity
),
by_rule AS (
    SELECT alert.rule_id, alert.name, alert.severity, count(*) AS fired,
        count(*) FILTER (WHERE EXISTS (SELECT FROM heard WHERE heard.alert_id = alert.id AND heard.night)) AS at_night,
        count(*) FILTER (WHERE flapped.alert_id IS NOT NULL) AS flapping,
        count(*) FILTER (WHERE alert.acknowledged_at IS NULL AND noted.alert_id IS NULL) AS ignored,
        count(*) FILTER (WHERE alert.resolved_at < alert.fired_at + interval '5 minutes') AS short,
        coalesce(max(counted.messages), 0)::int AS messages
    FROM fired AS alert
    LEFT JOIN counted ON counted.rule_id IS NOT DISTINCT FROM alert.rule_id
        AND counted.name = alert.name AND counted.severity = alert.severity
    LEFT JOIN (SELECT DISTINCT alert_id FROM alerts_hold WHERE kind = 'flapping') AS flapped ON flapped.alert_id = alert.id
    LEFT JOIN (SELECT DISTINCT alert_id FROM alerts_alertcomment WHERE kind = 'acknowledged') AS noted
        ON noted.alert_id = alert.id
    GROUP BY alert.rule_id, alert.name, alert.severity
)
SELECT by_rule.*, count(*) OVER () AS all_rules, (sum(fired) OVER ())::bigint AS all_fired,
    (sum(ignored) OVER ())::bigint AS all_ignored
FROM by_rule ORDER BY messages DESC, fired DESC, name LIMIT %(shown)s
"""

#: Messages by person: all, those of the night, and by address. An address is a person's if it is their account's mail or a
#: verified contact, and nobody else's; any other, like a team's list, stands for itself. `all_...` is about everybody.
_PEOPLE_SQL = """
WITH known AS (
    SELECT lower(label) AS address, user_id FROM alerts_contactmethod WHERE verified_at IS NOT NULL
    UNION SELECT lower(email), id FROM auth_user WHERE email <> ''
),
owned AS (
    SELECT address, min(user_id) AS user_id FROM known GROUP BY address HAVING count(DISTINCT user_id) = 1
),
told AS (
    SELECT coalesce(owned.user_id::text, delivery.recipient || ' ' || delivery.channel) AS who, owned.user_id,
        delivery.recipient, delivery.channel, (delivery.created_at AT TIME ZONE %(zone)s)::date AS day,
        (
            extract(hour FROM delivery.created_at AT TIME ZONE %(zone)s) >= %(night_from)s
            OR extract(hour FROM delivery.created_at AT TIME ZONE %(zone)s) < %(night_until)s
        ) AS night
    FROM config_delivery AS delivery LEFT JOIN owned ON owned.address = lower(delivery.recipient)
    WHERE delivery.source = 'notice' AND delivery.state <> 'suppressed' AND delivery.created_at >= %(since)s
),
by_address AS (
    SELECT who, json_agg(json_build_array(recipient, channel, messages) ORDER BY messages DESC, recipient) AS addresses
    FROM (SELECT who, recipient, channel, count(*) AS messages FROM told GROUP BY who, recipient, channel) AS each_one
    GROUP BY who
),
by_person AS (
    SELECT who, min(user_id) AS user_id, count(*) AS messages, count(*) FILTER (WHERE night) AS at_night,
        count(DISTINCT day) AS days
    FROM told GROUP BY who
)
SELECT by_person.user_id AS person_id, addresses, messages, at_night, days,
    coalesce(nullif(trim(person.first_name || ' ' || person.last_name), ''), person.username, '') AS name,
    count(*) OVER () AS all_people, (sum(messages) OVER ())::bigint AS all_messages,
    (sum(at_night) OVER ())::bigint AS all_at_night
FROM by_person JOIN by_address USING (who) LEFT JOIN auth_user AS person ON person.id = by_person.user_id
ORDER BY messages DESC, name, who LIMIT %(shown)s
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
class Address:
    """Where messages went, by which way, and how many."""

    recipient: str
    channel: str
    messages: int


@dataclass(frozen=True, slots=True)
class Disturbed:
    """How many messages a person got by all of their addresses, how many of them at night, on how many days.

    `person_id` None, without a name: an address that is not one person's alone, like a team's.
    """

    person_id: int | None
    name: str
    addresses: tuple[Address, ...]
    messages: int
    at_night: int
    days: int


@dataclass(frozen=True, slots=True)
class NoisyRules:
    """The noisiest rules of `count`, at most SHOWN; how often alerts of all of them fired and were not acknowledged."""

    rules: list[NoisyRule]
    count: int
    fired: int
    ignored: int


@dataclass(frozen=True, slots=True)
class DisturbedPeople:
    """Who was disturbed most, at most SHOWN of `count`; how many messages all of them got, and how many of these at night."""

    people: list[Disturbed]
    count: int
    messages: int
    at_night: int


def list_noisy_rules(*, since: datetime) -> NoisyRules:
    """Return the rules whose alerts fired since a time, the noisiest first, and the totals of all."""
    rows = _ask(_RULES_SQL, since)
    totals = _take_totals(rows, ("all_rules", "all_fired", "all_ignored"))
    return NoisyRules([NoisyRule(**row) for row in rows], *totals)


def list_disturbed(*, since: datetime) -> DisturbedPeople:
    """Return who got messages of alerts since a time, whoever got most first, and the totals of all."""
    rows = _ask(_PEOPLE_SQL, since)
    totals = _take_totals(rows, ("all_people", "all_messages", "all_at_night"))
    people = [
        Disturbed(**{**row, "addresses": tuple(Address(*each) for each in _read_json(row["addresses"]))})
        for row in rows
    ]
    return DisturbedPeople(people, *totals)


def _take_totals(rows: Iterable[dict[str, Any]], names: Sequence[str]) -> list[int]:
    """Take the totals, which every row has, out of the rows; zeros if there is none."""
    taken = [[int(row.pop(name)) for name in names] for row in rows]
    return taken[0] if taken else [0] * len(names)


def _read_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _ask(sql: str, since: datetime) -> list[dict[str, Any]]:
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
