"""What a rule finds now and would have done, before it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.annotations import render_template
from alerts.backtests import Played, TooMuch, play_rule
from alerts.drafts import RuleDraft
from alerts.labels import describe_labels
from alerts.services.evaluating import CONDITION_SECONDS, RuleFailed, find_series, to_milliseconds
from alerts.wording import summarise
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

REHEARSED = timedelta(hours=24)
SHOWN_SERIES = 10


@dataclass(frozen=True, slots=True)
class Found:
    """One series that the condition returns now, as its alert would read."""

    summary: str
    labels: str
    value: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule finds now and did in the last day, or as much of it as could be played.

    `problem` is why it can't be asked, empty if it can; `unplayed` why nothing was played, empty if something was.
    """

    problem: str
    count: int
    found: list[Found]
    played: Played | None = None
    unplayed: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """In which application a condition is met now (None: in none that was asked), and how many were asked in time."""

    application_id: int | None
    asked: int


def preview_rule(*, draft: RuleDraft, application_id: int, now: datetime) -> Preview:
    """Ask a rule that was checked (alerts/drafts.py) for now and for the last day; nothing is written.

    Both together have CONDITION_SECONDS.
    """
    storage = SeriesStorage(application_id, now_ms=to_milliseconds(now))
    try:
        with promql.time_limit(CONDITION_SECONDS):
            findings = find_series(draft.condition, storage, now)
            played, unplayed = _rehearse(draft, application_id, now)
    except (RuleFailed, promql.PromQLError) as error:
        return Preview(str(error), 0, [])
    shown = [
        _describe(draft, dict(finding.labels), finding.value) for finding in list(findings.values())[:SHOWN_SERIES]
    ]
    return Preview("", len(findings), shown, played, unplayed)


def find_met(*, draft: RuleDraft, application_ids: Sequence[int], now: datetime) -> Search:
    """Ask applications in their order whether a rule that was checked is met, up to the first in which it is.

    All of them together have CONDITION_SECONDS.
    """
    with promql.time_limit(CONDITION_SECONDS):
        for asked, application_id in enumerate(application_ids):
            if is_met(draft=draft, application_id=application_id, now=now):
                return Search(application_id, asked + 1)
            try:
                promql.check_time()
            except promql.QueryTimeout:
                return Search(None, asked)
    return Search(None, len(application_ids))


def is_met(*, draft: RuleDraft, application_id: int, now: datetime) -> bool:
    """Return whether a rule that was checked has a series that meets its condition now; not if it can't be asked."""
    try:
        return bool(find_series(draft.condition, SeriesStorage(application_id, now_ms=to_milliseconds(now)), now))
    except (RuleFailed, promql.PromQLError):
        return False


def _describe(draft: RuleDraft, labels: dict[str, str], value: float) -> Found:
    annotations = {name: render_template(text, labels=labels, value=value) for name, text in draft.annotations.items()}
    summary = summarise(rule_name=draft.name, annotations=annotations, labels=labels)
    return Found(summary, describe_labels(labels), value)


def _rehearse(draft: RuleDraft, application_id: int, now: datetime) -> tuple[Played | None, str]:
    """Return what the rule would have done in the last day; None and why if that is too much, or its time is over. Raises PromQLError."""
    try:
        return play_rule(draft=draft, application_id=application_id, span=REHEARSED, now=now), ""
    except (TooMuch, promql.QueryTimeout, promql.LimitExceeded) as error:
        return None, str(error)
