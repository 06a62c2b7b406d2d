"""Escalation policies and the routing tree: checking and saving them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from alerts.destinations import EVERY_LABEL
from alerts.enums import PolicyStepKind
from alerts.escalation import Step, StepKind, find_errors
from alerts.models import Policy, PolicyStep, Route
from alerts.routing import tree
from alerts.routing.matchers import MatcherInvalid, parse_matchers


class PolicyInvalid(Exception):
    """A policy or a route that can't be saved; `errors` says why, in words."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(" ".join(errors))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as filled in: its judgement (`step`) and the rows that it reaches, by the name of their field."""

    step: Step
    targets: Mapping[str, Sequence[Any]]


@transaction.atomic
def save_policy(*, policy: Policy, steps: Sequence[StepDraft]) -> Policy:
    """Create or change a policy with all its steps; raise PolicyInvalid, and change nothing, if it can't be one.

    Groups that are open go on as they began.
    """
    check_policy(group_by=policy.group_by, steps=[draft.step for draft in steps])
    policy.full_clean(exclude=["builtin_key"])
    policy.save()
    policy.steps.all().delete()
    for position, draft in enumerate(steps):
        _write_step(policy, position, draft)
    return policy


def check_policy(*, group_by: Sequence[str], steps: Sequence[Step]) -> None:
    """Raise PolicyInvalid unless a policy can be saved."""
    errors = find_errors(steps)
    if EVERY_LABEL in group_by and len(group_by) > 1:
        errors.append("Group by “...” alone: it means every label.")
    if len(set(group_by)) != len(group_by):
        errors.append("A label can make groups once only.")
    if errors:
        raise PolicyInvalid(errors)


def check_route(*, matchers: str, parent: Route | None, route_id: int | None) -> None:
    """Raise PolicyInvalid unless a route can hang there with these matchers."""
    errors = []
    try:
        if not parse_matchers(matchers):
            errors.append("Write at least one matcher: what no route takes goes to the default channels anyway.")
    except MatcherInvalid as error:
        errors.append(str(error))
    above, depth = parent, 1
    while above is not None:
        if above.pk == route_id:
            errors.append("A route can't be below itself.")
            break
        above, depth = above.parent, depth + 1
    if depth >= tree.MAX_DEPTH:
        errors.append(f"Routes can be {tree.MAX_DEPTH - 1} levels deep at most.")
    if route_id is None and Route.objects.count() >= tree.MAX_ROUTES - 1:
        errors.append(f"There can be {tree.MAX_ROUTES - 1:,} routes at most.")
    if errors:
        raise PolicyInvalid(errors)


def _write_step(policy: Policy, position: int, draft: StepDraft) -> None:
    step = draft.step
    row = PolicyStep.objects.create(
        policy=policy,
        position=position,
        kind=PolicyStepKind(step.kind),
        seconds=step.seconds,
        count=step.count,
        from_time=step.start or None,
        until_time=step.end or None,
        weekdays=list(step.weekdays),
        zone=step.zone,
    )
    for name, rows in draft.targets.items():
        getattr(row, name).set(rows)


#: Which field of a step holds whom it reaches, by kind.
TARGET_FIELDS: dict[StepKind, str] = {
    StepKind.CHANNEL: "channels",
    StepKind.PERSON: "people",
    StepKind.ROUND_ROBIN: "people",
    StepKind.TEAM: "teams",
    StepKind.SCHEDULE: "schedules",
}


def make_draft(kind: StepKind, rows: Iterable[Any] = (), **fields: Any) -> StepDraft:
    """Return a step that reaches some rows (channels, people or teams, by its kind)."""
    chosen = list(rows)
    step = Step(kind, targets=tuple(row.pk for row in chosen), **fields)
    return StepDraft(step, {TARGET_FIELDS[kind]: chosen} if kind in TARGET_FIELDS else {})
