"""Applications whose rules take longer than their share: what is judged next, and since when it is so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from alerts.budgets import measure_period, order_rules
from alerts.models import EvaluationBacklog, Rule


def read_backlogs() -> dict[int, EvaluationBacklog]:
    """Return the backlogs of all applications that have one, by application."""
    return {backlog.application_id: backlog for backlog in EvaluationBacklog.objects.all()}


def put_in_order(rules: Sequence[Rule], backlog: EvaluationBacklog | None) -> list[Rule]:
    """Return rules with those first that wait longest, if their application could not judge all of them last time."""
    if backlog is None:
        return list(rules)
    by_id = {rule.pk: rule for rule in rules}
    return [by_id[rule_id] for rule_id in order_rules(by_id, read_judged(backlog))]


def read_judged(backlog: EvaluationBacklog) -> dict[int, float]:
    """Return when each rule was judged last, as far as that is known, as epoch seconds."""
    return {int(rule_id): float(at) for rule_id, at in backlog.judged.items()}


def note_backlog(
    *, application_id: int, backlog: EvaluationBacklog | None, done: Iterable[Rule], left: Sequence[Rule], now: datetime
) -> None:
    """Note which rules of an application were judged and which wait; once none does, its backlog is gone."""
    if not left:
        if backlog is not None:
            EvaluationBacklog.objects.filter(pk=backlog.pk, written_at__lte=now).delete()
        return
    at, finished = now.timestamp(), list(done)
    known = {
        rule.pk: rule.last_evaluated_at.timestamp() for rule in [*finished, *left] if rule.last_evaluated_at is not None
    }
    if backlog is not None:
        known |= read_judged(backlog)
    period = measure_period([rule.pk for rule in finished], known, now=at) if backlog is not None else None
    ids = {rule.pk for rule in [*finished, *left]}
    judged = {rule_id: moment for rule_id, moment in known.items() if rule_id in ids} | {
        rule.pk: at for rule in finished
    }
    _write(application_id, backlog, judged, period, now)


def _write(
    application_id: int,
    backlog: EvaluationBacklog | None,
    judged: dict[int, float],
    period: float | None,
    now: datetime,
) -> None:
    if backlog is None:
        EvaluationBacklog.objects.create(application_id=application_id, since=now, judged=judged, written_at=now)
        return
    EvaluationBacklog.objects.filter(pk=backlog.pk, written_at__lte=now).update(
        judged=judged, period_seconds=period, written_at=now
    )
