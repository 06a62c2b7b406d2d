"""What a rule finds now and would have done, before it is saved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from alerts.annotations import render_template
from alerts.conditions import check_condition
from alerts.drafts import RuleDraft
from alerts.evaluation import MAX_GAP, Timing
from alerts.labels import describe_labels, fingerprint_labels, identify_series
from alerts.rehearsal import Firing, Step, rehearse
from alerts.services.evaluating import RuleFailed, find_series, to_milliseconds
from alerts.watched import find_watched
from alerts.wording import summarise
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

REHEARSED = timedelta(hours=24)
STEP = timedelta(minutes=1)
#: How far back a rule can be played, and in which steps. A step is never longer than a pending alert may go unseen.
BACK_TESTS = {"7d": (timedelta(days=7), timedelta(minutes=5)), "30d": (timedelta(days=30), MAX_GAP)}
BACK_TEST_SECONDS = 20.0
MAX_REHEARSED_SERIES = 200
SHOWN_SERIES = 10


@dataclass(frozen=True, slots=True)
class Found:
    """One series that the condition returns now, as its alert would read."""

    summary: str
    labels: str
    value: float


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule finds. `problem` is why it can't be asked, empty if it can; `firings` None: too much to rehearse."""

    problem: str
    count: int
    found: list[Found]
    firings: list[Firing] | None


def preview_rule(*, draft: RuleDraft, application_id: int, now: datetime) -> Preview:
    """Ask a rule that was checked (alerts/drafts.py) for now and for the last day; nothing is written."""
    storage = SeriesStorage(application_id, now_ms=to_milliseconds(now))
    try:
        findings = find_series(draft.condition, storage, now)
        firings = _rehearse(draft, storage, now, REHEARSED, STEP)
    except (RuleFailed, promql.PromQLError) as error:
        return Preview(str(error), 0, [], None)
    shown = [
        _describe(draft, dict(finding.labels), finding.value) for finding in list(findings.values())[:SHOWN_SERIES]
    ]
    return Preview("", len(findings), shown, firings)


def is_met(*, draft: RuleDraft, application_id: int, now: datetime) -> bool:
    """Return whether a rule that was checked has a series that meets its condition now; not if it can't be asked."""
    try:
        return bool(find_series(draft.condition, SeriesStorage(application_id, now_ms=to_milliseconds(now)), now))
    except (RuleFailed, promql.PromQLError):
        return False


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a rule would have done over days gone by. `problem` as in Preview; `labels` of each series, by fingerprint.

    Played in steps of `step`: what began and ended between two of them is not seen.
    """

    problem: str
    span: timedelta
    step: timedelta
    firings: list[Firing]
    labels: dict[str, str]


def back_test(*, draft: RuleDraft, application_id: int, choice: str, now: datetime) -> BackTest:
    """Play a rule that was checked over one of BACK_TESTS; nothing is written."""
    span, step = BACK_TESTS[choice]
    storage = SeriesStorage(application_id, now_ms=to_milliseconds(now))
    labels: dict[str, str] = {}
    try:
        with promql.time_limit(BACK_TEST_SECONDS):
            firings = _rehearse(draft, storage, now, span, step, labels)
    except promql.PromQLError as error:
        return BackTest(str(error), span, step, [], {})
    if firings is None:
        return BackTest("It returned too many series in this time to play them through.", span, step, [], {})
    return BackTest("", span, step, firings, labels)


def _describe(draft: RuleDraft, labels: dict[str, str], value: float) -> Found:
    annotations = {name: render_template(text, labels=labels, value=value) for name, text in draft.annotations.items()}
    summary = summarise(rule_name=draft.name, annotations=annotations, labels=labels)
    return Found(summary, describe_labels(labels), value)


def _rehearse(
    draft: RuleDraft,
    storage: promql.Storage,
    now: datetime,
    span: timedelta,
    step: timedelta,
    labels: dict[str, str] | None = None,
) -> list[Firing] | None:
    """Return what would have fired, None if that is too much to be played; note series' labels in `labels`."""
    met = _ask_over_time(draft.condition, storage, now, span, step, labels)
    clear = draft.clear_condition.strip()
    cleared = _ask_over_time(clear, storage, now, span, step) if clear else None
    if len(met) > MAX_REHEARSED_SERIES or len(cleared or ()) > MAX_REHEARSED_SERIES:
        return None
    present = _watch_over_time(draft, storage, now, span, step, labels)
    if len(present or ()) > MAX_REHEARSED_SERIES:
        return None
    timing = Timing(timedelta(seconds=draft.for_seconds), timedelta(seconds=draft.keep_firing_for_seconds))
    steps = _list_steps(met, cleared, present, now, span, step)
    return rehearse(timing=timing, steps=steps, no_data_after=timedelta(seconds=draft.no_data_after_seconds))


def _watch_over_time(
    draft: RuleDraft,
    storage: promql.Storage,
    now: datetime,
    span: timedelta,
    step: timedelta,
    labels: dict[str, str] | None,
) -> dict[str, set[int]] | None:
    """Return when each watched series was there (epoch ms), None for a rule that does not watch for missing data."""
    if not draft.no_data_after_seconds:
        return None
    found: dict[str, set[int]] = defaultdict(set)
    for query in find_watched(draft.condition):
        for name, values in _play(query, storage, now, span, step, labels).items():
            found[name] |= values.keys()
    return found


def _ask_over_time(
    condition: str,
    storage: promql.Storage,
    now: datetime,
    span: timedelta,
    step: timedelta,
    labels: dict[str, str] | None = None,
) -> dict[str, dict[int, float]]:
    """Return the condition's values by fingerprint and time (epoch ms); note each series' labels in `labels`."""
    return _play(check_condition(condition), storage, now, span, step, labels)


def _play(
    query: promql.Query,
    storage: promql.Storage,
    now: datetime,
    span: timedelta,
    step: timedelta,
    labels: dict[str, str] | None,
) -> dict[str, dict[int, float]]:
    start, end = to_milliseconds(now - span), to_milliseconds(now)
    answer = promql.evaluate_range(query, storage, start, end, int(step.total_seconds() * 1000))
    found = {}
    for series in answer.series:
        identity = identify_series(series.labels)
        name = fingerprint_labels(identity)
        if labels is not None:
            labels[name] = describe_labels(identity)
        times, values = np.asarray(series.times).tolist(), np.asarray(series.values).tolist()
        found[name] = dict(zip(times, values, strict=True))
    return found


def _list_steps(
    met: dict[str, dict[int, float]],
    cleared: dict[str, dict[int, float]] | None,
    present: dict[str, set[int]] | None,
    now: datetime,
    span: timedelta,
    step: timedelta,
) -> Iterator[Step]:
    start, step_ms = to_milliseconds(now - span), int(step.total_seconds() * 1000)
    for time_ms in range(start, to_milliseconds(now) + 1, step_ms):
        series = {name: values[time_ms] for name, values in met.items() if time_ms in values}
        gone = None if cleared is None else {name for name, values in cleared.items() if time_ms in values}
        there = None if present is None else {name for name, times in present.items() if time_ms in times}
        yield Step(datetime.fromtimestamp(time_ms / 1000, tz=UTC), series, gone, there)
