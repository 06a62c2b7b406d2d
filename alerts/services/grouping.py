"""Into which groups alerts go when they begin to fire."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from alerts.alertmanager import outside_labels
from alerts.destinations import GROUP_BY, Destination, hash_group, of_channels, pick_group_labels
from alerts.dispatch import Timings
from alerts.enums import GroupState
from alerts.models import Alert, AlertGroup, Channel, GroupMember, Policy, Rule
from alerts.selectors import read_policy_steps
from config.nudges import Nudge
from config.settings import OPTION

_turn = Nudge("alerts.tasks.notify", "evaluate")


def join_groups(*, rule: Rule | None, alerts: Iterable[Alert], now: datetime) -> None:
    """Put alerts that begin to fire into the groups of their destinations, opening those that are not open yet.

    Each alert has its application at hand. Groups are locked in the order of their keys.
    In the caller's transaction, which holds the rule's row. Without a rule they go to the default channels.
    """
    fired = list(alerts)
    if not fired:
        return
    for destination in find_destinations(rule):
        for key, (labels, members) in sorted(_sort_into_groups(destination, fired).items()):
            group = _open_group(destination, key, labels, members[0], now)
            GroupMember.objects.bulk_create(
                [GroupMember(group=group, alert=alert, joined_at=now) for alert in members], ignore_conflicts=True
            )
    _turn.on_commit()


def wake_groups(*, alert_ids: Iterable[int], now: datetime) -> None:
    """Have somebody found anew for alerts that nobody looks after any more, in the caller's transaction."""
    wanted = set(alert_ids)
    concerned = GroupMember.objects.filter(alert_id__in=wanted, is_done=False).values("group_id")
    groups = AlertGroup.objects.select_for_update().filter(state=GroupState.OPEN, pk__in=concerned).order_by("pk")
    for group in groups:
        group.covered = [each for each in group.covered if each not in wanted]
        # A group that nobody was told of yet goes on collecting; what it says first is for everybody.
        if group.notified_at is not None:
            group.step_at, group.due_at = now, min(group.due_at, now)
        group.save(update_fields=["covered", "step_at", "due_at"])
    _turn.on_commit()


def find_destinations(rule: Rule | None) -> list[Destination]:
    """Return where a rule's alerts go: to its policy, else its own channels, else the default ones."""
    if rule is not None and rule.policy is not None:
        return [describe_policy(rule.policy)]
    chosen = list(rule.channels.values_list("pk", flat=True)) if rule is not None else []
    if rule is not None and chosen:
        return [of_channels(key=f"rule:{rule.pk}", name=rule.name, channel_ids=chosen, timings=default_timings())]
    defaults = list(Channel.objects.filter(is_default=True).values_list("pk", flat=True))
    return [of_channels(key="default", name="Default channels", channel_ids=defaults, timings=default_timings())]


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
    )


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
    )


def _sort_into_groups(destination: Destination, alerts: list[Alert]) -> dict[str, tuple[dict[str, str], list[Alert]]]:
    found: dict[str, tuple[dict[str, str], list[Alert]]] = {}
    for alert in alerts:
        labels = pick_group_labels(label_alert(alert), destination.group_by)
        found.setdefault(hash_group(destination.key, labels), (labels, []))[1].append(alert)
    return found


def _open_group(destination: Destination, key: str, labels: dict[str, str], first: Alert, now: datetime) -> AlertGroup:
    """Return the open group of a key, locked, so that it is not closed while an alert joins it; open one if there is none."""
    look_at = now + destination.timings.wait
    new = AlertGroup(
        key=key,
        destination=destination.key,
        labels=labels,
        application_id=first.application_id if labels.get("application") else None,
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
