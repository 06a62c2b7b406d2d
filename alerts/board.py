"""The board of alerts: what waits for somebody and what happens next, who looks after what, what is held back and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncHour

from alerts.destinations import read_plan
from alerts.enums import GroupState, HoldKind
from alerts.escalation import Step, StepKind
from alerts.held import prefetch_holds
from alerts.models import Alert, AlertGroup, GroupMember, Hold
from alerts.recipients import recipient_of_told
from alerts.steps import StepWriter

SHOWN = 12
"""Rows of each part of the board; the list of alerts has all."""
HOURS = 24


@dataclass(frozen=True, slots=True)
class Waiting:
    """A group of alerts that nobody looks after: the worst of them, how many, who was told, what comes next and when.

    `next_at` None: everybody it names was told, and it is repeated after `repeat`.
    """

    group_id: int
    alert: Alert
    alert_ids: Sequence[int]
    since: datetime
    policy: str
    told: Sequence[str]
    next_words: str
    next_at: datetime | None
    repeat: timedelta

    @property
    def count(self) -> int:
        """How many alerts of the group wait."""
        return len(self.alert_ids)


@dataclass(frozen=True, slots=True)
class Kept:
    """The alerts that one person looks after, the worst first."""

    name: str
    alerts: Sequence[Alert]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Alerts whose messages one thing holds back, until when as far as that is known."""

    hold: Hold
    label: str
    alerts: Sequence[Alert]


@dataclass(frozen=True, slots=True)
class Board:
    """Everything that fires, each alert in one part: nobody looks after it, somebody does, or it is held back."""

    waiting: Sequence[Waiting]
    kept: Sequence[Kept]
    held: Sequence[HeldBack]

    @property
    def waiting_count(self) -> int:
        """How many alerts wait for somebody."""
        return len({pk for each in self.waiting for pk in each.alert_ids})


def read_board() -> Board:
    """Return the board of all applications: four queries for the alerts, and the names of those who are told next."""
    firing = prefetch_holds(Alert.objects.firing().by_need().select_related("application", "rule"))
    alerts: dict[int, Any] = {alert.pk: alert for alert in firing}
    held = [alert for alert in alerts.values() if alert.open_holds]
    kept = [alert for alert in alerts.values() if alert.acknowledged_at is not None and not alert.open_holds]
    free = {pk for pk, alert in alerts.items() if alert.acknowledged_at is None and not alert.open_holds}
    return Board(_list_waiting(alerts, free), _list_kept(kept), _list_held(held))


def count_by_hour(*, now: datetime) -> list[int]:
    """Return how many alerts began to fire in each of the last 24 hours, the present one last."""
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    counts = [0] * HOURS
    lately = Alert.objects.filter(fired_at__gte=start, fired_at__lte=now)
    by_hour = lately.annotate(hour=TruncHour("fired_at", tzinfo=UTC)).values("hour").annotate(number=Count("pk"))
    for hour, number in by_hour.order_by("hour").values_list("hour", "number"):
        counts[(hour - start) // timedelta(hours=1)] = number
    return counts


def list_unattended(*, group_id: int) -> list[int]:
    """Return the alerts of a group that fire and nobody looks after."""
    alerts = Alert.objects.firing().filter(memberships__group=group_id, memberships__is_done=False)
    return list(alerts.filter(acknowledged_at=None).order_by("pk").values_list("pk", flat=True))


def _list_waiting(alerts: dict[int, Alert], free: set[int]) -> list[Waiting]:
    members = GroupMember.objects.filter(alert__in=free, is_done=False, group__state=GroupState.OPEN)
    groups: dict[AlertGroup, list[Alert]] = defaultdict(list)
    for member in members.select_related("group").order_by("pk"):
        groups[member.group].append(alerts[member.alert_id])
    plans = {group: read_plan(group.plan) for group in groups}
    writer = StepWriter(step for _, steps in plans.values() for step in steps)
    order = {pk: place for place, pk in enumerate(alerts)}
    found = []
    for group, mine in groups.items():
        timings, steps = plans[group]
        worst = min(mine, key=lambda alert: order[alert.pk])
        coming = _find_next(steps, group)
        found.append(
            Waiting(
                group_id=group.pk,
                alert=worst,
                alert_ids=[alert.pk for alert in mine],
                since=min(alert.fired_at or alert.active_since for alert in mine),
                policy=group.policy_name,
                told=list(dict.fromkeys(recipient_of_told(told).channel_name for told in group.engaged)),
                next_words=_describe_next(coming, writer, is_new=group.notified_at is None),
                next_at=group.look_at if group.notified_at is None else group.step_at,
                repeat=timings.repeat,
            )
        )
    return sorted(found, key=lambda each: order[each.alert.pk])


def _find_next(steps: Sequence[Step], group: AlertGroup) -> Step | None:
    """Return the step that is taken next, None if there is none left."""
    if group.notified_at is None:
        return next((step for step in steps if step.kind is not StepKind.WAIT), None)
    if group.step_at is None:
        return None
    return next((step for step in steps[group.step_position :] if step.kind is not StepKind.WAIT), None)


def _describe_next(step: Step | None, writer: StepWriter, *, is_new: bool) -> str:
    if step is None:
        return "tell the default channels" if is_new else ""
    return writer.write(step)


def _list_kept(alerts: Iterable[Alert]) -> list[Kept]:
    by_name: dict[str, list[Alert]] = defaultdict(list)
    for alert in alerts:
        by_name[alert.acknowledged_name].append(alert)
    return [Kept(name, mine) for name, mine in sorted(by_name.items())]


def _list_held(alerts: Iterable[Any]) -> list[HeldBack]:
    by_cause: dict[tuple[Any, ...], list[Alert]] = defaultdict(list)
    first: dict[tuple[Any, ...], Hold] = {}
    for alert in alerts:
        hold: Hold = alert.open_holds[0]
        # Snoozes that end at different times are ended apart, too.
        until = hold.until if hold.kind == HoldKind.SNOOZE else None
        cause = (hold.kind, hold.reference, hold.text, until)
        first.setdefault(cause, hold)
        by_cause[cause].append(alert)
    return [HeldBack(first[cause], HoldKind(cause[0]).label, mine) for cause, mine in by_cause.items()]
