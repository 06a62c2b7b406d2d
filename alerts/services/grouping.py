"""Into which groups alerts go when they begin to fire."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from alerts.alertmanager import outside_labels
from alerts.destinations import GROUP_BY, Destination, hash_group, of_channels, pick_group_labels
from alerts.dispatch import Timings
from alerts.enums import GroupState
from alerts.models import Alert, AlertGroup, Channel, GroupMember, Policy, Rule
from alerts.routing import tree
from alerts.selectors import read_policy_steps, read_routes
from config.nudges import Nudge
from config.settings import OPTION

#: The receiver of the tree's root.
DEFAULT = 0

_turn = Nudge("alerts.tasks.notify", "evaluate")


def join_groups(
    *,
    rule: Rule | None,
    alerts: Iterable[Alert],
    now: datetime,
    known: Container[tuple[int, str]] = (),
    also_locked: Iterable[str] = (),
) -> None:
    """Put alerts that begin to fire into the groups of their destinations, opening those that are not open yet.

    Args:
        rule: the alerts' rule, whose row the caller's transaction holds; None for alerts without one.
        alerts: each with its application at hand.
        now: when they join.
        known: pairs of an alert's id and a destination's key that has it in a group already, whatever is shared there.
        also_locked: keys of groups that the caller goes on to change; whatever is open of them is locked as well.

    Groups are locked in the order of their keys, which is everybody's, so a transaction calls this once.
    """
    wanted = _sort_into_groups(rule, list(alerts), known)
    keys = {*wanted, *also_locked}
    for key in sorted(keys):
        if key not in wanted:
            AlertGroup.objects.select_for_update().filter(key=key, state=GroupState.OPEN).first()
            continue
        group = _open_group(wanted[key], key, now)
        members = [GroupMember(group=group, alert=alert, joined_at=now) for alert in wanted[key].alerts]
        GroupMember.objects.bulk_create(members, ignore_conflicts=True)
    if keys:
        _turn.on_commit()


def wake_groups(*, alert_ids: Iterable[int], now: datetime) -> None:
    """Have somebody found anew for alerts that nobody looks after any more, in the caller's transaction."""
    concerned = GroupMember.objects.filter(alert_id__in=list(alert_ids), is_done=False).values("group_id")
    groups = AlertGroup.objects.select_for_update().filter(state=GroupState.OPEN, pk__in=concerned).order_by("key")
    for group in groups:
        # A group that nobody was told of yet goes on collecting; what it says first is for everybody.
        if group.notified_at is not None:
            group.covered, group.step_at, group.due_at = [], now, min(group.due_at, now)
        group.save(update_fields=["covered", "step_at", "due_at"])
    _turn.on_commit()


class Signpost:
    """Says where the alerts of one rule (None: alerts without a rule) go. What it reads, it reads once."""

    def __init__(self, rule: Rule | None) -> None:
        self._own = _find_own_destination(rule) if rule is not None else None
        self._trees: dict[int | None, tree.Route] = {}
        self._known: dict[int, Destination] = {}

    def find(self, labels: Mapping[str, str], *, application_id: int | None = None) -> list[Destination]:
        """Return where an alert goes: to its rule's policy or channels, else where the routing tree leads, each once.

        What no branch of the tree takes goes to the default channels. Routes of other applications take none of an
        application's alerts, so with one they are not even read.
        """
        if self._own is not None:
            return [self._own]
        routes = tree.resolve(self._read_tree(application_id), labels)
        receivers = dict.fromkeys(int(route.receiver or DEFAULT) for route in routes)
        return [self._describe(receiver) for receiver in receivers]

    def _read_tree(self, application_id: int | None) -> tree.Route:
        if application_id not in self._trees:
            self._trees[application_id] = read_routes(application_id=application_id)
        return self._trees[application_id]

    def _describe(self, policy_id: int) -> Destination:
        if policy_id not in self._known:
            policy = Policy.objects.filter(pk=policy_id).first()
            self._known[policy_id] = describe_policy(policy) if policy is not None else describe_default()
        return self._known[policy_id]


def _find_own_destination(rule: Rule) -> Destination | None:
    if rule.policy is not None:
        return describe_policy(rule.policy)
    chosen = list(rule.channels.values_list("pk", flat=True))
    if not chosen:
        return None
    return of_channels(key=f"rule:{rule.pk}", name=rule.name, channel_ids=chosen, timings=default_timings())


def describe_default() -> Destination:
    """Return the default channels as a destination."""
    defaults = list(Channel.objects.filter(is_default=True).values_list("pk", flat=True))
    return of_channels(key="default", name="Default channels", channel_ids=defaults, timings=default_timings())


def describe_policy(policy: Policy) -> Destination:
    """Return a policy as it is now."""
    usual = default_timings()
    return Destination(
        key=f"policy:{policy.pk}",
        name=policy.name,
        steps=read_policy_steps(policy),
        timings=Timings(
            wait=_seconds(policy.group_wait_seconds, usual.wait),
            interval=_seconds(policy.group_interval_seconds, usual.interval),
            repeat=_seconds(policy.repeat_interval_seconds, usual.repeat),
        ),
        group_by=tuple(policy.group_by) or GROUP_BY,
        ack_reminder_seconds=policy.ack_reminder_seconds,
        ack_expiry_seconds=policy.ack_expiry_seconds,
    )


def read_plan_anew(group: AlertGroup) -> dict[str, Any]:
    """Return a group's plan as its destination is by now; the plan it has, if its destination is gone."""
    kind, _, number = group.destination.partition(":")
    now: Destination | None = describe_default() if kind == "default" else None
    if kind == "policy" and (policy := Policy.objects.filter(pk=number).first()) is not None:
        now = describe_policy(policy)
    elif kind == "rule" and (rule := Rule.objects.filter(pk=number).first()) is not None:
        own = _find_own_destination(rule)
        now = own if own is not None and own.key == group.destination else None
    return now.snapshot() if now is not None else dict(group.plan)


def default_timings() -> Timings:
    """Return how patient groups are whose destination says nothing of it."""
    return Timings(
        wait=timedelta(seconds=OPTION["GROUP_WAIT_SECONDS"]),
        interval=timedelta(seconds=OPTION["GROUP_INTERVAL_SECONDS"]),
        repeat=timedelta(seconds=OPTION["REPEAT_INTERVAL_SECONDS"]),
    )


def label_alert(alert: Alert) -> dict[str, str]:
    """Return an alert's labels as the outside, and every matcher, sees them."""
    return outside_labels(
        name=alert.name,
        severity=alert.severity,
        application=alert.application.slug,
        environment=alert.application.environment,
        labels=alert.labels,
        cause=alert.cause if alert.is_no_data else "",
    )


@dataclass(slots=True)
class _Wanted:
    """A group that alerts want to be in."""

    destination: Destination
    labels: dict[str, str]
    alerts: list[Alert] = field(default_factory=list)


def _sort_into_groups(rule: Rule | None, alerts: list[Alert], known: Container[tuple[int, str]]) -> dict[str, _Wanted]:
    found: dict[str, _Wanted] = {}
    signpost = Signpost(rule)
    for alert in alerts:
        labels = label_alert(alert)
        for destination in signpost.find(labels, application_id=alert.application_id):
            if (alert.pk, destination.key) in known:
                continue
            shared = pick_group_labels(labels, destination.group_by)
            # Its short name does not tell an application from its like in another environment.
            owner = alert.application_id if "application" in shared else None
            key = hash_group(destination.key, shared, owner=owner)
            found.setdefault(key, _Wanted(destination, shared)).alerts.append(alert)
    return found


def _open_group(wanted: _Wanted, key: str, now: datetime) -> AlertGroup:
    """Return the open group of a key, locked, so that it is not closed while an alert joins it; open one if there is none."""
    destination, labels = wanted.destination, wanted.labels
    look_at = now + destination.timings.wait
    new = AlertGroup(
        key=key,
        destination=destination.key,
        labels=labels,
        application_id=wanted.alerts[0].application_id if labels.get("application") else None,
        opened_at=now,
        due_at=look_at,
        look_at=look_at,
        policy_name=destination.name[:100],
        plan=destination.snapshot(),
    )
    # Waits for whoever is opening or closing the same one, so that afterwards there certainly is one to be locked.
    while True:
        group = AlertGroup.objects.select_for_update().filter(key=key, state=GroupState.OPEN).first()
        if group is not None:
            return group
        AlertGroup.objects.bulk_create([new], ignore_conflicts=True)


def _seconds(given: int | None, usual: timedelta) -> timedelta:
    return usual if given is None else timedelta(seconds=given)
