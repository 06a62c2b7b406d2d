"""From decisions to rows: what one evaluation of one rule changes, in one transaction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from alerts.annotations import TemplateError, render_template
from alerts.enums import AlertCause, AlertState
from alerts.evaluation import Action, Decision
from alerts.models import Alert, AlertTransition, Rule
from alerts.services.grouping import join_groups
from alerts.services.missing import Look, Memory
from alerts.services.telling import publish_transition
from alerts.services.transitions import change_state, check_transition
from alerts.wording import GONE_AFTER_WORDS, annotate_no_data
from config.lengths import describe_seconds
from monitoring.applications.selectors import list_applications

TRAIL_LENGTH = 60
"""Values kept for an alert's spark line: a quarter of an hour of evaluations."""

#: What of a rule an evaluation's decisions hang on.
_JUDGED_BY = (
    "application_id",
    "condition",
    "clear_condition",
    "for_seconds",
    "keep_firing_for_seconds",
    "no_data_after_seconds",
)

_QUIET = frozenset({Action.UPDATE, Action.KEEP})
_STARTS = frozenset({Action.START_PENDING, Action.START_FIRING, Action.START_NO_DATA})

#: Keeps values, spark lines and deadlines of alerts whose state stays. An alert that moved meanwhile is left alone. Rows are
#: locked in the order of their ids, which is everybody's: people act on several at once.
_UPDATE_SQL = f"""
WITH locked AS MATERIALIZED (
    SELECT id FROM alerts_alert WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE
)
UPDATE alerts_alert AS alert SET
    last_seen_at = %(now)s,
    keep_until = new.keep_until,
    no_data_since = new.no_data_since,
    value = coalesce(new.value, alert.value),
    trail = CASE WHEN new.value IS NULL THEN alert.trail
        ELSE (alert.trail || new.value)[greatest(1, cardinality(alert.trail) + 2 - {TRAIL_LENGTH}):] END
FROM unnest(
    %(ids)s::bigint[], %(versions)s::int[], %(values)s::float8[], %(keeps)s::timestamptz[], %(missing)s::timestamptz[]
) AS new(id, version, value, keep_until, no_data_since) JOIN locked USING (id)
WHERE alert.id = new.id AND alert.version = new.version AND alert.state IN ('pending', 'firing')
"""  # noqa: S608  (a constant of ours)


@dataclass(frozen=True, slots=True)
class Finding:
    """One series that a condition returned: the labels that identify it, and its value."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an evaluation of one rule found for one application, and what was decided about it.

    `look` and `memory` are what it saw of its series and will remember of them, None unless it watches for missing data.
    """

    rule: Rule
    application_id: int
    findings: Mapping[str, Finding]
    alerts: Mapping[str, Alert]
    decisions: Sequence[Decision]
    look: Look | None = None
    memory: Memory | None = None

    def needs_transaction(self) -> bool:
        """Whether anything begins, moves or ends; mere new values are written for all rules at once."""
        return any(decision.action not in _QUIET for decision in self.decisions)


@transaction.atomic
def update_values(*, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write the new values of alerts whose state stays, of all rules in one statement."""
    pairs = [
        (outcome.alerts[decision.fingerprint], decision)
        for outcome in outcomes
        for decision in outcome.decisions
        if decision.action in _QUIET
    ]
    if not pairs:
        return
    values: dict[str, Any] = {
        "now": now,
        "ids": [alert.pk for alert, _ in pairs],
        "versions": [alert.version for alert, _ in pairs],
        "values": [decision.value for _, decision in pairs],
        "keeps": [decision.keep_until for _, decision in pairs],
        "missing": [decision.no_data_since for _, decision in pairs],
    }
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE_SQL, values)


@transaction.atomic
def apply_outcome(*, outcome: Outcome, now: datetime) -> int:
    """Begin, move and end a rule's alerts, with their transitions and messages; return how many changed state.

    The rule's row is locked first: evaluators that meet take turns, and the later one finds what the earlier one did. An
    evaluation older than the rule's newest, or of a rule switched off, edited or deleted meanwhile, changes nothing. Alerts
    are moved in the order of their ids, in which everybody locks several of them.
    """
    rule = Rule.objects.select_for_update(no_key=True).filter(pk=outcome.rule.pk, enabled=True).first()
    if rule is None or (rule.last_evaluated_at is not None and rule.last_evaluated_at > now):
        return 0
    if any(getattr(rule, name) != getattr(outcome.rule, name) for name in _JUDGED_BY):
        return 0
    moved = _begin(rule, outcome, now)
    known = [(outcome.alerts[one.fingerprint], one) for one in outcome.decisions if one.fingerprint in outcome.alerts]
    for alert, decision in sorted(known, key=lambda pair: pair[0].pk):
        if (transition := _move(rule, alert, decision, outcome, now)) is not None:
            moved.append((alert, transition))
    _tell(rule, moved, now)
    return len(moved)


Moved = list[tuple[Alert, AlertTransition]]


def _begin(rule: Rule, outcome: Outcome, now: datetime) -> Moved:
    """Write new alerts; series that have an open one already (another evaluation was faster) are left to it."""
    starts = [one for one in outcome.decisions if one.action in _STARTS]
    if not starts:
        return []
    taken = set(
        Alert.objects.open()
        .filter(rule=rule, application_id=outcome.application_id, fingerprint__in=[one.fingerprint for one in starts])
        .values_list("fingerprint", flat=True)
    )
    new = [_build(rule, outcome, decision, now) for decision in starts if decision.fingerprint not in taken]
    alerts = Alert.objects.bulk_create(new)
    transitions = [_build_first_transition(rule, alert, now) for alert in alerts]
    return list(zip(alerts, AlertTransition.objects.bulk_create(transitions), strict=True))


def _build(rule: Rule, outcome: Outcome, decision: Decision, now: datetime) -> Alert:
    if decision.action is Action.START_NO_DATA:
        return _build_no_data(rule, outcome, decision, now)
    finding = outcome.findings[decision.fingerprint]
    is_firing = decision.action is Action.START_FIRING
    state = AlertState.FIRING if is_firing else AlertState.PENDING
    check_transition(AlertState.INACTIVE, state)
    return Alert(
        rule=rule,
        name=rule.name,
        application_id=outcome.application_id,
        fingerprint=decision.fingerprint,
        labels=_label(rule, finding),
        annotations=_render_all(rule.annotations, finding),
        severity=rule.severity,
        state=state,
        value=finding.value,
        trail=[finding.value],
        active_since=now,
        fired_at=now if is_firing else None,
        last_seen_at=now,
    )


def _build_no_data(rule: Rule, outcome: Outcome, decision: Decision, now: datetime) -> Alert:
    assert outcome.look is not None, "only a rule that looks for it can miss anything"
    labels = outcome.look.labels[decision.fingerprint]
    check_transition(AlertState.INACTIVE, AlertState.PENDING)
    return Alert(
        rule=rule,
        name=rule.name,
        application_id=outcome.application_id,
        fingerprint=decision.fingerprint,
        labels=_label(rule, Finding(labels, math.nan)),
        annotations=annotate_no_data(rule_name=rule.name, labels=labels),
        severity=rule.severity,
        state=AlertState.PENDING,
        cause=AlertCause.NO_DATA,
        active_since=now,
        no_data_since=decision.no_data_since,
        last_seen_at=now,
    )


def _label(rule: Rule, finding: Finding) -> dict[str, str]:
    """Return an alert's labels: those of its series and of its rule."""
    labels = {**finding.labels, **_render_all(rule.labels, finding)}
    return {name: value for name, value in sorted(labels.items()) if value}


def _build_first_transition(rule: Rule, alert: Alert, now: datetime) -> AlertTransition:
    reason = "The condition is met."
    if alert.is_no_data:
        reason = (
            f"No data comes any more; people are told if that lasts {describe_seconds(rule.no_data_after_seconds)}."
        )
    elif alert.state == AlertState.PENDING:
        reason = f"The condition is met; it fires if that lasts {describe_seconds(rule.for_seconds)}."
    return AlertTransition(
        alert=alert, from_state=AlertState.INACTIVE, to_state=alert.state, at=now, value=alert.value, reason=reason
    )


def _move(rule: Rule, alert: Alert, decision: Decision, outcome: Outcome, now: datetime) -> AlertTransition | None:
    match decision.action:
        case Action.FIRE:
            if alert.is_no_data:
                return _fire_no_data(rule, alert, outcome, now)
            return _fire(rule, alert, outcome.findings[decision.fingerprint], now)
        case Action.RESOLVE:
            return change_state(alert=alert, to=AlertState.RESOLVED, at=now, reason=_explain_end(rule, alert, outcome))
        case Action.LET_GO:
            reason = (
                f"No data for {GONE_AFTER_WORDS} and more: it is taken as gone for good and not waited for any longer."
            )
            return change_state(alert=alert, to=AlertState.RESOLVED, at=now, reason=reason, is_gone=True)
        case Action.DROP:
            reason = _explain_drop(rule, alert, outcome)
            return change_state(alert=alert, to=AlertState.INACTIVE, at=now, reason=reason)
        case Action.RESTART:
            _restart(alert, now)
    return None


def _fire_no_data(rule: Rule, alert: Alert, outcome: Outcome, now: datetime) -> AlertTransition | None:
    assert outcome.look is not None, "only a rule that looks for it can miss anything"
    lasted = (now - alert.active_since).total_seconds()
    reason = f"No data came for {describe_seconds(lasted)}."
    transition = change_state(alert=alert, to=AlertState.FIRING, at=now, reason=reason)
    if transition is not None:
        alert.name, alert.severity = rule.name, rule.severity
        alert.annotations = annotate_no_data(
            rule_name=rule.name,
            labels=outcome.look.labels[alert.fingerprint],
            seconds=max(lasted, rule.no_data_after_seconds),
        )
        alert.save(update_fields=["name", "severity", "annotations"])
    return transition


def _fire(rule: Rule, alert: Alert, finding: Finding, now: datetime) -> AlertTransition | None:
    held = describe_seconds((now - alert.active_since).total_seconds())
    transition = change_state(
        alert=alert, to=AlertState.FIRING, at=now, value=finding.value, reason=f"The condition was met for {held}."
    )
    if transition is not None:
        # Rendered with the value and the rule of this moment, and kept as it was sent from now on.
        alert.name, alert.severity, alert.annotations = rule.name, rule.severity, _render_all(rule.annotations, finding)
        alert.save(update_fields=["name", "severity", "annotations"])
    return transition


def _restart(alert: Alert, now: datetime) -> None:
    Alert.objects.filter(pk=alert.pk, version=alert.version, state=AlertState.PENDING).update(
        active_since=now, last_seen_at=now, version=alert.version + 1
    )


def _explain_end(rule: Rule, alert: Alert, outcome: Outcome) -> str:
    if alert.is_no_data and not _is_back(alert, outcome):
        return "The rule does not watch for this data any more."
    if alert.is_no_data:
        met = ", and the condition is met" if alert.fingerprint in outcome.findings else ""
        kept = f", for {describe_seconds(rule.keep_firing_for_seconds)}" if alert.keep_until and not met else ""
        return f"Data is back{kept or met}."
    reason = "The clear condition is met" if rule.clear_condition else "The condition is not met any more"
    kept = describe_seconds(rule.keep_firing_for_seconds) if rule.keep_firing_for_seconds else ""
    return f"{reason}, for {kept}." if kept else f"{reason}."


def _explain_drop(rule: Rule, alert: Alert, outcome: Outcome) -> str:
    if not alert.is_no_data:
        is_missing = outcome.look is not None and alert.fingerprint in outcome.look.sight.missing
        what = "Its data stopped" if is_missing else "The condition was gone"
        return f"{what} before {describe_seconds(rule.for_seconds)} were over."
    if not _is_back(alert, outcome):
        return "The rule does not watch for this data any more."
    return f"Data came back before {describe_seconds(rule.no_data_after_seconds)} were over."


def _is_back(alert: Alert, outcome: Outcome) -> bool:
    """Whether the data that an alert misses is there again."""
    is_seen = outcome.look is not None and alert.fingerprint in outcome.look.sight.present
    return is_seen or alert.fingerprint in outcome.findings


def _tell(rule: Rule, moved: Moved, now: datetime) -> None:
    """Publish what fires and what ended, and have it told in groups; pending alerts tell nobody."""
    if not moved:
        return
    applications = list_applications().in_bulk({alert.application_id for alert, _ in moved})
    for alert, transition in moved:
        alert.application, alert.rule = applications[alert.application_id], rule
        if transition.to_state in {AlertState.FIRING, AlertState.RESOLVED}:
            publish_transition(alert=alert, transition=transition)
    fired = [alert for alert, transition in moved if transition.to_state == AlertState.FIRING]
    join_groups(rule=rule, alerts=fired, now=now)


def _render_all(texts: Mapping[str, Any], finding: Finding) -> dict[str, str]:
    return {name: _render(str(text), finding) for name, text in texts.items()}


def _render(text: str, finding: Finding) -> str:
    """Render a template that was checked when it was saved; one that slipped in by other ways is shown as it is."""
    try:
        return render_template(text, labels=finding.labels, value=finding.value)
    except TemplateError:
        return text
