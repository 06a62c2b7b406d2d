"""Evaluating all rules: every application's series read once, every condition asked, every consequence written."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction

from alerts.budgets import Budget
from alerts.conditions import BadCondition, check_condition
from alerts.enums import AlertState
from alerts.evaluation import OpenAlert, Timing, decide, remember
from alerts.labels import describe_labels, fingerprint_labels, identify_series
from alerts.models import Alert, Rule
from alerts.selectors import list_open_alerts
from alerts.services.applying import Finding, Outcome, apply_outcome, update_values
from alerts.services.backlogs import (
    Share,
    join_errors,
    list_waiting_errors,
    note_backlog,
    put_in_order,
    read_backlogs,
)
from alerts.services.guarding import guard, only_one
from alerts.services.missing import Look, Memory, look_at_series, read_memories, write_memories
from monitoring.applications.selectors import list_applications
from monitoring.metrics import promql
from monitoring.metrics.selectors import RecentSnapshot, SeriesStorage

logger = logging.getLogger(__name__)

MAX_ALERTS_PER_RULE = 1_000
"""Series of one application for which one rule may have alerts; a condition that returns more is a mistake."""

CONDITION_SECONDS = 5.0
"""How long one condition may take. Beyond it the rule says so, and the others get their turn."""

LOCK_KEY = 0x616C657274  # "alert"
"""The advisory lock that one evaluator holds at a time."""

#: Written after the run, for all rules at once; an older evaluation never overwrites a newer one.
_NOTE_SQL = """
UPDATE alerts_rule AS rule SET
    last_evaluated_at = %(now)s, last_error = new.error, last_duration_seconds = new.seconds,
    failing_since = CASE WHEN new.error = '' THEN NULL ELSE coalesce(rule.failing_since, %(now)s) END,
    failure_told_at = CASE WHEN new.error = '' THEN NULL ELSE rule.failure_told_at END
FROM unnest(%(ids)s::bigint[], %(errors)s::text[], %(seconds)s::float8[]) AS new(id, error, seconds)
WHERE rule.id = new.id AND (rule.last_evaluated_at IS NULL OR rule.last_evaluated_at <= %(now)s)
"""


class RuleFailed(Exception):
    """A rule that could not be evaluated; the message is for whoever owns it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one evaluation of all rules did. Times in seconds."""

    at: datetime
    rules: int
    failed: int
    transitions: int
    seconds: float


def evaluate_rules(*, now: datetime, clock: Callable[[], float] = time.perf_counter) -> Run | None:
    """Evaluate every enabled rule at `now`; return None, having done nothing, while another evaluation runs.

    Rules of an application that takes longer than its share, by `clock` (seconds), wait for the next evaluation.

    A rule that fails keeps its alerts as they are, says why in `last_error`, and stops no other. All state is in the
    database: a run that dies in the middle is continued by the next one.
    """
    started = time.perf_counter()
    with only_one(LOCK_KEY) as is_ours:
        if not is_ours:
            return None
        rules = list(Rule.objects.enabled().order_by("pk"))
        memories = read_memories(rules)
        outcomes, shares = _judge_everything(rules, memories, now, clock)
        changed = {**_list_changed(outcomes, memories), **_list_failing(shares.values(), memories, now)}
        transitions = sum(_apply(outcome, now, shares) for outcome in outcomes if outcome.needs_transaction())
        _update_values(outcomes, now, shares)
        _write_memories(changed, now, shares)
        for share in shares.values():
            guard("noting which rules wait", partial(note_backlog, share=share, now=now))
        failed = _note(rules, shares.values(), now)
    return Run(now, len(rules), failed, transitions, time.perf_counter() - started)


def judge_rule(
    *,
    rule: Rule,
    application_id: int,
    storage: promql.Storage,
    alerts: Mapping[str, Alert],
    now: datetime,
    memory: Memory | None = None,
    judged_at: datetime | None = None,
    awake_since: datetime | None = None,
) -> Outcome:
    """Ask a rule's conditions and decide about its alerts, writing nothing; raise RuleFailed.

    `memory` is what the rule's last evaluation saw, if it watches for missing data; `judged_at` when the application judged
    it last; `awake_since` as in `decide`.
    """
    findings = find_series(rule.condition, storage, now)
    if len(findings) > MAX_ALERTS_PER_RULE:
        raise RuleFailed(
            f"The condition returns {len(findings):,} series; a rule can have {MAX_ALERTS_PER_RULE:,} alerts."
        )
    cleared = None
    if rule.clear_condition and any(alert.state == AlertState.FIRING for alert in alerts.values()):
        cleared = find_series(rule.clear_condition, storage, now).keys()
    look = None
    if rule.no_data_after_seconds:
        look = _look(rule, application_id, storage, alerts, memory, judged_at, now)
    open_alerts = {name: _remember(alert) for name, alert in alerts.items()}
    decisions = decide(
        timing=Timing(timedelta(seconds=rule.for_seconds), timedelta(seconds=rule.keep_firing_for_seconds)),
        open_alerts=open_alerts,
        series={name: finding.value for name, finding in findings.items()},
        cleared=cleared,
        now=now,
        sight=look.sight if look else None,
        awake_since=awake_since,
    )
    kept = look.keep(remember(sight=look.sight, open_alerts=open_alerts)) if look else None
    return Outcome(rule, application_id, findings, alerts, decisions, look, kept)


def find_series(condition: str, storage: promql.Storage, now: datetime) -> dict[str, Finding]:
    """Return what a condition returns at `now`, by fingerprint; raise RuleFailed."""
    try:
        with promql.time_limit(CONDITION_SECONDS):
            answer = promql.evaluate_instant(check_condition(condition), storage, to_milliseconds(now))
    except (BadCondition, promql.PromQLError) as error:
        raise RuleFailed(str(error)) from error
    assert isinstance(answer, promql.InstantVector), "check_condition lets nothing else through"
    findings: dict[str, Finding] = {}
    for labels, value in answer.elements:
        identity = identify_series(labels)
        fingerprint = fingerprint_labels(identity)
        if fingerprint in findings:
            raise RuleFailed(
                f"The condition returns two series that differ in nothing but the metric's name: {describe_labels(identity)}."
            )
        findings[fingerprint] = Finding(identity, value)
    return findings


def _look(
    rule: Rule,
    application_id: int,
    storage: promql.Storage,
    alerts: Mapping[str, Alert],
    memory: Memory | None,
    judged_at: datetime | None,
    now: datetime,
) -> Look:
    """Return what the rule sees of its series, met or not; raise RuleFailed."""
    try:
        with promql.time_limit(CONDITION_SECONDS):
            look = look_at_series(
                rule=rule,
                application_id=application_id,
                storage=storage,
                alerts=alerts,
                memory=memory,
                judged_at=judged_at,
                now=now,
            )
    except (BadCondition, promql.PromQLError) as error:
        raise RuleFailed(f"Missing data can't be watched for: {error}") from error
    for word, count in (("watches", len(look.sight.present)), ("misses", len(look.sight.missing))):
        if count > MAX_ALERTS_PER_RULE:
            raise RuleFailed(
                f"The rule {word} {count:,} series; with “no data after” it can watch {MAX_ALERTS_PER_RULE:,}. "
                "Leave that empty, or narrow the condition."
            )
    return look


def open_snapshot(application_id: int, conditions: Iterable[str], now: datetime) -> promql.Storage:
    """Return the samples that these conditions need at `now`, read in one go; conditions that can't be read are left out."""
    needs: dict[promql.SelectorNeed, None] = {}
    for text in conditions:
        try:
            needs.update(dict.fromkeys(check_condition(text).selectors()))
        except BadCondition:
            continue
    return RecentSnapshot(application_id, list(needs), now_ms=to_milliseconds(now))


def _open_storage(application_id: int, rules: Sequence[Rule], now: datetime) -> promql.Storage:
    """Return what the rules read from: one reading for all, or, where that can't be had, each rule for itself.

    So one rule that asks for too much fails alone and not with every rule of the application.
    """
    texts = [text for rule in rules for text in (rule.condition, rule.clear_condition) if text]
    try:
        return open_snapshot(application_id, texts, now)
    except promql.PromQLError as error:
        logger.warning("the rules of application %s are read one by one: %s", application_id, error)
        return SeriesStorage(application_id, now_ms=to_milliseconds(now))


def to_milliseconds(moment: datetime) -> int:
    """Return a time as epoch milliseconds."""
    return int(moment.timestamp() * 1000)


def _list_changed(
    outcomes: Iterable[Outcome], memories: Mapping[tuple[int, int], Memory]
) -> dict[tuple[int, int], Memory]:
    """Return what rules remember now, where that is something new."""
    kept = {(one.rule.pk, one.application_id): one.memory for one in outcomes if one.memory is not None}
    return {key: memory for key, memory in kept.items() if memory != memories.get(key)}


def _list_failing(
    shares: Iterable[Share], memories: Mapping[tuple[int, int], Memory], now: datetime
) -> dict[tuple[int, int], Memory]:
    """Return what rules remember that begin to fail in an application: the same, and since when."""
    keys = ((rule_id, share.application_id) for share in shares for rule_id in share.errors)
    known = {key: memories[key] for key in keys if key in memories}
    return {key: replace(memory, failing_since=now) for key, memory in known.items() if memory.failing_since is None}


def _judge_everything(
    rules: Sequence[Rule], memories: Mapping[tuple[int, int], Memory], now: datetime, clock: Callable[[], float]
) -> tuple[list[Outcome], dict[int, Share]]:
    """Return what was found, and what came of the rules of each application, by its id."""
    alerts, backlogs = list_open_alerts(), read_backlogs()
    outcomes: list[Outcome] = []
    shares: dict[int, Share] = {}
    for application_id in list_applications().order_by("pk").values_list("pk", flat=True):
        share = shares[application_id] = Share(application_id, backlogs.get(application_id))
        mine = [rule for rule in rules if rule.application_id in (None, application_id)]
        if mine:
            outcomes += _judge_application(put_in_order(mine, share.backlog), share, alerts, memories, now, clock)
    return outcomes, shares


def _judge_application(
    rules: Sequence[Rule],
    share: Share,
    alerts: Mapping[tuple[int, int], Mapping[str, Alert]],
    memories: Mapping[tuple[int, int], Memory],
    now: datetime,
    clock: Callable[[], float],
) -> list[Outcome]:
    """Judge an application's rules, in this order, as far as there is time; note in `share` what came of them."""
    began = clock()
    share.done = rules
    try:
        storage = _open_storage(share.application_id, rules, now)
    except Exception as error:
        # The outermost edge of one application: the others' rules are evaluated all the same.
        logger.exception("the rules of application %s could not be evaluated", share.application_id)
        for rule in rules:
            share.errors[rule.pk].append(f"{error.__class__.__name__}: {error}")
        return []
    outcomes: list[Outcome] = []
    at = clock()
    budget = Budget(began, at)
    for place, rule in enumerate(rules):
        if budget.is_spent(at):
            share.done, share.left = rules[:place], rules[place:]
            break
        key = (rule.pk, share.application_id)
        try:
            outcomes.append(
                judge_rule(
                    rule=rule,
                    application_id=share.application_id,
                    storage=storage,
                    alerts=alerts.get(key, {}),
                    now=now,
                    memory=memories.get(key),
                    judged_at=share.find_judged_at(rule),
                    awake_since=share.find_awake_since(rule, now),
                )
            )
        except RuleFailed as error:
            share.errors[rule.pk].append(str(error))
        except Exception as error:
            # The outermost edge of one rule: whatever goes wrong inside it must not stop the others.
            logger.exception("rule %s could not be evaluated", rule.pk)
            share.errors[rule.pk].append(f"{error.__class__.__name__}: {error}")
        finished = clock()
        share.seconds[rule.pk] = finished - at
        at = finished
    return outcomes


def _update_values(outcomes: Sequence[Outcome], now: datetime, shares: Mapping[int, Share]) -> None:
    """Write new values, at once; if that fails, rule by rule, so that one that can't be written stops no other."""
    if guard("writing values", partial(update_values, outcomes=outcomes, now=now)):
        return
    for outcome in outcomes:
        if not guard("writing values", partial(update_values, outcomes=[outcome], now=now)):
            shares[outcome.application_id].errors[outcome.rule.pk].append("What it found could not be written.")


def _write_memories(changed: Mapping[tuple[int, int], Memory], now: datetime, shares: Mapping[int, Share]) -> None:
    """Write what rules remember, at once; if that fails, one by one, so that one that can't be written stops no other."""
    if guard("remembering series", partial(_write_at_once, changed, now)):
        return
    why = "Missing data can't be watched for: its series could not be remembered."
    for (rule_id, application_id), memory in changed.items():
        one = {(rule_id, application_id): memory}
        if not guard("remembering series", partial(_write_at_once, one, now)):
            shares[application_id].errors[rule_id].append(why)


@transaction.atomic
def _write_at_once(changed: Mapping[tuple[int, int], Memory], now: datetime) -> None:
    write_memories(memories=changed, now=now)


def _apply(outcome: Outcome, now: datetime, shares: Mapping[int, Share]) -> int:
    try:
        return apply_outcome(outcome=outcome, now=now)
    except Exception as error:
        # Rolled back as a whole; the next evaluation finds the same and tries again.
        logger.exception("what rule %s found could not be written", outcome.rule.pk)
        why = f"What it found could not be written: {error}"
        shares[outcome.application_id].errors[outcome.rule.pk].append(why)
        return 0


def _remember(alert: Alert) -> OpenAlert:
    return OpenAlert(
        is_firing=alert.state == AlertState.FIRING,
        active_since=alert.active_since,
        last_seen_at=alert.last_seen_at,
        keep_until=alert.keep_until,
        is_no_data=alert.is_no_data,
        no_data_since=alert.no_data_since,
    )


def _note(rules: Sequence[Rule], shares: Collection[Share], now: datetime) -> int:
    """Note on each rule that was judged what came of it, in all applications together; return how many failed now.

    Where it waits, what came of it there the last time counts on.
    """
    judged = {rule.pk for share in shares for rule in share.done}
    left = {rule.pk for share in shares for rule in share.left}
    seconds: dict[int, float] = defaultdict(float)
    errors: dict[int, list[str]] = defaultdict(list)
    for share in shares:
        for rule_id, taken in share.seconds.items():
            seconds[rule_id] += taken
        for rule_id, found in share.errors.items():
            errors[rule_id] += found
    failed = len(errors)
    for share in shares:
        for rule_id, known in list_waiting_errors(share).items():
            errors[rule_id].append(known)
    asked = [rule.pk for rule in rules if rule.pk in judged or rule.pk not in left]
    values: dict[str, Any] = {
        "now": now,
        "ids": asked,
        "errors": [join_errors(errors.get(rule_id, ())) for rule_id in asked],
        "seconds": [seconds.get(rule_id, 0.0) for rule_id in asked],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE_SQL, values)
    return failed
