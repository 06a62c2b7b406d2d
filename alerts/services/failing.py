"""Telling whoever owns rules that they can't be evaluated, or only by turns: a rule that fails in silence watches nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction

from alerts.addressing import list_fallback_addresses
from alerts.models import EvaluationBacklog, Rule
from alerts.services.backlogs import read_seconds
from alerts.services.guarding import count_done
from config.deliveries.enums import Channel as Way
from config.deliveries.rendering import render_mail
from config.deliveries.services import queue_delivery

SOURCE = "rule"
#: A rule that fails no longer than this may only have met a busy moment.
PATIENCE = timedelta(minutes=2)
#: Of an application's rules, those that take the longest are named.
SHOWN_RULES = 5


def tell_owners_of_failures(*, now: datetime) -> int:
    """Queue a mail about each rule that has failed for PATIENCE, once until it works again, and about each application whose
    rules take too long together; return about how many.
    """
    late = EvaluationBacklog.objects.filter(since__lte=now - PATIENCE, told_at=None).order_by("pk")
    slow = count_done(
        "telling the owners of slow rules", list(late.values_list("pk", flat=True)), partial(_tell_slow, now=now)
    )
    due = Rule.objects.enabled().filter(failing_since__lte=now - PATIENCE, failure_told_at=None).exclude(last_error="")
    ids = list(due.order_by("pk").values_list("pk", flat=True))
    return slow + count_done("telling the owner of a rule", ids, partial(_tell, now=now))


@transaction.atomic
def _tell_slow(backlog_id: int, *, now: datetime) -> bool:
    waiting = EvaluationBacklog.objects.select_for_update(skip_locked=True, of=("self",)).select_related("application")
    backlog = waiting.filter(pk=backlog_id, told_at=None).first()
    if backlog is None:
        return False
    EvaluationBacklog.objects.filter(pk=backlog.pk).update(told_at=now)
    rules = Rule.objects.enabled().for_application(backlog.application_id)
    owners = rules.filter(owner__is_active=True).exclude(owner__email="").order_by("owner__email")
    found = list(owners.values_list("owner__email", flat=True).distinct())
    context = {
        "backlog": backlog,
        "title": f"The rules of {backlog.application} are evaluated less often",
        "slowest": _list_slowest(backlog),
        "action_url": f"{settings.PUBLIC_URL}/admin/alerts/rule/",
        "action_text": "Open the rules",
        "is_owner": bool(found),
    }
    mail = render_mail("alerts/rules_slow", context)
    for address in found or list_fallback_addresses():
        queue_delivery(
            channel=Way.EMAIL,
            recipient=address,
            idempotency_key=f"rules-slow:{backlog.pk}:{backlog.since.isoformat()}:{address}",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            source="rules",
            source_id=str(backlog.application_id),
            application_id=backlog.application_id,
        )
    return True


def _list_slowest(backlog: EvaluationBacklog) -> list[tuple[Rule, float]]:
    """Return the rules that take the longest in an application, each with how long (seconds), the slowest first."""
    seconds = read_seconds(backlog)
    slowest = sorted(seconds, key=lambda rule_id: (-seconds[rule_id], rule_id))[:SHOWN_RULES]
    rules = Rule.objects.enabled().in_bulk(slowest)
    return [(rules[rule_id], seconds[rule_id]) for rule_id in slowest if rule_id in rules]


@transaction.atomic
def _tell(rule_id: int, *, now: datetime) -> bool:
    rule = (
        Rule.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("owner")
        .filter(pk=rule_id, failure_told_at=None, failing_since__isnull=False)
        .first()
    )
    if rule is None or rule.failing_since is None:
        return False
    Rule.objects.filter(pk=rule.pk).update(failure_told_at=now)
    owner = rule.owner.email if rule.owner is not None and rule.owner.is_active else ""
    context = {
        "rule": rule,
        "title": f"The rule “{rule.name}” can’t be evaluated",
        "action_url": settings.PUBLIC_URL + rule.get_absolute_url(),
        "action_text": "Open the rule",
        "is_owner": bool(owner),
    }
    mail = render_mail("alerts/rule_failing", context)
    for address in [owner] if owner else list_fallback_addresses():
        queue_delivery(
            channel=Way.EMAIL,
            recipient=address,
            idempotency_key=f"rule-failing:{rule.pk}:{rule.failing_since.isoformat()}:{address}",
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            source=SOURCE,
            source_id=str(rule.pk),
            application_id=rule.application_id,
        )
    return True
