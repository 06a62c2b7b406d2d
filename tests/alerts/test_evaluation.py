"""The state machine of alerts: tables of evaluations, and what holds for any sequence of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluation import MAX_GAP, Action, Decision, OpenAlert, Timing, decide

T0 = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=15)


def seconds(number: int) -> timedelta:
    return timedelta(seconds=number)


def pending(since: datetime = T0, seen: datetime | None = None) -> OpenAlert:
    return OpenAlert(is_firing=False, active_since=since, last_seen_at=seen or since)


def firing(keep_until: datetime | None = None) -> OpenAlert:
    return OpenAlert(is_firing=True, active_since=T0, last_seen_at=T0, keep_until=keep_until)


PATIENT = Timing(hold=seconds(60), keep_firing=seconds(30))
NOW = T0 + seconds(60)


@pytest.mark.parametrize(
    ("timing", "alert", "value", "cleared", "expected"),
    [
        (Timing(), None, 1.0, None, Decision(Action.START_FIRING, "a", 1.0)),
        (PATIENT, None, 1.0, None, Decision(Action.START_PENDING, "a", 1.0)),
        (PATIENT, pending(), 2.0, None, Decision(Action.FIRE, "a", 2.0)),
        (PATIENT, pending(T0 + seconds(2)), 2.0, None, Decision(Action.UPDATE, "a", 2.0)),
        (PATIENT, pending(), None, None, Decision(Action.DROP, "a")),
        (PATIENT, pending(), None, frozenset(), Decision(Action.DROP, "a")),
        (PATIENT, firing(), 3.0, None, Decision(Action.UPDATE, "a", 3.0)),
        (PATIENT, firing(NOW), 3.0, None, Decision(Action.UPDATE, "a", 3.0)),
        (PATIENT, firing(), None, None, Decision(Action.KEEP, "a", keep_until=NOW + seconds(30))),
        (PATIENT, firing(NOW + STEP), None, None, Decision(Action.KEEP, "a", keep_until=NOW + STEP)),
        (PATIENT, firing(NOW), None, None, Decision(Action.RESOLVE, "a")),
        (Timing(), firing(), None, None, Decision(Action.RESOLVE, "a")),
        (Timing(), firing(), None, frozenset(), Decision(Action.UPDATE, "a")),
        (Timing(), firing(), None, frozenset({"b"}), Decision(Action.UPDATE, "a")),
        (Timing(), firing(), None, frozenset({"a"}), Decision(Action.RESOLVE, "a")),
        (Timing(), firing(), 4.0, frozenset({"a"}), Decision(Action.UPDATE, "a", 4.0)),
        (PATIENT, firing(), None, frozenset({"a"}), Decision(Action.KEEP, "a", keep_until=NOW + seconds(30))),
    ],
    ids=[
        "new, no for: fires at once",
        "new: pending",
        "held long enough: fires",
        "not held long enough: stays pending",
        "pending and gone: dropped",
        "pending and gone, not cleared: dropped, clearing is for firing ones",
        "fires and holds",
        "back while being kept: the deadline is forgotten",
        "gone: kept for keep_firing_for",
        "kept: the deadline stays",
        "kept long enough: resolved",
        "gone, nothing keeps it: resolved",
        "gone but nothing is cleared: stays, with its last value",
        "gone but another one is cleared: stays",
        "gone and cleared: resolved",
        "condition and clear condition both hold: stays",
        "cleared: kept for keep_firing_for all the same",
    ],
)
def test_decide__one_alert__one_fate(
    timing: Timing,
    alert: OpenAlert | None,
    value: float | None,
    cleared: frozenset[str] | None,
    expected: Decision,
) -> None:
    decisions = decide(
        timing=timing,
        open_alerts={} if alert is None else {"a": alert},
        series={} if value is None else {"a": value},
        cleared=cleared,
        now=NOW,
    )

    assert decisions == [expected]


def test_decide__pending_alert_not_evaluated_for_long__starts_its_patience_anew() -> None:
    now = T0 + MAX_GAP + STEP

    decisions = decide(timing=PATIENT, open_alerts={"a": pending()}, series={"a": 1.0}, cleared=None, now=now)

    assert decisions == [Decision(Action.RESTART, "a", 1.0)]


@pytest.mark.parametrize(
    ("seen", "awake_since", "action"),
    [
        (T0, T0, Action.FIRE),
        (T0, T0 + MAX_GAP, Action.FIRE),
        (T0, T0 + MAX_GAP + STEP, Action.RESTART),
        (T0 + STEP, T0, Action.FIRE),
    ],
    ids=["all the time", "after a short break", "after a long break", "seen since then"],
)
def test_decide__pending_alert_whose_rule_waited_for_its_turn__only_a_break_counts_as_one(
    seen: datetime, awake_since: datetime, action: Action
) -> None:
    decisions = decide(
        timing=PATIENT,
        open_alerts={"a": pending(seen=seen)},
        series={"a": 1.0},
        cleared=None,
        now=T0 + 3 * MAX_GAP,
        awake_since=awake_since,
    )

    assert decisions == [Decision(action, "a", 1.0)]


def test_decide__rule_without_for_after_a_gap__fires() -> None:
    now = T0 + MAX_GAP + STEP

    decisions = decide(timing=Timing(), open_alerts={"a": pending()}, series={"a": 1.0}, cleared=None, now=now)

    assert decisions == [Decision(Action.FIRE, "a", 1.0)]


observations = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1)), st.frozensets(st.sampled_from("abc"))),
    max_size=40,
)


@given(
    observations=observations,
    hold=st.integers(0, 5),
    keep=st.integers(0, 5),
    has_clear=st.booleans(),
)
def test_decide__any_history__no_alert_twice_no_illegal_step_and_every_firing_one_was_held(
    observations: list[tuple[dict[str, float], frozenset[str]]], hold: int, keep: int, has_clear: bool
) -> None:
    timing = Timing(hold=hold * STEP, keep_firing=keep * STEP)
    alerts: dict[str, OpenAlert] = {}
    present: dict[str, list[bool]] = {name: [] for name in "abc"}
    told: dict[str, int] = dict.fromkeys("abc", 0)

    for number, (series, cleared) in enumerate(observations):
        now = T0 + number * STEP
        for name in present:
            present[name].append(name in series)
        decisions = decide(
            timing=timing, open_alerts=alerts, series=series, cleared=cleared if has_clear else None, now=now
        )

        names = [decision.fingerprint for decision in decisions]
        assert sorted(names) == sorted({*alerts, *series})
        for decision in decisions:
            name, alert = decision.fingerprint, alerts.get(decision.fingerprint)
            match decision.action:
                case Action.START_PENDING | Action.START_FIRING:
                    assert alert is None
                    is_firing = decision.action is Action.START_FIRING
                    assert is_firing == (hold == 0)
                    alerts[name] = OpenAlert(is_firing, now, now)
                    told[name] += is_firing
                case Action.FIRE:
                    assert alert is not None
                    assert not alert.is_firing
                    assert all(present[name][-hold - 1 :])
                    alerts[name] = OpenAlert(True, alert.active_since, now)
                    told[name] += 1
                case Action.DROP:
                    assert alert is not None
                    assert not alert.is_firing
                    del alerts[name]
                case Action.RESOLVE:
                    assert alert is not None
                    assert alert.is_firing
                    assert not any(present[name][-keep - 1 :])
                    assert not has_clear or name in cleared
                    del alerts[name]
                    told[name] -= 1
                case Action.UPDATE | Action.KEEP:
                    assert alert is not None
                    alerts[name] = OpenAlert(alert.is_firing, alert.active_since, now, decision.keep_until)
                case Action.RESTART:
                    raise AssertionError("no evaluation was missed")
        # Told of a firing and not yet of its end: exactly those that fire now.
        assert told == {name: int(name in alerts and alerts[name].is_firing) for name in told}


@pytest.mark.parametrize(("seconds", "action"), [(14.2, Action.FIRE), (13.0, Action.UPDATE)])
def test_decide__evaluation_a_moment_early__fires_all_the_same(seconds: float, action: Action) -> None:
    now = NOW + timedelta(seconds=seconds)
    pending = OpenAlert(is_firing=False, active_since=NOW, last_seen_at=NOW)
    (decision,) = decide(
        timing=Timing(timedelta(seconds=15)), open_alerts={"a": pending}, series={"a": 2.0}, cleared=None, now=now
    )
    assert decision.action is action
