"""Who is on call now, where alerts and policies are shown: of the schedules that they reach."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.destinations import read_plan
from alerts.escalation import Step, StepKind
from alerts.models import Alert, AlertGroup, OnCallSchedule, Policy
from alerts.rosters import OnCallNow, list_on_call_now
from alerts.selectors import read_policy_steps

Found = list[tuple[OnCallSchedule, OnCallNow]]


def list_on_call_of_alert(alert: Alert, now: datetime) -> Found:
    """Return who is on call in the schedules that an open alert's policies reach, by schedule; nobody for one that is over.

    As its groups go by a copy of their policy, so does this; before it is in a group, its rule's policy counts.
    """
    if not alert.is_open:
        return []
    plans = AlertGroup.objects.filter(members__alert=alert, members__is_done=False).values_list("plan", flat=True)
    steps = [step for plan in plans for step in read_plan(plan)[1]]
    if not steps and alert.rule is not None and alert.rule.policy is not None:
        steps = list(read_policy_steps(alert.rule.policy))
    return _list(steps, now)


def list_on_call_of_policy(policy: Policy, now: datetime) -> Found:
    """Return who is on call in the schedules that a policy reaches, by schedule."""
    return _list(read_policy_steps(policy), now)


def _list(steps: Iterable[Step], now: datetime) -> Found:
    ids = {target for step in steps if step.kind is StepKind.SCHEDULE for target in step.targets}
    if not ids:
        return []
    return list(list_on_call_now(now, OnCallSchedule.objects.filter(pk__in=ids).order_by("name")).items())
