"""Escalation of a group under its lock: when a policy begins anew, which of its steps are due, and whom they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from alerts import escalation
from alerts.destinations import read_plan
from alerts.dispatch import Member, wants_attention
from alerts.enums import Severity
from alerts.escalation import Cursor, Step, StepKind
from alerts.models import AlertGroup, GroupMember
from alerts.recipients import Recipient
from alerts.services.grouping import read_plan_anew
from alerts.services.reaching import reach
from config.outbox.services import publish

_RANK = list(Severity)
#: Moments at which a policy began that are kept of a group, for "Why?"; what comes and goes for weeks begins it often.
MAX_BEGUN = 50


def find_worst(rows: Sequence[GroupMember], members: Sequence[Member]) -> Severity:
    """Return the worst severity of what fires and is not held, by which people choose how they are reached."""
    spoken = {one.alert_id for one in members if one.is_firing and not one.is_held}
    return max((_severity_of(row) for row in rows if row.alert_id in spoken), key=_RANK.index, default=Severity.INFO)


def _severity_of(row: GroupMember) -> Severity:
    return Severity(row.alert.severity)


def escalate(
    group: AlertGroup, rows: Sequence[GroupMember], members: Sequence[Member], severity: Severity, now: datetime
) -> list[Recipient]:
    """Take the steps that are due; return whom they call.

    The policy begins anew, and as it is by now, for an alert that nobody was looked for yet while nobody is being looked for,
    and for one that is worse than those for which somebody is: people may want to be reached otherwise then.
    """
    needy = wants_attention(members)
    if not needy:
        _rest(group, members)
        return []
    covered = set(group.covered)
    if not needy & covered or _is_worse(rows, needy - covered, than=needy & covered):
        group.plan = read_plan_anew(group)
        group.begun = [*group.begun, now.isoformat()][-MAX_BEGUN:]
        cursor, due = Cursor(), now
    elif group.step_at is None or group.step_at > now:
        group.covered = sorted(needy | covered)
        return []
    else:
        cursor, due = Cursor(group.step_position, group.step_rounds, group.step_waited), group.step_at
    _, steps = read_plan(group.plan)
    turn = escalation.advance(
        steps, cursor, now=max(now, due), count_since=lambda span: _count_begun(group, now - span)
    )
    group.step_position, group.step_rounds, group.step_waited = (
        turn.cursor.position,
        turn.cursor.rounds,
        turn.cursor.waited,
    )
    group.step_at, group.covered = turn.due_at, sorted(needy | covered)
    return [recipient for step in turn.take for recipient in _take_step(group, step, needy, severity, now)]


def _rest(group: AlertGroup, members: Sequence[Member]) -> None:
    """Let the policy end; or wait, where it was begun for alerts that are held by others only and goes on when these are over."""
    outshone = {one.alert_id for one in members if one.is_firing and one.is_outshone and not one.is_acknowledged}
    waiting = outshone.intersection(group.covered)
    group.covered = sorted(waiting)
    group.step_at = max(group.step_at, group.look_at) if waiting and group.step_at is not None else None


def _is_worse(rows: Sequence[GroupMember], ids: Iterable[int], *, than: Iterable[int]) -> bool:
    """Say whether the worst of some alerts is worse than all of others."""
    new, old = (
        max((_RANK.index(_severity_of(row)) for row in rows if row.alert_id in some), default=-1)
        for some in (ids, than)
    )
    return new > old


def _take_step(
    group: AlertGroup, step: Step, needy: Iterable[int], severity: Severity, now: datetime
) -> list[Recipient]:
    if step.kind is StepKind.DECLARE_INCIDENT:
        publish(
            type="alert.incident_wanted",
            payload={"group_id": group.pk, "alert_ids": sorted(needy), "policy": group.policy_name},
            application_id=group.application_id,
        )
        return []
    return reach(step, group=group, severity=severity, now=now)


def _count_begun(group: AlertGroup, since: datetime) -> int:
    return group.members.filter(joined_at__gt=since).count()
