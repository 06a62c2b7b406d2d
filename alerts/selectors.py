"""Reading rules, alerts and whom they reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from alerts.enums import AlertState, ChannelKind, Severity
from alerts.escalation import Step, StepKind
from alerts.models import Alert, Channel, Notice, Policy, PolicyStep, Rule, RuleQuerySet
from alerts.recipients import Recipient, merge_recipients, split_addresses
from config.crypto import SecretUnreadable
from config.settings import OPTION


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
    """Return every open alert by fingerprint, for each pair of rule and application that has any."""
    found: dict[tuple[int, int], dict[str, Alert]] = defaultdict(dict)
    for alert in Alert.objects.open().defer("trail"):
        assert alert.rule_id is not None, "a constraint keeps the rule of an open alert"
        found[alert.rule_id, alert.application_id][alert.fingerprint] = alert
    return found


def list_firing_alerts(*, application_id: int | None = None, limit: int = 10) -> list[Alert]:
    """Return the firing alerts that need someone most."""
    alerts = Alert.objects.firing().by_need().select_related("application", "rule")
    if application_id is not None:
        alerts = alerts.filter(application_id=application_id)
    return list(alerts[:limit])


def annotate_open_counts(rules: RuleQuerySet, *, application_id: int | None = None) -> RuleQuerySet:
    """Return rules, each with `firing` and `pending`: how many of its alerts are, of one application or of all."""
    return rules.annotate(
        firing=_count_alerts(AlertState.FIRING, application_id),
        pending=_count_alerts(AlertState.PENDING, application_id),
    )


def list_recipients(rule: Rule) -> list[Recipient]:
    """Return whom a rule tells now: through its channels, or the default ones if it names none; switched-off ones rest."""
    channels = list(rule.channels.all()) or list(Channel.objects.filter(is_default=True))
    return list_channel_recipients([channel for channel in channels if channel.enabled])


def list_channel_recipients(channels: Iterable[Channel]) -> list[Recipient]:
    """Return the addresses that channels lead to, each once."""
    return merge_recipients(recipient for channel in channels for recipient in _recipients_of(channel))


def read_signing_secret(channel: Channel) -> tuple[str, str]:
    """Return what signs a channel's webhooks, and what stands in the way of using it (empty: nothing)."""
    if channel.kind != ChannelKind.WEBHOOK:
        return "", ""
    try:
        return channel.signing_secret, ""
    except SecretUnreadable as error:
        return "", f"The signing secret of “{channel.name}” was {error}. Enter it again."


def list_fallback_addresses() -> list[str]:
    """Return where mail goes while a channel names no address: ALERT_EMAILS, or else every administrator's."""
    if OPTION["ALERT_EMAILS"]:
        return split_addresses(",".join(OPTION["ALERT_EMAILS"]))
    people = get_user_model().objects.filter(is_superuser=True, is_active=True).exclude(email="")
    return split_addresses(",".join(people.order_by("pk").values_list("email", flat=True)))


def list_rules(*, application_id: int) -> QuerySet[Rule]:
    """Return the rules that judge an application, with the counts of its open alerts."""
    rules = Rule.objects.for_application(application_id).prefetch_related("channels").select_related("application")
    return annotate_open_counts(rules, application_id=application_id)


def list_alerts(*, application_id: int) -> QuerySet[Alert]:
    """Return an application's alerts, whatever their state."""
    return Alert.objects.filter(application_id=application_id).select_related("rule", "application", "assignee")


def _recipients_of(channel: Channel) -> list[Recipient]:
    secret, obstacle = read_signing_secret(channel)
    return [
        Recipient(channel.pk, channel.name, channel.kind, address, secret, obstacle)
        for address in _addresses_of(channel)
    ]


def _addresses_of(channel: Channel) -> list[str]:
    if channel.kind == ChannelKind.WEBHOOK:
        return [channel.address]
    return split_addresses(channel.address) or list_fallback_addresses()


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
    return tuple(_read_step(step) for step in steps)


def _read_step(step: PolicyStep) -> Step:
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


def list_people_recipients(user_ids: Iterable[int]) -> list[Recipient]:
    """Return how people are reached; one without any way carries the reason."""
    people = get_user_model().objects.filter(pk__in=list(user_ids), is_active=True).order_by("pk")
    return [_recipient_of_person(person) for person in people]


def _recipient_of_person(person: Any) -> Recipient:
    name = str(person.get_full_name() or person.get_username())
    obstacle = "" if person.email else f"{name} has no e-mail address."
    return Recipient(0, name, ChannelKind.EMAIL, person.email or person.get_username(), obstacle=obstacle)


def list_notice_ids(*, alert_id: int) -> list[int]:
    """Return the messages that were about an alert, oldest first."""
    about = Notice.objects.filter(Q(firing__contains=[alert_id]) | Q(resolved__contains=[alert_id]))
    return list(about.order_by("pk").values_list("pk", flat=True))


def list_alerts_of_notice(*, notice_id: int) -> list[int]:
    """Return the alerts that a message was about; none if it is forgotten."""
    notice = Notice.objects.filter(pk=notice_id).first()
    return [*notice.firing, *notice.resolved] if notice else []
