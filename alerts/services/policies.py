"""Escalation policies and the routing tree: checking and saving them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q

from alerts.belonging import describe_strangers
from alerts.destinations import EVERY_LABEL
from alerts.enums import PolicyStepKind
from alerts.escalation import Step, StepKind, find_placed_errors
from alerts.models import Policy, PolicyStep, Route
from alerts.routing import tree
from alerts.routing.matchers import MatcherInvalid, parse_matchers

MAX_POLICIES = 1_000
MAX_GROUP_LABELS = 50
MAX_POSITION = 32_767
#: One advisory lock for whoever changes policies, or two at once could give one name twice. Not of the table: telling people
#: writes to it as well, in the one turn that tells everybody, and must never wait for a change.
_POLICIES_LOCK = 0x706F6C69
#: Two changes at once could hang routes below each other.
_LOCK_ROUTES = "LOCK TABLE alerts_route IN SHARE ROW EXCLUSIVE MODE"
#: What is known of a route by where it hangs and whose it is.
_PLACE = ("pk", "parent_id", "application_id")
#: What is decided about a policy, besides its steps. Its turn is not among it: escalations move that on meanwhile.
_FIELDS = (
    "name",
    "application",
    "group_by",
    "group_wait_seconds",
    "group_interval_seconds",
    "repeat_interval_seconds",
    "ack_reminder_seconds",
    "ack_expiry_seconds",
)


class PolicyInvalid(Exception):
    """A policy or a route that can't be saved. `placed` says why, in words, beside the field: “steps.2.channels”."""

    def __init__(self, placed: Iterable[tuple[str, str]]) -> None:
        self.placed = list(placed)
        super().__init__(" ".join(self.errors))

    @property
    def errors(self) -> list[str]:
        """What is wrong, in words alone."""
        return [words for _, words in self.placed]


class PolicyInUse(Exception):
    """A policy that rules or routes name: without it, their alerts would reach somebody else, or nobody."""


@dataclass(frozen=True, slots=True)
class StepDraft:
    """One step as filled in: its judgement (`step`) and the rows that it reaches, by the name of their field."""

    step: Step
    targets: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """What a route is to be. `policy_id` None: its parent's; `application_id` None: alerts of all applications."""

    name: str
    matchers: str
    parent_id: int | None = None
    position: int = 0
    policy_id: int | None = None
    continues: bool = False
    application_id: int | None = None


@transaction.atomic
def save_policy(*, policy: Policy, steps: Sequence[StepDraft]) -> Policy:
    """Create or change a policy with all its steps; raise PolicyInvalid, and change nothing, if it can't be one.

    Groups that are open go on as they began.
    """
    lock_policies()
    check_policy(policy=policy, steps=steps)
    try:
        policy.full_clean(exclude=["builtin_key"])
    except ValidationError as error:
        raise PolicyInvalid((name, words) for name, found in error.message_dict.items() for words in found) from error
    policy.save(update_fields=None if policy._state.adding else _FIELDS)
    policy.steps.all().delete()
    for position, draft in enumerate(steps):
        _write_step(policy, position, draft)
    return policy


def check_policy(*, policy: Policy, steps: Sequence[StepDraft]) -> None:
    """Raise PolicyInvalid, with all that is wrong, unless a policy can be saved as it is here with these steps."""
    errors = [
        ("steps" if place is None else f"steps.{place}", words)
        for place, words in find_placed_errors([draft.step for draft in steps])
    ]
    if EVERY_LABEL in policy.group_by and len(policy.group_by) > 1:
        errors.append(("group_by", "Group by “...” alone: it means every label."))
    if len(set(policy.group_by)) != len(policy.group_by):
        errors.append(("group_by", "A label can make groups once only."))
    if len(policy.group_by) > MAX_GROUP_LABELS:
        errors.append(("group_by", f"{MAX_GROUP_LABELS} labels can make groups at most."))
    if count_policies_left(application_id=policy.application_id, except_id=policy.pk) < 1:
        errors.append(("name", write_too_many_policies()))
    if policy.application_id is not None:
        errors += _find_strangers(policy, steps)
    if errors:
        raise PolicyInvalid(errors)


def count_policies_left(*, application_id: int | None, except_id: int | None = None) -> int:
    """Return how many policies an application (None: all of them) can have beside those that it has; one may be passed over."""
    others = Policy.objects.filter(Q(application_id=application_id)).exclude(Q(pk=except_id))
    return max(0, MAX_POLICIES - others.count())


def write_too_many_policies() -> str:
    """Return what is said to whoever makes one more."""
    return f"There can be {MAX_POLICIES:,} policies of one application, or for all, at most."


def lock_policies() -> None:
    """Keep everybody else from changing policies until the transaction ends: for what is decided by several of them."""
    _execute("SELECT pg_advisory_xact_lock(%s)", [_POLICIES_LOCK])


@transaction.atomic
def delete_policy(*, policy: Policy) -> None:
    """Delete a policy; raise PolicyInUse while a rule or a route names it. Groups that are open go on as they began."""
    lock_policies()
    users = [*policy.rules.order_by("pk")[:3], *policy.routes.order_by("pk")[:3]]
    if users:
        names = ", ".join(f"“{user.name}”" for user in users)
        raise PolicyInUse(f"Rules or routes name this policy ({names}): give them another one first.")
    policy.delete()


@transaction.atomic
def save_route(*, draft: RouteDraft, route: Route | None = None) -> Route:
    """Create or change a route; raise PolicyInvalid, and change nothing, if it can't hang there. New alerts go by it."""
    _execute(_LOCK_ROUTES)
    check_route(draft, route_id=route.pk if route is not None else None)
    row = Route() if route is None else Route.objects.get(pk=route.pk)
    row.name, row.matchers = draft.name.strip(), draft.matchers.strip()
    row.parent_id, row.position, row.continues = draft.parent_id, draft.position, draft.continues
    row.policy_id, row.application_id = draft.policy_id, draft.application_id
    row.save()
    return row


@transaction.atomic
def delete_route(*, route: Route) -> None:
    """Delete a route with all below it: what they took goes where the next ones lead. Open groups go on as they began."""
    route.delete()


def check_route(draft: RouteDraft, *, route_id: int | None) -> None:
    """Raise PolicyInvalid, with all that is wrong, unless a route can be saved; `route_id` None: it is new."""
    errors = list(_find_place_errors(draft, route_id))
    if not draft.name.strip():
        errors.append(("name", "Give it a name."))
    if not 0 <= draft.position <= MAX_POSITION:
        errors.append(("position", f"Choose 0 to {MAX_POSITION:,}."))
    try:
        if not parse_matchers(draft.matchers):
            words = "Write at least one matcher: what no route takes goes to the default channels anyway."
            errors.append(("matchers", words))
    except MatcherInvalid as error:
        errors.append(("matchers", str(error)))
    if draft.policy_id is not None:
        policy = Policy.objects.filter(pk=draft.policy_id).first()
        if policy is None or policy.application_id not in (None, draft.application_id):
            errors.append(("policy", "This escalation policy does not exist, or is for alerts of another application."))
    if errors:
        raise PolicyInvalid(errors)


def _find_place_errors(draft: RouteDraft, route_id: int | None) -> Iterator[tuple[str, str]]:
    """Yield why a route can't hang where it is to: loops, depth, count, and whose alerts those around it take."""
    own = draft.application_id
    rows = {row.pk: row for row in Route.objects.filter(Q(application=None) | Q(application_id=own)).only(*_PLACE)}
    others = sum(row.application_id == own for row in rows.values() if row.pk != route_id)
    if others >= tree.MAX_ROUTES:
        yield "name", f"There can be {tree.MAX_ROUTES:,} routes of one application, or for all, at most."
    parent = rows.get(draft.parent_id or 0)
    if draft.parent_id is not None and parent is None:
        yield "parent", "This route does not exist, or takes alerts of another application alone."
    above, depth = parent, 1
    while above is not None and depth <= len(rows):
        if above.pk == route_id:
            yield "parent", "A route can't be below itself."
            return
        above, depth = rows.get(above.parent_id or 0), depth + 1
    below = _list_below(route_id) if route_id is not None else []
    if depth + len(below) >= tree.MAX_DEPTH:
        yield "parent", f"Routes can be {tree.MAX_DEPTH - 1} levels deep at most."
    if own is not None and any(row.application_id != own for level in below[:1] for row in level):
        yield "application", "Routes below it take alerts of other applications: move them first."


def _list_below(route_id: int) -> list[list[Route]]:
    """Return what hangs below a route, level by level, whoever it belongs to."""
    levels: list[list[Route]] = []
    level = list(Route.objects.filter(parent_id=route_id).only(*_PLACE))
    while level and len(levels) < tree.MAX_DEPTH:
        levels.append(level)
        level = list(Route.objects.filter(parent_id__in=[row.pk for row in level]).only(*_PLACE))
    return levels


def _find_strangers(policy: Policy, steps: Sequence[StepDraft]) -> Iterator[tuple[str, str]]:
    """Yield what of other applications a policy of one application would reach, or who of them names it already."""
    usable = (None, policy.application_id)
    for place, draft in enumerate(steps):
        for name in ("channels", "schedules"):
            for row in draft.targets.get(name, ()):
                if row.application_id not in usable:
                    yield f"steps.{place}.{name}", f"Step {place + 1}: “{row}” belongs to another application."
    if policy._state.adding:
        return
    assert policy.application_id is not None, "it is of one application"
    if words := describe_strangers(
        "policy", policy.rules.all(), policy.routes.all(), application_id=policy.application_id
    ):
        yield "application", words


def _execute(statement: str, values: Sequence[Any] = ()) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


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
