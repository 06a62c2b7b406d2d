"""Who watches the watcher: what has to be true for alerts to reach people, judged from a few facts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: Rules are evaluated every 15 s; after this long something is wrong.
RULES_LATE = timedelta(minutes=2)
#: Groups and escalation steps are looked at every 5 s.
STEP_LATE = timedelta(minutes=1)
MESSAGE_LATE = timedelta(minutes=2)
EVENT_LATE = timedelta(minutes=2)
QUEUE_SILENT = timedelta(minutes=1)
#: Messages that failed for good within this time and none that went out: the way itself is broken.
FAILED_WITHIN = timedelta(hours=1)
#: A message that was tried and has not gone out for this long; the way is broken if nothing went out by it for
#: STUCK_WITHIN, in which every waiting message was tried at least once.
STUCK_AFTER = timedelta(minutes=5)
STUCK_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found. Times are None where nothing waits; `queues` holds each queue's last sign of life, None: none."""

    rules_enabled: int = 0
    rules_evaluated_at: datetime | None = None
    broken_rules: int = 0
    oldest_step_due: datetime | None = None
    stuck_groups: int = 0
    oldest_message_due: datetime | None = None
    oldest_event: datetime | None = None
    queues: Mapping[str, datetime | None] = field(default_factory=dict)
    failed_ways: tuple[str, ...] = ()
    stuck_ways: tuple[str, ...] = ()
    stuck_services: tuple[str, ...] = ()
    slow_receivers: tuple[str, ...] = ()


def find_problems(facts: Facts, *, now: datetime) -> list[str]:
    """Return what keeps alerts from people, in words; empty if all is well.

    A rule that can't be evaluated is told to its owner and is no reason to doubt the rest, so it does not count here.
    """
    problems = []
    evaluated = facts.rules_evaluated_at
    if facts.rules_enabled and (evaluated is None or now - evaluated > RULES_LATE):
        problems.append(f"Rules were not evaluated {_since(evaluated, now)}.")
    if _is_late(facts.oldest_step_due, STEP_LATE, now):
        problems.append(f"A message or an escalation step of {facts.stuck_groups} groups of alerts is overdue.")
    if _is_late(facts.oldest_message_due, MESSAGE_LATE, now):
        problems.append(f"A message waits {_since(facts.oldest_message_due, now)} to be sent.")
    if _is_late(facts.oldest_event, EVENT_LATE, now):
        problems.append(f"An event waits {_since(facts.oldest_event, now)} for its subscribers.")
    for queue, seen in sorted(facts.queues.items()):
        if seen is None or now - seen > QUEUE_SILENT:
            problems.append(f"No task of the queue “{queue}” has ended {_since(seen, now)}.")
    problems += [f"Every {way} message of the last hour failed." for way in facts.failed_ways]
    problems += [f"Messages by {way} are tried again and again; none has gone out lately." for way in facts.stuck_ways]
    return problems


def find_remarks(facts: Facts) -> list[str]:
    """Return what people should look at although alerts reach the others, in words."""
    remarks = [f"Messages to {name} are tried in vain." for name in facts.stuck_services]
    slow = [f"Messages to {name} wait for their turn: it takes long to answer." for name in facts.slow_receivers]
    return remarks + slow


def _is_late(due: datetime | None, patience: timedelta, now: datetime) -> bool:
    return due is not None and now - due > patience


def _since(moment: datetime | None, now: datetime) -> str:
    return "yet" if moment is None else f"for {int((now - moment).total_seconds())} s"
