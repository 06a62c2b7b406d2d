"""What an evaluation means for a rule's alerts. Pure: series in, decisions out, `now` passed in.

Source: Prometheus 2.42, alerting rules with `for` and `keep_firing_for`. On top of it stand three things that Prometheus
does not have: a clear condition (hysteresis), care for evaluations that were missed for long, and missing data as a state
of its own (`Sight`).
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

#: A pending alert not evaluated for longer than this starts its `for` anew: nobody knows what happened in between. A rule
#: that only waits for its turn is another matter: it is slow, and what holds at each of its turns holds.
MAX_GAP = timedelta(minutes=10)
#: Evaluations come a moment early or late; an alert does not wait for another one because of that.
UNPUNCTUAL = timedelta(seconds=1)
NO_TIME = timedelta(0)
#: A series missing for so long after people were told is taken as gone for good: nobody waits for it any longer.
GONE_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule's patience: how long its condition must hold, and how long its alerts outlive it."""

    hold: timedelta = NO_TIME
    keep_firing: timedelta = NO_TIME


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """What is remembered of an alert that is pending or firing. `keep_until` is set while it outlives its condition.

    `is_no_data`: it is about missing data and not about the condition. `no_data_since` is set while its series is missing.
    """

    is_firing: bool
    active_since: datetime
    last_seen_at: datetime
    keep_until: datetime | None = None
    is_no_data: bool = False
    no_data_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Which of a rule's series are there, whether or not they meet its condition; all are fingerprints.

    `present` are there now. `expected` were there before and have been waited for since, those that an open alert says are
    missing among them. After `after` of absence somebody is told.
    """

    after: timedelta
    present: AbstractSet[str]
    expected: AbstractSet[str]

    @property
    def missing(self) -> AbstractSet[str]:
        """What should be there and is not."""
        return self.expected - self.present


class Action(Enum):
    """What is to be done with one alert."""

    START_PENDING = "start pending"
    START_FIRING = "start firing"
    START_NO_DATA = "start no data"
    FIRE = "fire"
    RESTART = "restart"
    UPDATE = "update"
    KEEP = "keep"
    DROP = "drop"
    RESOLVE = "resolve"
    LET_GO = "let go"


@dataclass(frozen=True, slots=True)
class Decision:
    """One alert's fate at one evaluation.

    `value` is the condition's value now, None where the condition did not return the alert's series. `keep_until` and
    `no_data_since` are what the alert must remember for the next evaluation.
    """

    action: Action
    fingerprint: str
    value: float | None = None
    keep_until: datetime | None = None
    no_data_since: datetime | None = None


def decide(
    *,
    timing: Timing,
    open_alerts: Mapping[str, OpenAlert],
    series: Mapping[str, float],
    cleared: AbstractSet[str] | None,
    now: datetime,
    sight: Sight | None = None,
    awake_since: datetime | None = None,
) -> list[Decision]:
    """Return one decision for each series, each series that is newly missing, and each open alert.

    `open_alerts` and `series` (the values that the condition returned) are keyed by fingerprint. `cleared` holds the
    fingerprints of the series that the clear condition returned, None if the rule has none: then an alert ends when its
    condition does. `sight` is None for a rule that does not watch for missing data: a series that vanishes is then one
    that the condition does not return. `awake_since` is since when evaluations come one after the other, for a rule that
    waits for its turn in between; None for one that every evaluation judges.
    """
    if awake_since is not None:
        open_alerts = {name: _leave_out_waiting(alert, awake_since, now) for name, alert in open_alerts.items()}
    missing: AbstractSet[str] = sight.missing if sight else frozenset()
    started = [_start(timing, name, value) for name, value in series.items() if name not in open_alerts]
    started += [
        Decision(Action.START_NO_DATA, name, no_data_since=now)
        for name in sorted(missing)
        if name not in open_alerts and name not in series
    ]
    return started + [
        _continue_no_data(timing, name, alert, series, sight, now)
        if alert.is_no_data
        else _continue(timing, name, alert, series, cleared, name in missing, now)
        for name, alert in open_alerts.items()
    ]


def remember(*, sight: Sight, open_alerts: Mapping[str, OpenAlert]) -> AbstractSet[str]:
    """Return what the next evaluation expects beside the series that open alerts say are missing.

    `open_alerts` are those that this evaluation began with: a missing series is forgotten only once an alert is sure to
    remember it, so a write that fails loses nothing, and what was closed by hand or let go of does not come up again.
    """
    known = {name for name, alert in open_alerts.items() if alert.no_data_since is not None}
    return sight.present | (sight.missing - known)


def _leave_out_waiting(alert: OpenAlert, awake_since: datetime, now: datetime) -> OpenAlert:
    """Return an alert as if its rule had not waited for its turn: what is missed is what came before `awake_since`."""
    return replace(alert, last_seen_at=now - max(NO_TIME, awake_since - alert.last_seen_at))


def _start(timing: Timing, fingerprint: str, value: float) -> Decision:
    action = Action.START_FIRING if timing.hold <= NO_TIME else Action.START_PENDING
    return Decision(action, fingerprint, value)


def _holds(fingerprint: str, alert: OpenAlert, series: Mapping[str, float], cleared: AbstractSet[str] | None) -> bool:
    """Whether the alert's reason still stands: its condition returns it, or it fires and was not cleared yet."""
    return fingerprint in series or (alert.is_firing and cleared is not None and fingerprint not in cleared)


def _continue(
    timing: Timing,
    fingerprint: str,
    alert: OpenAlert,
    series: Mapping[str, float],
    cleared: AbstractSet[str] | None,
    is_missing: bool,
    now: datetime,
) -> Decision:
    """Decide about an alert of the condition. One that fires outlives its data, unless it was about to end already."""
    value = series.get(fingerprint)
    if not alert.is_firing:
        return _continue_pending(timing, fingerprint, alert, value, now)
    was_over = alert.keep_until is not None or (cleared is not None and fingerprint in cleared)
    if is_missing and value is None:
        return _keep(timing, fingerprint, alert, now) if was_over else _wait_for_data(fingerprint, alert, NO_TIME, now)
    if _holds(fingerprint, alert, series, cleared):
        return Decision(Action.UPDATE, fingerprint, value)
    return _keep(timing, fingerprint, alert, now)


def _continue_no_data(
    timing: Timing,
    fingerprint: str,
    alert: OpenAlert,
    series: Mapping[str, float],
    sight: Sight | None,
    now: datetime,
) -> Decision:
    """Decide about an alert of missing data; whatever is not missing any more, or not watched, ends it."""
    if sight is not None and fingerprint in sight.missing and fingerprint not in series:
        if alert.is_firing:
            return _wait_for_data(fingerprint, alert, sight.after, now)
        since = alert.no_data_since or now
        action = _advance(sight.after, alert, now)
        return Decision(action, fingerprint, no_data_since=since)
    if not alert.is_firing:
        return Decision(Action.DROP, fingerprint)
    is_back = sight is not None and fingerprint in sight.present
    if fingerprint in series or not is_back:
        # The condition's own alert has to begin, or nobody looks for the data any more.
        return Decision(Action.RESOLVE, fingerprint)
    return _keep(timing, fingerprint, alert, now)


def _wait_for_data(fingerprint: str, alert: OpenAlert, after: timedelta, now: datetime) -> Decision:
    """Let an alert fire on while its series is missing, but not for ever. `after`: how long it was missing when people were told.

    After a break in the evaluations one of them passes first: the data had no chance to be seen.
    """
    since = alert.no_data_since or now
    told_at = max(since, alert.active_since) + after if alert.is_no_data else since
    if now - told_at >= GONE_AFTER and now - alert.last_seen_at <= MAX_GAP:
        return Decision(Action.LET_GO, fingerprint, no_data_since=since)
    return Decision(Action.UPDATE, fingerprint, no_data_since=since)


def _keep(timing: Timing, fingerprint: str, alert: OpenAlert, now: datetime) -> Decision:
    keep_until = alert.keep_until or now + timing.keep_firing
    if now < keep_until:
        return Decision(Action.KEEP, fingerprint, keep_until=keep_until)
    return Decision(Action.RESOLVE, fingerprint)


def _continue_pending(
    timing: Timing, fingerprint: str, alert: OpenAlert, value: float | None, now: datetime
) -> Decision:
    action = Action.DROP if value is None else _advance(timing.hold, alert, now)
    return Decision(action, fingerprint, value)


def _advance(patience: timedelta, alert: OpenAlert, now: datetime) -> Action:
    """Return what becomes of a pending alert whose reason stands."""
    if now - alert.last_seen_at > MAX_GAP and patience > NO_TIME:
        return Action.RESTART
    if now - alert.active_since >= patience - min(UNPUNCTUAL, patience / 10):
        return Action.FIRE
    return Action.UPDATE
