"""What a rule would have done over times gone by. Pure: it plays the same decisions over recorded answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from alerts.evaluation import Action, Decision, OpenAlert, Timing, decide


@dataclass(frozen=True, slots=True)
class Step:
    """What the conditions returned at one moment, by fingerprint; `cleared` as in `decide`."""

    at: datetime
    series: Mapping[str, float]
    cleared: AbstractSet[str] | None


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that would have fired. `resolved_at` None: it would still fire."""

    fingerprint: str
    fired_at: datetime
    resolved_at: datetime | None


def rehearse(*, timing: Timing, steps: Iterable[Step]) -> list[Firing]:
    """Return every firing, in the order they began."""
    alerts: dict[str, OpenAlert] = {}
    fired: dict[str, datetime] = {}
    firings: list[Firing] = []
    for step in steps:
        decisions = decide(timing=timing, open_alerts=alerts, series=step.series, cleared=step.cleared, now=step.at)
        for decision in decisions:
            name = decision.fingerprint
            follow(alerts, decision, step.at)
            if decision.action in {Action.FIRE, Action.START_FIRING}:
                fired[name] = step.at
            elif decision.action is Action.RESOLVE:
                firings.append(Firing(name, fired.pop(name), step.at))
    firings += [Firing(name, at, None) for name, at in fired.items()]
    return sorted(firings, key=lambda firing: firing.fired_at)


def follow(alerts: dict[str, OpenAlert], decision: Decision, now: datetime) -> None:
    """Change what is open as a decision says."""
    name = decision.fingerprint
    match decision.action:
        case Action.DROP | Action.RESOLVE:
            del alerts[name]
        case Action.START_PENDING | Action.START_FIRING:
            alerts[name] = OpenAlert(decision.action is Action.START_FIRING, now, now)
        case Action.RESTART:
            alerts[name] = OpenAlert(False, now, now)
        case _:
            before = alerts[name]
            is_firing = before.is_firing or decision.action is Action.FIRE
            alerts[name] = OpenAlert(is_firing, before.active_since, now, decision.keep_until)
