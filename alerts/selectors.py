"""Reading rules, alerts and whom they reach."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from alerts.enums import AlertState, Severity
from alerts.escalation import Step, StepKind
from alerts.flapping import WINDOW
from alerts.models import (
    Alert,
    AlertGroup,
    Channel,
    Component,
    InhibitRule,
    Notice,
    Policy,
    PolicyStep,
    Route,
    Rule,
    RuleQuerySet,
)
from alerts.routing import inhibition, tree
from alerts.routing.matchers import Matcher, MatcherInvalid, parse_remembered

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: firing alerts (all, unacknowledged, critical), pending ones, rules that can't be evaluated.

    `evaluated_at` is when rules were evaluated last, None if never.
    """

    firing: int
    unacknowledged: int
    critical: int
    pending: int
    broken_rules: int
    evaluated_at: datetime | None


def count_starts(alert: Alert) -> int:
    """Return how often an alert's series began to fire within the time in which it can flap, up to this alert."""
    if alert.fired_at is None:
        return 0
    same = Alert.objects.filter(
        rule=alert.rule,
        source=alert.source,
        cause=alert.cause,
        application_id=alert.application_id,
        fingerprint=alert.fingerprint,
    )
    return same.filter(fired_at__gt=alert.fired_at - WINDOW, fired_at__lte=alert.fired_at).count()


def measure_standing(*, application_id: int | None = None) -> Standing:
    """Return how things stand, for one application or all; two queries over open alerts and rules."""
    firing = Q(state=AlertState.FIRING)
    alerts = Alert.objects.open()
    rules = Rule.objects.enabled()
    if application_id is not None:
        alerts = alerts.filter(application_id=application_id)
        rules = rules.for_application(application_id)
    counts = alerts.aggregate(
        firing=Count("pk", filter=firing),
        unacknowledged=Count("pk", filter=firing & Q(acknowledged_at=None)),
        critical=Count("pk", filter=firing & Q(severity=Severity.CRITICAL)),
        pending=Count("pk", filter=Q(state=AlertState.PENDING)),
    )
    about_rules = rules.aggregate(
        broken_rules=Count("pk", filter=~Q(last_error="")), evaluated_at=Max("last_evaluated_at")
    )
    return Standing(**counts, **about_rules)


def list_open_alerts() -> dict[tuple[int, int], dict[str, Alert]]:
    """Return every open alert of our rules by fingerprint, for each pair of rule and application that has any."""
    found: dict[tuple[int, int], dict[str, Alert]] = defaultdict(dict)
    for alert in Alert.objects.open().filter(source="").defer("trail"):
        assert alert.rule_id is not None, "a constraint keeps the rule of an open alert"
        found[alert.rule_id, alert.application_id][alert.fingerprint] = alert
    return found


def list_firing_alerts(*, application_id: int | None = None, limit: int = 10) -> list[Alert]:
    """Return the firing alerts that need someone most."""
    alerts = Alert.objects.firing().by_need().select_related("application", "rule")
    if application_id is not None:
        alerts = alerts.filter(application_id=application_id)
    return list(alerts[:limit])


def list_snoozed_together(*, alert_id: int) -> list[int]:
    """Return the firing alerts that the same reader snoozed until the same moment as this one."""
    alert = Alert.objects.firing().filter(pk=alert_id, snoozed_until__isnull=False).first()
    if alert is None:
        return []
    alike = Alert.objects.firing().filter(snoozed_until=alert.snoozed_until, snoozed_name=alert.snoozed_name)
    return list(alike.order_by("pk").values_list("pk", flat=True))


def annotate_open_counts(rules: RuleQuerySet, *, application_id: int | None = None) -> RuleQuerySet:
    """Return rules, each with `firing` and `pending`: how many of its alerts are, of one application or of all."""
    return rules.annotate(
        firing=_count_alerts(AlertState.FIRING, application_id),
        pending=_count_alerts(AlertState.PENDING, application_id),
    )


def list_rules(*, application_id: int) -> QuerySet[Rule]:
    """Return the rules that judge an application, with the counts of its open alerts."""
    rules = (
        Rule.objects.for_application(application_id).prefetch_related("channels").select_related("application", "owner")
    )
    return annotate_open_counts(rules, application_id=application_id)


def list_alerts(*, application_id: int) -> QuerySet[Alert]:
    """Return an application's alerts, whatever their state."""
    return Alert.objects.filter(application_id=application_id).select_related("rule", "application", "assignee")


def _count_alerts(state: AlertState, application_id: int | None) -> Coalesce:
    alerts = Alert.objects.filter(rule=OuterRef("pk"), state=state)
    if application_id is not None:
        alerts = alerts.filter(application_id=application_id)
    counted = alerts.order_by().values("rule").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), Value(0))


def list_alerts_about(*, application_id: int, label: str, value: str, limit: int = 5) -> list[Alert]:
    """Return the newest alerts of an application that name a thing in one of their labels."""
    named = {f"labels__{label}": value}
    alerts = Alert.objects.filter(application_id=application_id, fired_at__isnull=False, **named)
    return list(alerts.order_by("-id")[:limit])


def read_policy_steps(policy: Policy) -> tuple[Step, ...]:
    """Return a policy's steps, in order, ready to be snapshotted."""
    steps = policy.steps.prefetch_related("channels", "people", "teams", "schedules").order_by("position", "id")
    return tuple(read_step(step) for step in steps)


def read_policies_named(names: Iterable[str]) -> dict[str, tuple[Policy, tuple[Step, ...]]]:
    """Return the policies of these names with their steps, by name."""
    found = Policy.objects.filter(name__in=list(names)).prefetch_related(
        "steps__channels", "steps__people", "steps__teams", "steps__schedules"
    )
    return {policy.name: (policy, tuple(read_step(step) for step in policy.steps.all())) for policy in found}


def read_step(step: PolicyStep) -> Step:
    """Return a stored step, ready to be snapshotted."""
    people = [person.pk for person in step.people.all()]
    targets = {
        StepKind.CHANNEL: [channel.pk for channel in step.channels.all()],
        StepKind.PERSON: people,
        StepKind.ROUND_ROBIN: people,
        StepKind.TEAM: [team.pk for team in step.teams.all()],
        StepKind.SCHEDULE: [schedule.pk for schedule in step.schedules.all()],
    }
    kind = StepKind(step.kind)
    return Step(
        kind=kind,
        targets=tuple(sorted(targets.get(kind, ()))),
        seconds=step.seconds,
        count=step.count,
        start=step.from_time.strftime("%H:%M") if step.from_time else "",
        end=step.until_time.strftime("%H:%M") if step.until_time else "",
        weekdays=tuple(step.weekdays),
        zone=step.zone or "UTC",
    )


def list_notice_ids(*, alert_id: int) -> list[int]:
    """Return the messages that were about an alert, oldest first."""
    about = Notice.objects.filter(Q(firing__contains=[alert_id]) | Q(resolved__contains=[alert_id]))
    return list(about.order_by("pk").values_list("pk", flat=True))


def list_alerts_of_notice(*, notice_id: int) -> list[int]:
    """Return the alerts that a message was about; none if it is forgotten."""
    notice = Notice.objects.filter(pk=notice_id).first()
    return [*notice.firing, *notice.resolved] if notice else []


def read_routes(*, application_id: int | None = None) -> tree.Route:
    """Return the routing tree; its root, which takes what no branch takes, has the receiver 0: the default channels.

    With an application, only what may take its alerts is read: its own routes and those of all. A branch whose matchers can't be read is left out with all below it, and logged.
    """
    children: dict[int | None, list[Route]] = defaultdict(list)
    routes = Route.objects.all() if application_id is None else list_routes(application_id=application_id)
    for route in routes.select_related("application").order_by("position", "pk"):
        children[route.parent_id].append(route)
    return tree.Route(route_id=0, receiver=0, children=_read_branches(children, None, depth=1))


def _read_branches(
    children: Mapping[int | None, list[Route]], parent: int | None, *, depth: int
) -> tuple[tree.Route, ...]:
    branches = []
    for route in children.get(parent, ()) if depth < tree.MAX_DEPTH else ():
        try:
            matchers = parse_remembered(route.matchers)
            matchers += match_owner(route)
        except MatcherInvalid:
            logger.exception("route %s can't be read and takes nothing", route.pk)
            continue
        branches.append(
            tree.Route(
                route_id=route.pk,
                matchers=matchers,
                receiver=route.policy_id,
                continues=route.continues,
                children=_read_branches(children, route.pk, depth=depth + 1),
            )
        )
    return tuple(branches)


def match_owner(row: Component | InhibitRule | Route) -> tuple[Matcher, ...]:
    """Return what only alerts of a row's application match; nothing to match if it is for those of all.

    The labels are added to alerts by ourselves, over whatever their rule or sender says. A short name is one application's
    only together with its environment.
    """
    owner = row.application
    if owner is None:
        return ()
    return (Matcher("application", "=", owner.slug), Matcher("environment", "=", owner.environment))


def read_inhibitions(*, application_id: int | None = None) -> list[tuple[str, inhibition.InhibitRule]]:
    """Return the inhibitions that are on, each with its name, ready to be judged: all, or those about one application's alerts.

    Whoever compares applications compares their environments as well: a short name alone is not one application.
    """
    found = []
    rows = InhibitRule.objects.filter(enabled=True)
    if application_id is not None:
        rows = rows.filter(Q(application=None) | Q(application_id=application_id))
    for row in rows.select_related("application").order_by("pk"):
        try:
            sources, targets = parse_remembered(row.source_matchers), parse_remembered(row.target_matchers)
        except MatcherInvalid:
            logger.exception("inhibition %s can't be read and holds nothing", row.pk)
            continue
        own = match_owner(row)
        equal = {*row.equal, "environment"} if "application" in row.equal else row.equal
        found.append((row.name, inhibition.InhibitRule(sources + own, targets + own, tuple(sorted(equal)))))
    return found


def read_ack_limits(*, alert_id: int) -> tuple[timedelta | None, timedelta | None]:
    """Return after how long an acknowledgement is reminded of, and when it ends: the least of the alert's groups'."""
    plans = AlertGroup.objects.filter(members__alert_id=alert_id, members__is_done=False).values_list("plan", flat=True)
    found = [[plan.get(name) for plan in plans if plan.get(name)] for name in ("ack_reminder", "ack_expiry")]
    reminder, expiry = (timedelta(seconds=min(each)) if each else None for each in found)
    return reminder, expiry


def list_channels(*, application_id: int) -> QuerySet[Channel]:
    """Return the channels that an application may use: its own and those of all, newest first."""
    return Channel.objects.filter(Q(application=None) | Q(application_id=application_id)).order_by("-pk")


def list_policies(*, application_id: int) -> QuerySet[Policy]:
    """Return the policies that rules of an application can name: its own and those of all, with their steps, newest first."""
    usable = Policy.objects.filter(Q(application=None) | Q(application_id=application_id))
    return usable.order_by("-pk").prefetch_related(
        "steps__channels", "steps__people", "steps__teams", "steps__schedules"
    )


def list_routes(*, application_id: int) -> QuerySet[Route]:
    """Return the routes that may take alerts of an application: its own and those of all, newest first."""
    return Route.objects.filter(Q(application=None) | Q(application_id=application_id)).order_by("-pk")
