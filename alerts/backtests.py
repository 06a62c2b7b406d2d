"""Playing a rule over times gone by: its conditions asked minute by minute, a day at a time, the newest day first."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from alerts.conditions import check_condition
from alerts.drafts import RuleDraft
from alerts.evaluation import Timing
from alerts.labels import describe_labels, fingerprint_labels, identify_series
from alerts.rehearsal import Firing
from alerts.services.evaluating import MAX_ALERTS_PER_RULE, to_milliseconds
from alerts.tracks import CLEARED, MET, PRESENT, Habits, Moments, Tracks, count_telling, play_tracks
from alerts.watched import find_watched
from config.settings import OPTION
from monitoring.metrics import promql
from monitoring.metrics.selectors import SeriesStorage

#: Minutes are the finest that is kept for as long as rules are played.
FINEST_SECONDS = 60
BACK_TESTS = {"7d": timedelta(days=7), "30d": timedelta(days=30)}
BACK_TEST_SECONDS = 12.0
#: As many as a rule can have alerts of one application.
MAX_SERIES = MAX_ALERTS_PER_RULE
#: Decisions that are played; a million take about 4 s.
MAX_DECISIONS = 1_000_000
DAY = timedelta(days=1)
SHORTEST_PART = timedelta(hours=1)


class TooMuch(Exception):
    """A stretch of time that is not played; the message says why, in the words of the page."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a rule would have done in the last `span`, judged every `step`; `labels` of each series, by fingerprint.

    `limit` is why it was not played further back, empty if it was played as far as asked.
    """

    span: timedelta
    step: timedelta
    firings: list[Firing]
    labels: dict[str, str]
    limit: str = ""


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a rule would have done over days gone by. `problem` is why nothing can be said, empty if something can."""

    problem: str
    asked: timedelta
    played: Played | None


@dataclass(slots=True)
class _Reading:
    """What is being collected: which question sets which mark, and what was found."""

    questions: list[tuple[promql.Query, int]]
    habits: Habits
    tracks: Tracks
    labels: dict[str, str] = field(default_factory=dict)
    decisions: int = 0


def back_test(*, draft: RuleDraft, application_id: int, choice: str, now: datetime) -> BackTest:
    """Play a rule that was checked (alerts/drafts.py) over one of BACK_TESTS; nothing is written."""
    asked = BACK_TESTS[choice]
    try:
        with promql.time_limit(BACK_TEST_SECONDS):
            played = play_rule(draft=draft, application_id=application_id, span=asked, now=now)
    except (promql.PromQLError, TooMuch) as error:
        return BackTest(str(error), asked, None)
    return BackTest("", asked, played)


def play_rule(*, draft: RuleDraft, application_id: int, span: timedelta, now: datetime) -> Played:
    """Play a rule that was checked over the last `span`, or as much of it as its time and the bounds here allow.

    Memory is bounded by a day of samples and a byte for each moment of a series. Raises PromQLError or TooMuch if not
    even the last day can be played.
    """
    step = timedelta(seconds=max(FINEST_SECONDS, int(OPTION["RULE_INTERVAL_SECONDS"])))
    kept = timedelta(days=max(int(OPTION["ROLLUP_MINUTE_RETENTION_DAYS"]), int(OPTION["POINT_RETENTION_DAYS"])))
    moments = Moments(to_milliseconds(now), int(step.total_seconds() * 1000), max(1, min(span, kept) // step))
    reading = _Reading(_list_questions(draft), _describe_habits(draft), Tracks(moments))
    storage = SeriesStorage(application_id, now_ms=moments.end_ms)
    since, limit = _read_back(reading, storage)
    if not limit and kept < span:
        limit = "minutes are kept no longer, and hours say too little"
    firings = play_tracks(reading.tracks, reading.habits, since=since)
    return Played(step * (moments.count - since), step, firings, reading.labels, limit)


def _describe_habits(draft: RuleDraft) -> Habits:
    timing = Timing(timedelta(seconds=draft.for_seconds), timedelta(seconds=draft.keep_firing_for_seconds))
    return Habits(timing, timedelta(seconds=draft.no_data_after_seconds), bool(draft.clear_condition.strip()))


def _list_questions(draft: RuleDraft) -> list[tuple[promql.Query, int]]:
    questions = [(check_condition(draft.condition), MET)]
    if draft.clear_condition.strip():
        questions.append((check_condition(draft.clear_condition), CLEARED))
    if draft.no_data_after_seconds:
        questions += [(query, PRESENT) for query in find_watched(draft.condition)]
    return questions


def _read_back(reading: _Reading, storage: promql.Storage) -> tuple[int, str]:
    """Read day after day, the newest first; return the oldest moment that was reached, and why no older one was.

    A day that is more than one query may hold is read in parts.
    """
    moments = reading.tracks.moments
    length, shortest = (max(1, span // timedelta(milliseconds=moments.step_ms)) for span in (DAY, SHORTEST_PART))
    reached = moments.count
    while reached > 0:
        first = max(0, reached - length)
        try:
            _read_stretch(reading, storage, first, reached)
        except (promql.PromQLError, TooMuch) as error:
            if isinstance(error, promql.LimitExceeded) and length > shortest:
                length = max(shortest, length // 4)
                continue
            if reached == moments.count:
                raise
            return reached, _explain(error)
        reached = first
    return reached, ""


def _read_stretch(reading: _Reading, storage: promql.Storage, first: int, after: int) -> None:
    for query, bit in reading.questions:
        _ask(reading, storage, query, bit, first, after)
    reading.decisions += count_telling(reading.tracks, reading.habits, first, after)
    if reading.decisions > MAX_DECISIONS:
        raise TooMuch("the condition changes too often to play more")


def _ask(reading: _Reading, storage: promql.Storage, query: promql.Query, bit: int, first: int, after: int) -> None:
    moments = reading.tracks.moments
    start, end = moments.time_of(first), moments.time_of(after - 1)
    for series in promql.evaluate_range(query, storage, start, end, moments.step_ms).series:
        identity = identify_series(series.labels)
        name = fingerprint_labels(identity)
        if name not in reading.tracks.rows and len(reading.tracks.rows) >= MAX_SERIES:
            raise TooMuch(f"the condition returns more than {MAX_SERIES:,} series")
        reading.labels[name] = describe_labels(identity)
        reading.tracks.mark(name, np.asarray(series.times, np.int64), bit)


def _explain(error: Exception) -> str:
    if isinstance(error, promql.QueryTimeout | promql.LimitExceeded):
        return "the condition is too expensive for more"
    return str(error)
