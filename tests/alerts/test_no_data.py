"""Missing data in the state machine: a table of moments, and what holds for any history."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import GONE_AFTER, MAX_GAP, Action, Decision, OpenAlert, Sight, Timing, decide, remember
from alerts.rehearsal import Firing, Step, follow, rehearse

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=15)
AFTER = timedelta(minutes=10)
NOW = T0 + AFTER
TIMING = Timing(hold=timedelta(minutes=1), keep_firing=timedelta(minutes=1))
NAMES = "abc"


def condition(
    is_firing: bool = True, *, keep_until: datetime | None = None, since: datetime | None = None
) -> OpenAlert:
    return OpenAlert(is_firing, T0, NOW - STEP, keep_until, no_data_since=since)


def no_data(
    is_firing: bool = False, *, began: datetime = T0, since: datetime | None = T0, seen: datetime = NOW - STEP
) -> OpenAlert:
    return OpenAlert(is_firing, began, seen, is_no_data=True, no_data_since=since)


def sight(present: str = "", expected: str = "a") -> Sight:
    return Sight(AFTER, frozenset(present), frozenset(expected))


DAY_OLD = NOW - GONE_AFTER


@pytest.mark.parametrize(
    ("alert", "value", "cleared", "seen", "expected"),
    [
        (None, None, None, sight(), Decision(Action.START_NO_DATA, "a", no_data_since=NOW)),
        (None, None, None, sight("a"), None),
        (None, 1.0, None, sight(), Decision(Action.START_PENDING, "a", 1.0)),
        (condition(False), None, None, sight(), Decision(Action.DROP, "a")),
        (condition(), None, None, sight(), Decision(Action.UPDATE, "a", no_data_since=NOW)),
        (condition(since=T0), None, None, sight(), Decision(Action.UPDATE, "a", no_data_since=T0)),
        (condition(since=DAY_OLD), None, None, sight(), Decision(Action.LET_GO, "a", no_data_since=DAY_OLD)),
        (condition(since=T0), 2.0, None, sight("a"), Decision(Action.UPDATE, "a", 2.0)),
        (condition(since=T0), None, None, sight("a"), Decision(Action.KEEP, "a", keep_until=NOW + TIMING.keep_firing)),
        (condition(keep_until=NOW), None, None, sight(), Decision(Action.RESOLVE, "a")),
        (condition(), None, frozenset(), sight(), Decision(Action.UPDATE, "a", no_data_since=NOW)),
        (condition(since=T0), None, frozenset(), sight("a"), Decision(Action.UPDATE, "a")),
        (condition(since=T0), None, {"a"}, sight("a"), Decision(Action.KEEP, "a", keep_until=NOW + TIMING.keep_firing)),
        (condition(keep_until=NOW), None, {"a"}, sight(), Decision(Action.RESOLVE, "a")),
        (
            condition(since=T0),
            None,
            None,
            sight(expected=""),
            Decision(Action.KEEP, "a", keep_until=NOW + TIMING.keep_firing),
        ),
        (no_data(), None, None, sight(), Decision(Action.FIRE, "a", no_data_since=T0)),
        (no_data(began=T0 + STEP), None, None, sight(), Decision(Action.UPDATE, "a", no_data_since=T0)),
        (no_data(seen=NOW - MAX_GAP - STEP), None, None, sight(), Decision(Action.RESTART, "a", no_data_since=T0)),
        (no_data(), None, None, sight("a"), Decision(Action.DROP, "a")),
        (no_data(), 1.0, None, sight("a"), Decision(Action.DROP, "a")),
        (no_data(True), None, None, sight(), Decision(Action.UPDATE, "a", no_data_since=T0)),
        (no_data(True), None, None, sight("a"), Decision(Action.KEEP, "a", keep_until=NOW + TIMING.keep_firing)),
        (no_data(True), 1.0, None, sight("a"), Decision(Action.RESOLVE, "a")),
        (
            no_data(True, began=DAY_OLD - AFTER, since=DAY_OLD - AFTER),
            None,
            None,
            sight(),
            Decision(Action.LET_GO, "a", no_data_since=DAY_OLD - AFTER),
        ),
        (
            no_data(True, began=DAY_OLD - AFTER, since=DAY_OLD - AFTER, seen=NOW - MAX_GAP - STEP),
            None,
            None,
            sight(),
            Decision(Action.UPDATE, "a", no_data_since=DAY_OLD - AFTER),
        ),
        (no_data(True), None, None, sight(expected=""), Decision(Action.RESOLVE, "a")),
        (no_data(True), None, None, None, Decision(Action.RESOLVE, "a")),
        (no_data(), None, None, None, Decision(Action.DROP, "a")),
        (condition(since=T0), None, None, None, Decision(Action.KEEP, "a", keep_until=NOW + TIMING.keep_firing)),
    ],
    ids=[
        "vanishes: an alert of missing data begins",
        "there and not met: nothing",
        "met by a series that is not watched: as ever",
        "pending and vanishes: over",
        "fires and vanishes: goes on, marked",
        "still missing: the mark stays",
        "missing for a day: let go of",
        "back and met: goes on, the mark goes",
        "back and not met: ends as usual",
        "not met any more, then vanished: ends, its last news was good",
        "vanishes under a clear condition: goes on, marked",
        "back between the thresholds: goes on",
        "back and cleared: ends as usual",
        "cleared, then vanished: ends",
        "another condition watches something else: ends as usual",
        "missing for long enough: fires",
        "missing, but not yet for long enough",
        "not evaluated for long: waits anew",
        "back before anyone was told",
        "back and met: the condition's own alert begins at the next evaluation",
        "fires while missing",
        "back: kept for keep_firing_for",
        "back and met: over at once",
        "a day after people were told: let go of",
        "a day after, but the product was away: one evaluation more",
        "not watched any more: over",
        "the option was switched off: over",
        "the option was switched off before it fired",
        "the option was switched off under a marked alert: ends as usual",
    ],
)
def test_decide__one_series__one_fate(
    alert: OpenAlert | None,
    value: float | None,
    cleared: AbstractSet[str] | None,
    seen: Sight | None,
    expected: Decision | None,
) -> None:
    decisions = decide(
        timing=TIMING,
        open_alerts={} if alert is None else {"a": alert},
        series={} if value is None else {"a": value},
        cleared=cleared,
        now=NOW,
        sight=seen,
    )

    assert decisions == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (no_data(seen=T0), Decision(Action.FIRE, "a", no_data_since=T0)),
        (
            no_data(True, began=DAY_OLD - AFTER, since=DAY_OLD - AFTER, seen=T0),
            Decision(Action.LET_GO, "a", no_data_since=DAY_OLD - AFTER),
        ),
    ],
    ids=["missing for long enough: fires", "a day after people were told: let go of"],
)
def test_decide__missing_and_the_rule_waited_for_its_turn__as_if_judged_all_the_time(
    alert: OpenAlert, expected: Decision
) -> None:
    now = NOW + MAX_GAP

    decisions = decide(
        timing=TIMING, open_alerts={"a": alert}, series={}, cleared=None, now=now, sight=sight(), awake_since=T0
    )

    assert decisions == [expected]


#: Of each series at an evaluation: there or not, met or not, cleared or not. Each lasts some evaluations.
MOMENTS = st.lists(
    st.tuples(
        st.tuples(*(st.tuples(st.booleans(), st.booleans(), st.booleans()) for _ in NAMES)), st.sampled_from([1, 2, 9])
    ),
    min_size=1,
    max_size=12,
).map(lambda runs: [moment for moment, length in runs for _ in range(length)])


@given(
    moments=MOMENTS, hold=st.integers(0, 3), keep=st.integers(0, 3), after=st.integers(1, 4), has_clear=st.booleans()
)
def test_decide__any_history__missing_series_have_one_alert_and_data_ends_it(
    moments: list[tuple[tuple[bool, bool, bool], ...]], hold: int, keep: int, after: int, has_clear: bool
) -> None:
    timing = Timing(hold * STEP, keep * STEP)
    alerts: dict[str, OpenAlert] = {}
    known: AbstractSet[str] = frozenset()
    absent = dict.fromkeys(NAMES, 0)
    present_for = dict.fromkeys(NAMES, 0)
    ever = set()
    for number, moment in enumerate(moments):
        now = T0 + number * STEP
        there = {name for name, (is_there, _, _) in zip(NAMES, moment, strict=True) if is_there}
        met = {name: 1.0 for name, (_, is_met, _) in zip(NAMES, moment, strict=True) if name in there and is_met}
        cleared = {name for name, (_, _, is_cleared) in zip(NAMES, moment, strict=True) if name in there and is_cleared}
        waiting = {name for name, alert in alerts.items() if alert.no_data_since is not None}
        seen = Sight(after * STEP, there, known | waiting)
        before = dict(alerts)

        decisions = decide(
            timing=timing, open_alerts=alerts, series=met, cleared=cleared if has_clear else None, now=now, sight=seen
        )
        known = remember(sight=seen, open_alerts=alerts)
        for decision in decisions:
            _check_step(before.get(decision.fingerprint), decision, there)
            follow(alerts, decision, now)

        assert len({one.fingerprint for one in decisions}) == len(decisions)
        for name in NAMES:
            absent[name] = 0 if name in there else absent[name] + 1
            present_for[name] = present_for[name] + 1 if name in there else 0
            # An alert that was ending may take keep_firing_for, and its successor begins at the next evaluation.
            if name in ever and absent[name] > keep + 2 + after:
                assert alerts[name].is_firing
                assert alerts[name].no_data_since is not None
            if present_for[name] > keep + 1:
                assert name not in alerts or not alerts[name].is_no_data
                assert name not in alerts or alerts[name].no_data_since is None
        ever |= there


def _check_step(alert: OpenAlert | None, decision: Decision, there: AbstractSet[str]) -> None:
    """Assert that a decision is a legal way from where the alert stands."""
    name = decision.fingerprint
    match decision.action:
        case Action.START_PENDING | Action.START_FIRING | Action.START_NO_DATA:
            assert alert is None
            assert (decision.action is Action.START_NO_DATA) == (name not in there)
        case Action.FIRE | Action.DROP | Action.RESTART:
            assert alert is not None
            assert not alert.is_firing
        case Action.RESOLVE | Action.LET_GO | Action.KEEP:
            assert alert is not None
            assert alert.is_firing
            # Nothing ends only because its data vanished: its last news was that the condition is not met.
            assert name in there or alert.keep_until is not None
        case Action.UPDATE:
            assert alert is not None
    if decision.no_data_since is not None:
        assert name not in there


@given(moments=MOMENTS, hold=st.integers(0, 3), keep=st.integers(0, 3))
def test_decide__nothing_ever_vanishes__as_without_the_option(
    moments: list[tuple[tuple[bool, bool, bool], ...]], hold: int, keep: int
) -> None:
    timing = Timing(hold * STEP, keep * STEP)
    everything = frozenset(NAMES)
    steps = [
        Step(
            T0 + number * STEP, {name: 1.0 for name, (_, is_met, _) in zip(NAMES, moment, strict=True) if is_met}, None
        )
        for number, moment in enumerate(moments)
    ]

    watched = [replace(step, present=everything) for step in steps]

    assert rehearse(timing=timing, steps=watched, no_data_after=STEP) == rehearse(timing=timing, steps=steps)


def test_remember__missing_series__forgotten_once_an_alert_remembers_it() -> None:
    seen = Sight(AFTER, frozenset("b"), frozenset("abcd"))
    alerts = {"a": condition(since=T0), "c": condition(False)}

    assert remember(sight=seen, open_alerts=alerts) == frozenset("bcd")


def test_rehearse__series_vanishes_and_comes_back__a_firing_of_missing_data() -> None:
    minutes = [T0 + timedelta(minutes=number) for number in range(6)]
    steps = [
        Step(at, {}, None, frozenset(there))
        for at, there in zip(minutes, ["ab", "b", "b", "b", "ab", "ab"], strict=True)
    ]

    found = rehearse(timing=Timing(), steps=steps, no_data_after=timedelta(minutes=2))

    assert found == [Firing("a", minutes[3], minutes[4], is_no_data=True)]
