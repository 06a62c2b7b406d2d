"""Applications whose rules take longer than their share: what is judged next, and since when it is so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from alerts.budgets import measure_period, order_rules
from alerts.evaluation import MAX_GAP
from alerts.models import EvaluationBacklog, Rule


@dataclass(slots=True)
class Share:
    """What came of one application's rules in one evaluation: which were judged, and which had to wait.

    By the id of a rule: how long it took (seconds), and why it failed. `backlog` is the one that the evaluation began with.
    """

    application_id: int
    backlog: EvaluationBacklog | None
    done: Sequence[Rule] = ()
    left: Sequence[Rule] = ()
    seconds: dict[int, float] = field(default_factory=dict)
    errors: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))

    def find_judged_at(self, rule: Rule) -> datetime | None:
        """Return when the application judged a rule last, before this evaluation; None if never."""
        at = self.backlog.judged.get(str(rule.pk)) if self.backlog is not None else None
        return rule.last_evaluated_at if at is None else datetime.fromtimestamp(float(at), tz=UTC)

    def find_awake_since(self, rule: Rule, now: datetime) -> datetime | None:
        """Return since when a rule only waited for its turn, without a break of the evaluations; None if that is not so.

        A turn in which it failed was none: nobody saw its alerts then.
        """
        if self.backlog is None or str(rule.pk) in self.backlog.errors or _was_broken_off(self.backlog, now):
            return None
        return self.backlog.unbroken_since


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


def read_seconds(backlog: EvaluationBacklog) -> dict[int, float]:
    """Return how long each rule took in this application when it was judged last, as far as that is known."""
    return {int(rule_id): float(taken) for rule_id, taken in backlog.seconds.items()}


def list_waiting_errors(share: Share) -> dict[int, str]:
    """Return why rules that wait failed when the application judged them last; until it has, what is known of them anywhere."""
    if share.backlog is None:
        return {rule.pk: rule.last_error for rule in share.left if rule.last_error}
    errors = share.backlog.errors
    return {rule.pk: str(errors[str(rule.pk)]) for rule in share.left if str(rule.pk) in errors}


def note_backlog(*, share: Share, now: datetime) -> None:
    """Note which rules of an application were judged and which wait; once none does, its backlog is gone."""
    backlog = share.backlog
    if not share.left:
        if backlog is not None:
            EvaluationBacklog.objects.filter(pk=backlog.pk, written_at__lte=now).delete()
        return
    at, rules = now.timestamp(), [*share.done, *share.left]
    known = {rule.pk: rule.last_evaluated_at.timestamp() for rule in rules if rule.last_evaluated_at is not None}
    seconds: dict[int, float] = {}
    if backlog is not None:
        known |= read_judged(backlog)
        seconds |= read_seconds(backlog)
    period = measure_period([rule.pk for rule in share.done], known, now=at) if backlog is not None else None
    known |= {rule.pk: at for rule in share.done}
    seconds |= {rule_id: round(taken, 6) for rule_id, taken in share.seconds.items()}
    ids = {rule.pk for rule in rules}
    unbroken_since = None if backlog is None or _was_broken_off(backlog, now) else backlog.unbroken_since
    _write(
        share,
        now,
        unbroken_since=unbroken_since or now,
        judged={rule_id: moment for rule_id, moment in known.items() if rule_id in ids},
        seconds={rule_id: taken for rule_id, taken in seconds.items() if rule_id in ids},
        errors=list_waiting_errors(share) | {rule_id: join_errors(found) for rule_id, found in share.errors.items()},
        period_seconds=period,
    )


def join_errors(errors: Iterable[str]) -> str:
    """Return why a rule failed in one text that the database takes, each reason once; empty if it did not."""
    told = ""
    for error in errors:
        if error not in told:
            told = f"{told} {error}".lstrip()
    return told.replace("\x00", "")[:2000]


def _was_broken_off(backlog: EvaluationBacklog, now: datetime) -> bool:
    """Whether nobody evaluated for so long that nobody knows what happened meanwhile."""
    return now - backlog.written_at > MAX_GAP


def _write(share: Share, now: datetime, **noted: Any) -> None:
    if share.backlog is None:
        EvaluationBacklog.objects.create(application_id=share.application_id, since=now, written_at=now, **noted)
        return
    EvaluationBacklog.objects.filter(pk=share.backlog.pk, written_at__lte=now).update(written_at=now, **noted)
