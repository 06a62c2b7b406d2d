"""What a rule would have done over times gone by. Pure: it plays the same decisions over recorded answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.evaluation import NO_TIME, Action, Decision, OpenAlert, Sight, Timing, decide, remember


@dataclass(frozen=True, slots=True)
class Step:
    """What the conditions returned at one moment, by fingerprint; `cleared` as in `decide`.

    `present` are the series that were there, met or not; None for a rule that does not watch for missing data.
    """

    at: datetime
    series: Mapping[str, float]
    cleared: AbstractSet[str] | None
    present: AbstractSet[str] | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that would have fired, of its condition or of missing data. `resolved_at` None: it would still fire."""

    fingerprint: str
    fired_at: datetime
    resolved_at: datetime | None
    is_no_data: bool = False


def rehearse(*, timing: Timing, steps: Iterable[Step], no_data_after: timedelta = NO_TIME) -> list[Firing]:
    """Return every firing, in the order they began."""
    alerts: dict[str, OpenAlert] = {}
    fired: dict[str, Firing] = {}
    firings: list[Firing] = []
    seen: AbstractSet[str] = frozenset()
    for step in steps:
        sight = _look(step, alerts, seen, no_data_after)
        decisions = decide(
            timing=timing, open_alerts=alerts, series=step.series, cleared=step.cleared, now=step.at, sight=sight
        )
        seen = remember(sight=sight, open_alerts=alerts) if sight else seen
        for decision in decisions:
            name = decision.fingerprint
            follow(alerts, decision, step.at)
            if decision.action in {Action.FIRE, Action.START_FIRING}:
                fired[name] = Firing(name, step.at, None, alerts[name].is_no_data)
            elif decision.action in {Action.RESOLVE, Action.LET_GO}:
                firings.append(replace(fired.pop(name), resolved_at=step.at))
    return sorted([*firings, *fired.values()], key=lambda firing: firing.fired_at)


def _look(
    step: Step, alerts: Mapping[str, OpenAlert], seen: AbstractSet[str], no_data_after: timedelta
) -> Sight | None:
    if step.present is None:
        return None
    missing = {name for name, alert in alerts.items() if alert.no_data_since is not None}
    return Sight(after=no_data_after, present=step.present, expected=seen | missing)


def follow(alerts: dict[str, OpenAlert], decision: Decision, now: datetime) -> None:
    """Change what is open as a decision says."""
    name = decision.fingerprint
    match decision.action:
        case Action.DROP | Action.RESOLVE | Action.LET_GO:
            del alerts[name]
        case Action.START_PENDING | Action.START_FIRING:
            alerts[name] = OpenAlert(decision.action is Action.START_FIRING, now, now)
        case Action.START_NO_DATA:
            alerts[name] = OpenAlert(False, now, now, is_no_data=True, no_data_since=decision.no_data_since)
        case Action.RESTART:
            alerts[name] = replace(alerts[name], active_since=now, last_seen_at=now)
        case _:
            before = alerts[name]
            alerts[name] = replace(
                before,
                is_firing=before.is_firing or decision.action is Action.FIRE,
                last_seen_at=now,
                keep_until=decision.keep_until,
                no_data_since=decision.no_data_since,
            )
