"""What holds messages back at a moment: read as a whole, judged for every firing alert, kept with its reason."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from alerts.enums import AlertState, GroupState, HoldKind
from alerts.flapping import DAY, Episode
from alerts.holds import Circumstances, Firing, Quiet, Reason, Suspect, find_reasons
from alerts.models import Alert, AlertGroup, Component, GroupMember, Hold, Rule, Silence
from alerts.routing import components
from alerts.routing.matchers import MatcherInvalid, parse_matchers
from alerts.selectors import match_owner, read_inhibitions
from alerts.services.grouping import label_alert
from monitoring.uptime.selectors import describe_open_windows, find_dropping_windows

logger = logging.getLogger(__name__)

#: When series of firing alerts fired lately, if more than once: by rule or source, cause, application and series.
_EPISODES_SQL = """
SELECT firing.id, array_agg(earlier.fired_at ORDER BY earlier.id), array_agg(earlier.resolved_at ORDER BY earlier.id)
FROM alerts_alert AS firing JOIN alerts_alert AS earlier
    ON earlier.rule_id IS NOT DISTINCT FROM firing.rule_id AND earlier.source = firing.source
    AND earlier.application_id = firing.application_id AND earlier.cause = firing.cause
    AND earlier.fingerprint = firing.fingerprint AND earlier.fired_at > %(since)s
WHERE firing.state = 'firing' AND firing.fired_at > %(since)s
GROUP BY firing.id HAVING count(*) > 1
"""


#: What holds an alert because another one says more: whoever knew it before still does when that is over.
BY_ANOTHER = frozenset({HoldKind.INHIBITION, HoldKind.COMPONENT})
#: Alerts that are pending for longer are not read; their rules wait for hours.
PENDING_WITHIN = timedelta(hours=2)
#: An alert fires at the first evaluation after its time; a hold must not end in between.
EVALUATION_TAKES = timedelta(seconds=45)


@dataclass(frozen=True, slots=True)
class Holds:
    """Why alerts are held, by alert; an alert that is not among them began after this was found out."""

    reasons: Mapping[int, Sequence[Reason]]

    def knows(self, alert_id: int) -> bool:
        """Whether it was judged."""
        return alert_id in self.reasons

    def holds(self, alert_id: int) -> bool:
        """Whether something holds its messages back."""
        return bool(self.reasons.get(alert_id))

    def waits_for_another(self, alert_id: int) -> bool:
        """Whether it is held, and by nothing but other alerts."""
        return self.holds(alert_id) and all(reason.kind in BY_ANOTHER for reason in self.reasons[alert_id])


def find_holds(*, now: datetime) -> Holds:
    """Return why each firing alert is held. Reads everything at one moment; writes nothing."""
    alerts = _list_firing(now)
    return Holds(find_reasons(alerts, read_circumstances(now=now), now=now) if alerts else {})


@transaction.atomic
def keep_holds(*, holds: Holds, now: datetime) -> int:
    """Note what began and what ended to hold alerts; return how many alerts nothing holds any more.

    Their groups look at them at once. What somebody had wanted quiet, and what nobody was told of yet, is news then.
    """
    open_ones = {(hold.alert_id, hold.kind, hold.reference): hold for hold in Hold.objects.filter(ended_at=None)}
    wanted = {
        (alert_id, reason.kind, reason.reference): reason
        for alert_id, reasons in holds.reasons.items()
        for reason in reasons
    }
    began = [
        Hold(
            alert_id=key[0],
            kind=HoldKind(key[1]),
            reference=key[2],
            text=reason.text,
            began_at=now,
            until=reason.until,
            lasts=reason.lasts,
        )
        for key, reason in wanted.items()
        if key not in open_ones
    ]
    ended = [hold for key, hold in open_ones.items() if key not in wanted]
    Hold.objects.bulk_create(began, ignore_conflicts=True)
    changed = [hold for key, hold in open_ones.items() if key in wanted and _follow(hold, wanted[key])]
    Hold.objects.bulk_update(changed, ["until", "lasts", "text"])
    Hold.objects.filter(pk__in=[hold.pk for hold in ended], ended_at=None).update(ended_at=now)
    freed = {hold.alert_id for hold in ended} - {key[0] for key in wanted}
    quieted = {hold.alert_id for hold in ended if hold.kind not in BY_ANOTHER} - {
        alert_id for alert_id, kind, _ in wanted if kind not in BY_ANOTHER
    }
    return _release(freed, quieted, now) if freed or quieted else 0


def read_circumstances(*, now: datetime) -> Circumstances:
    """Return everything that may hold messages back at a moment; what can't be read is left out and logged."""
    return Circumstances(
        silences=_read_silences(now),
        windows=_read_windows(now),
        inhibitions=[rule for _, rule in read_inhibitions()],
        components=read_components(),
        suspects=_list_pending(now),
    )


def _follow(hold: Hold, reason: Reason) -> bool:
    """Bring an open hold up to date with its cause; return whether that changed anything."""
    if (hold.until, hold.lasts, hold.text) == (reason.until, reason.lasts, reason.text):
        return False
    hold.until, hold.lasts, hold.text = reason.until, reason.lasts, reason.text
    return True


def _list_firing(now: datetime) -> list[Firing]:
    episodes, lasting = _read_episodes(now), _read_lasting()
    alerts = Alert.objects.filter(state=AlertState.FIRING).select_related("application").order_by("pk")
    told = _read_told()
    return [
        Firing(
            alert_id=alert.pk,
            application_id=alert.application_id,
            labels=label_alert(alert),
            summary=alert.summary,
            fired_at=alert.fired_at or alert.active_since,
            episodes=episodes.get(alert.pk, ()),
            snoozed_until=alert.snoozed_until,
            snoozed_by=alert.snoozed_name,
            was_told=tuple(getattr(alert, name) for name in _SERIES) in told,
            lasting=lasting.get(alert.pk, ()),
        )
        for alert in alerts
    ]


#: What makes an alert the same as an earlier one, which people may have been told of.
_SERIES = ("rule_id", "source", "cause", "application_id", "fingerprint")


def _read_told() -> set[tuple[Any, ...]]:
    """Return the series of which people were told and whose group is still open."""
    members = GroupMember.objects.filter(is_done=False).exclude(told=[])
    return set(members.values_list(*(f"alert__{name}" for name in _SERIES)))


def _list_pending(now: datetime) -> list[Suspect]:
    """Return what is about to fire; without components nobody waits for it."""
    if not Component.objects.exists():
        return []
    pending = Alert.objects.filter(state=AlertState.PENDING, rule__isnull=False, active_since__gt=now - PENDING_WITHIN)
    return [
        Suspect(
            alert_id=alert.pk,
            application_id=alert.application_id,
            labels=label_alert(alert),
            summary=alert.summary,
            due_at=alert.active_since + timedelta(seconds=_patience_of(alert.rule, alert)) + EVALUATION_TAKES,
        )
        for alert in pending.select_related("rule", "application").order_by("pk")
        if alert.rule is not None
    ]


def _patience_of(rule: Rule, alert: Alert) -> int:
    """Return for how many seconds a rule has to be met, or a series to be missing, before the alert fires."""
    return int((rule.no_data_after_seconds if alert.is_no_data else rule.for_seconds) or 0)


def _read_episodes(now: datetime) -> dict[int, list[Episode]]:
    with connection.cursor() as cursor:
        cursor.execute(_EPISODES_SQL, {"since": now - DAY})
        return {pk: [Episode(*times) for times in zip(*rows, strict=True)] for pk, *rows in cursor.fetchall()}


def _read_silences(now: datetime) -> list[Quiet]:
    quiets = []
    for silence in Silence.objects.active(now).order_by("pk"):
        try:
            matchers = parse_matchers(silence.matchers)
        except MatcherInvalid:
            logger.exception("silence %s can't be read and holds nothing", silence.pk)
            continue
        words = f"{silence.author_name} silenced it: {silence.reason}"
        quiets.append(Quiet(silence.pk, matchers, silence.application_id, words, until=silence.ends_at))
    return quiets


def _read_windows(now: datetime) -> list[Quiet]:
    quiets = []
    for window in describe_open_windows(now=now):
        try:
            matchers = parse_matchers(window.matchers)
        except MatcherInvalid:
            logger.exception("maintenance window %s can't be read and holds nothing", window.window_id)
            continue
        if window.check_id is not None:
            matchers += parse_matchers(f'{{check_id="{window.check_id}"}}')
        words = f"Maintenance: {window.reason}" if window.reason else "Maintenance."
        quiets.append(
            Quiet(
                window.window_id,
                matchers,
                window.application_id,
                words,
                until=window.closes_at,
                drops_since=window.opens_at if window.drops else None,
            )
        )
    return quiets


def _read_lasting() -> dict[int, list[Reason]]:
    """Return what holds alerts for good, by alert, unless its window was taken back since."""
    holds = list(Hold.objects.filter(ended_at=None, lasts=True, kind=HoldKind.MAINTENANCE))
    released = find_dropping_windows({hold.reference for hold in holds}) if holds else {}
    found: dict[int, list[Reason]] = defaultdict(list)
    for hold in holds:
        released_at = released.get(hold.reference)
        if hold.reference in released and (released_at is None or hold.began_at > released_at):
            found[hold.alert_id].append(Reason(hold.kind, hold.reference, hold.text, lasts=True))
    return found


def read_components() -> list[components.Component]:
    """Return all components that can be read, ready to be judged."""
    parents: dict[int, list[int]] = defaultdict(list)
    for child, parent in Component.depends_on.through.objects.values_list("from_component_id", "to_component_id"):
        parents[child].append(parent)
    found = []
    for component in Component.objects.select_related("application").order_by("pk"):
        try:
            matchers = parse_matchers(component.matchers)
        except MatcherInvalid:
            logger.exception("component %s can't be read and holds nothing", component.pk)
            continue
        if matchers:
            matchers += match_owner(component)
        found.append(components.Component(component.pk, component.name, matchers, tuple(sorted(parents[component.pk]))))
    return found


def _release(freed: set[int], quieted: set[int], now: datetime) -> int:
    """Make the groups of alerts look at what nothing holds any more, and forget that people know what somebody had wanted quiet."""
    ids = freed | quieted
    firing = dict(Alert.objects.filter(pk__in=ids, state=AlertState.FIRING).values_list("pk", "acknowledged_at"))
    members: dict[int, list[GroupMember]] = defaultdict(list)
    for member in GroupMember.objects.filter(alert_id__in=firing, is_done=False):
        members[member.group_id].append(member)
    groups = AlertGroup.objects.select_for_update().filter(state=GroupState.OPEN, pk__in=members).order_by("key")
    for group in groups:
        mine = members[group.pk]
        news = {each.alert_id for each in mine if each.alert_id in quieted or not each.told}
        # Who looks after one knows it; people are told anew of the others only.
        group.known_firing = [each for each in group.known_firing if each not in news or firing[each] is not None]
        group.covered = [each for each in group.covered if each not in news]
        if any(each.alert_id in freed for each in mine):
            # A group that still collects its first alerts goes on doing so.
            first = group.opened_at + timedelta(seconds=float(group.plan.get("wait", 0)))
            group.look_at = min(group.look_at, max(now, first))
            group.due_at = min(group.due_at, group.look_at)
        group.save(update_fields=["known_firing", "covered", "look_at", "due_at"])
    return len(freed & firing.keys())
