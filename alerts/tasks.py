"""Background work of the room."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from alerts.runs import remember_run
from alerts.services import evaluating, notifying, oncall_subscriptions, retention, watching

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def evaluate_rules() -> str:
    """Evaluate every rule now; say what came of it. Runs that meet leave the work to the first."""
    run = evaluating.evaluate_rules(now=timezone.now())
    if run is None:
        return "another evaluation is running"
    remember_run(run)
    if run.transitions:
        logger.info("%s alerts changed state (%s rules in %.2f s)", run.transitions, run.rules, run.seconds)
    return f"{run.rules} rules, {run.failed} failed, {run.transitions} transitions, {run.seconds:.3f} s"


@shared_task(ignore_result=True)
def notify() -> str:
    """Tell people what is due: new groups, what changed in them, steps of escalations; say what was done."""
    turn = notifying.take_turn(now=timezone.now())
    return f"{turn.groups} groups, {turn.notices} messages, {turn.failed} failed"


@shared_task(ignore_result=True)
def watch() -> str:
    """Audit what stands between a breach and a person; say what is wrong."""
    found = watching.keep_watch(now=timezone.now())
    return " ".join(found.problems) or ("all is well, told outside" if found.pinged else "all is well")


@shared_task(ignore_result=True)
def prune_alerts() -> int:
    """Forget alerts that ended long ago; return how many."""
    return retention.prune_alerts(now=timezone.now())


@shared_task(ignore_result=True)
def read_calendars() -> str:
    """Read the on-call calendars that have an address; say how that went."""
    read, failed = oncall_subscriptions.refresh_all(clock=timezone.now)
    return f"{read} read, {failed} failed"
