"""Alerts from outside: what other systems report begins, goes on or ends, in one transaction for each request.

Requests of one application take turns, so that whatever senders repeat, mix up or send at once, there is one open alert for
each thing they tell of. What only says that an alert goes on is one statement for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from alerts.enums import AlertSource, AlertState, GroupState, NoteKind, Severity
from alerts.incoming.judgement import LATE_FOR, LATE_ONCE_FOR, Effect, Ended, judge
from alerts.incoming.reports import Report, keep_newest
from alerts.models import Alert, AlertComment, AlertGroup, AlertTransition, GroupMember
from alerts.services.grouping import join_groups
from alerts.services.telling import publish_transition
from alerts.services.transitions import check_transition, resolve_alerts
from monitoring.applications.selectors import list_applications
from monitoring.losses.enums import Signal
from monitoring.losses.services import Intake, count_intake

MAX_OPEN = 5_000
"""Open alerts from outside that an application may have."""
EXPIRE_SIZE = 1_000
"""Alerts that one turn lets expire."""
LOCK_CLASS = 0x616C6578  # "alex"

#: Says of open alerts that they go on. An older report never brings an expiry nearer.
_REFRESH_SQL = """
UPDATE alerts_alert AS alert SET
    last_seen_at = greatest(alert.last_seen_at, %(now)s),
    expires_at = CASE WHEN new.expires_at IS NULL THEN NULL ELSE greatest(alert.expires_at, new.expires_at) END,
    value = coalesce(new.value, alert.value)
FROM unnest(%(ids)s::bigint[], %(expiries)s::timestamptz[], %(values)s::float8[]) AS new(id, expires_at, value)
WHERE alert.id = new.id AND alert.state = 'firing'
"""

#: Writes what changed in how open alerts are described. Whoever looks after one did not know that it would get worse: the
#: acknowledgement ends with the next turn, like one whose time is over.
_DESCRIBE_SQL = """
UPDATE alerts_alert AS alert SET
    name = new.name, severity = new.severity, labels = new.labels, annotations = new.annotations, generator_url = new.url,
    acknowledged_until = CASE
        WHEN alert.acknowledged_at IS NOT NULL AND alert.severity <> new.severity THEN %(now)s
        ELSE alert.acknowledged_until
    END
FROM unnest(
    %(ids)s::bigint[], %(names)s::text[], %(severities)s::text[], %(labels)s::jsonb[], %(annotations)s::jsonb[], %(urls)s::text[]
) AS new(id, name, severity, labels, annotations, url)
WHERE alert.id = new.id AND alert.state = 'firing'
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the reports of a request. `limited` are the places in the body of those beyond MAX_OPEN."""

    begun: int
    refreshed: int
    ended: int
    limited: tuple[int, ...]


@transaction.atomic
def take_reports(
    *, application_id: int, source: AlertSource, reports: Sequence[Report], refused: int, now: datetime
) -> Taken:
    """Begin, refresh and end an application's alerts as a sender reports them; count them in the loss account.

    `refused` is how many others of the request could not be read. Raises Application.DoesNotExist if it was removed.
    """
    application = list_applications().get(pk=application_id)
    _wait_for_turn(application_id)
    newest = keep_newest(reports)
    alerts = _lock_open(application_id, source, newest)
    ended = _list_ended(application_id, source, [one for one in newest if one.fingerprint not in alerts], now)
    late_for = LATE_FOR if source == AlertSource.PROMETHEUS else LATE_ONCE_FOR
    by_effect: dict[Effect, list[Report]] = {effect: [] for effect in Effect}
    for report in newest:
        alert = alerts.get(report.fingerprint)
        began_at = None if alert is None else alert.active_since
        last = ended.get(report.fingerprint)
        effect = judge(report, began_at=began_at, ended=last, late_for=late_for, now=now)
        by_effect[effect].append(report)
    _end(by_effect[Effect.END], alerts, application, now)
    worse = _refresh(by_effect[Effect.REFRESH], alerts, now)
    begins = by_effect[Effect.BEGIN]
    room = _measure_room(application_id) if begins else 0
    begun = _begin(begins[:room], application, source, now)
    _tell(begun, worse, application, now)
    limited = tuple(sorted(report.index for report in begins[room:]))
    count_intake(
        intakes=[
            Intake(
                application_id,
                Signal.ALERTS,
                stored=len(reports) - len(limited),
                refused=refused,
                limited=len(limited),
            )
        ],
        now=now,
    )
    return Taken(
        begun=len(begins) - len(limited),
        refreshed=len(by_effect[Effect.REFRESH]),
        ended=len(by_effect[Effect.END]),
        limited=limited,
    )


@transaction.atomic
def expire_alerts(*, now: datetime) -> int:
    """End alerts from outside of which there was no news in time; return how many."""
    silent = (
        Alert.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        .filter(state=AlertState.FIRING, expires_at__lte=now)
        .exclude(source="")
        .select_related("application")
        .order_by("pk")[:EXPIRE_SIZE]
    )
    by_source: dict[str, list[Alert]] = {}
    for alert in silent:
        by_source.setdefault(alert.get_source_display(), []).append(alert)
    moved = 0
    for source, alerts in by_source.items():
        reason = f"{source} had no more news of it in the time that it had set."
        for alert, transition in resolve_alerts(alerts=alerts, at=now, reason=reason):
            publish_transition(alert=alert, transition=transition)
            moved += 1
    return moved


def _wait_for_turn(application_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, application_id & 0x7FFFFFFF])


def _lock_open(application_id: int, source: AlertSource, reports: Sequence[Report]) -> dict[str, Alert]:
    """Return the open alerts that reports are about, by fingerprint. Locked: they neither expire nor are closed meanwhile."""
    alerts = (
        Alert.objects.open()
        .select_for_update(no_key=True)
        .filter(application_id=application_id, source=source, fingerprint__in=[one.fingerprint for one in reports])
        .order_by("pk")
        .defer("trail")
    )
    return {alert.fingerprint: alert for alert in alerts}


def _list_ended(application_id: int, source: AlertSource, reports: Sequence[Report], now: datetime) -> dict[str, Ended]:
    """Return the newest end that the sender told of lately, by fingerprint."""
    firing = [report.fingerprint for report in reports if report.is_firing]
    if not firing:
        return {}
    rows = Alert.objects.filter(
        application_id=application_id,
        source=source,
        fingerprint__in=firing,
        source_ended_at__isnull=False,
        resolved_at__gte=now - LATE_FOR,
    ).order_by("resolved_at", "pk")
    values = rows.values_list("fingerprint", "source_ended_at", "resolved_at")
    return {
        fingerprint: Ended(ended_at, heard_at)
        for fingerprint, ended_at, heard_at in values
        if ended_at is not None and heard_at is not None
    }


def _measure_room(application_id: int) -> int:
    return max(0, MAX_OPEN - Alert.objects.open().filter(application_id=application_id).exclude(source="").count())


def _begin(reports: Sequence[Report], application: Any, source: AlertSource, now: datetime) -> list[Alert]:
    if not reports:
        return []
    check_transition(AlertState.INACTIVE, AlertState.FIRING)
    alerts = Alert.objects.bulk_create(_build(report, application, source, now) for report in reports)
    transitions = AlertTransition.objects.bulk_create(
        AlertTransition(
            alert=alert,
            from_state=AlertState.INACTIVE,
            to_state=AlertState.FIRING,
            at=now,
            value=alert.value,
            reason=f"{source.label} reported it.",
        )
        for alert in alerts
    )
    for alert, transition in zip(alerts, transitions, strict=True):
        publish_transition(alert=alert, transition=transition)
    return alerts


def _build(report: Report, application: Any, source: AlertSource, now: datetime) -> Alert:
    return Alert(
        application=application,
        source=source,
        name=report.name,
        fingerprint=report.fingerprint,
        labels=dict(report.labels),
        annotations=dict(report.annotations),
        severity=report.severity,
        state=AlertState.FIRING,
        value=report.value,
        trail=[],
        # A sender whose clock is ahead of ours does not make an alert begin in the future.
        active_since=min(report.starts_at or now, now),
        fired_at=now,
        last_seen_at=now,
        expires_at=report.ends_at,
        generator_url=report.url,
    )


def _refresh(reports: Sequence[Report], alerts: Mapping[str, Alert], now: datetime) -> list[Alert]:
    """Note that alerts go on, and how they are described by now; return those that became worse."""
    if not reports:
        return []
    pairs = [(report, alerts[report.fingerprint]) for report in reports]
    with connection.cursor() as cursor:
        cursor.execute(
            _REFRESH_SQL,
            {
                "now": now,
                "ids": [alert.pk for _, alert in pairs],
                "expiries": [report.ends_at for report, _ in pairs],
                "values": [report.value for report, _ in pairs],
            },
        )
    before = {alert.pk: alert.severity for _, alert in pairs}
    _describe([alert for report, alert in pairs if _follow(report, alert)], now)
    return [alert for _, alert in pairs if alert.severity != before[alert.pk]]


def _follow(report: Report, alert: Alert) -> bool:
    """Describe an alert as its newest report does; return whether that changed anything.

    A lesser severity waits for its end: what goes to and fro is told of once, and an older report makes nothing harmless.
    """
    severity = max(report.severity, alert.severity, key=Severity.values.index)
    wanted = (report.name, severity, dict(report.labels), dict(report.annotations), report.url)
    if wanted == (alert.name, alert.severity, alert.labels, alert.annotations, alert.generator_url):
        return False
    alert.name, alert.severity, alert.labels, alert.annotations, alert.generator_url = wanted
    return True


def _describe(alerts: Sequence[Alert], now: datetime) -> None:
    if not alerts:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _DESCRIBE_SQL,
            {
                "now": now,
                "ids": [alert.pk for alert in alerts],
                "names": [alert.name for alert in alerts],
                "severities": [alert.severity for alert in alerts],
                "labels": [json.dumps(alert.labels) for alert in alerts],
                "annotations": [json.dumps(alert.annotations) for alert in alerts],
                "urls": [alert.generator_url for alert in alerts],
            },
        )


def _tell(begun: Sequence[Alert], worse: Sequence[Alert], application: Any, now: datetime) -> None:
    """Have alerts told of that begin, and at once those that became worse: to whom they reach now, and to who was told before."""
    for alert in worse:
        alert.application = application
    AlertComment.objects.bulk_create(
        AlertComment(
            alert=alert,
            kind=NoteKind.COMMENT,
            author_name=alert.get_source_display(),
            text=f"It is reported as {alert.get_severity_display().lower()} now.",
        )
        for alert in worse
    )
    ids = {alert.pk for alert in worse}
    open_members = GroupMember.objects.filter(alert_id__in=ids, is_done=False, group__state=GroupState.OPEN)
    joined = list(open_members.values_list("alert_id", "group__destination", "group_id", "group__key"))
    join_groups(
        rule=None,
        alerts=[*begun, *worse],
        now=now,
        known={(alert_id, destination) for alert_id, destination, _, _ in joined},
        also_locked={key for _, _, _, key in joined},
    )
    for group in AlertGroup.objects.filter(pk__in={pk for _, _, pk, _ in joined}, state=GroupState.OPEN):
        group.known_firing = [each for each in group.known_firing if each not in ids]
        group.covered = [each for each in group.covered if each not in ids]
        # A group that nobody was told of yet goes on collecting.
        if group.notified_at is not None:
            group.look_at, group.due_at = min(group.look_at, now), min(group.due_at, now)
        group.save(update_fields=["known_firing", "covered", "look_at", "due_at"])


def _end(reports: Sequence[Report], alerts: Mapping[str, Alert], application: Any, now: datetime) -> None:
    if not reports:
        return
    over = [alerts[report.fingerprint] for report in reports]
    # An end in the future is one now: what begins after it must not look older.
    ended = {alerts[report.fingerprint].pk: min(report.ends_at or now, now) for report in reports}
    source = over[0].get_source_display()
    for alert, transition in resolve_alerts(
        alerts=over, at=now, reason=f"{source} reported that it is over.", source_ended_at=ended
    ):
        alert.application = application
        publish_transition(alert=alert, transition=transition)
