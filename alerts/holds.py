"""Which alerts' messages are held back, and why. Pure: alerts and what holds them in, reasons out, `now` passed in.

Holding back concerns messages only: an alert is evaluated all the same, its escalation begins when nothing holds it any
more, and the news that it is over goes to everybody who was told that it fires.

Inhibition is found out first, among all that fire; components then look only at what is not inhibited. So alerts never hold
each other in a ring: whoever is held because of another has a chain of causes that ends at an alert held by no other. That
one goes out, unless a silence, a window or a snooze holds it (somebody decided so) or it flaps (it was told of before). The one
exception has an end: what depends on an alert that is pending waits until that fires or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.flapping import Episode, find_flapping
from alerts.routing.components import Component, find_held
from alerts.routing.inhibition import InhibitRule, find_inhibitors
from alerts.routing.matchers import Matcher, matches

#: What is pending for longer than this says little about what broke just now.
PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires. `labels` are those of the outside; `episodes` when the same series fired lately.

    `lasting`: reasons found earlier that hold until the alert is over.
    """

    alert_id: int
    application_id: int
    labels: Mapping[str, str]
    summary: str
    fired_at: datetime
    episodes: Sequence[Episode] = ()
    snoozed_until: datetime | None = None
    snoozed_by: str = ""
    was_told: bool = False
    lasting: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True)
class Suspect:
    """An alert that is pending and fires at `due_at` if its condition is met until then."""

    alert_id: int
    application_id: int
    labels: Mapping[str, str]
    summary: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence or a maintenance window that is on until `until`. `application_id` None: it is for all of them.

    `drops_since`: alerts that began at this moment or later stay held when it is over; None: none do.
    """

    quiet_id: int
    matchers: tuple[Matcher, ...]
    application_id: int | None
    text: str
    until: datetime | None = None
    drops_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why an alert is held. `reference` is the id of what holds it, 0 if it is the alert itself.

    `until`: when it ends by itself, None if nobody knows. `lasts`: it holds until the alert is over.
    """

    kind: str
    reference: int
    text: str
    until: datetime | None = None
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything that may hold messages back at one moment."""

    silences: Sequence[Quiet] = ()
    windows: Sequence[Quiet] = ()
    inhibitions: Sequence[InhibitRule] = ()
    components: Sequence[Component] = ()
    suspects: Sequence[Suspect] = ()


def find_reasons(alerts: Iterable[Firing], circumstances: Circumstances, *, now: datetime) -> dict[int, list[Reason]]:
    """Return for each alert, by id, why it is held: an empty list if nothing holds it."""
    everyone = list(alerts)
    found: dict[int, list[Reason]] = {alert.alert_id: [] for alert in everyone}
    for alert in everyone:
        reasons = found[alert.alert_id]
        for kind, quiets in (("silence", circumstances.silences), ("maintenance", circumstances.windows)):
            reasons += [_describe(kind, quiet, alert) for quiet in quiets if _covers(quiet, alert)]
        known = {(reason.kind, reason.reference) for reason in reasons}
        reasons += [reason for reason in alert.lasting if (reason.kind, reason.reference) not in known]
        if alert.snoozed_until is not None and now < alert.snoozed_until:
            words = f"{alert.snoozed_by or 'Somebody'} snoozed it."
            reasons.append(Reason("snooze", 0, words, until=alert.snoozed_until))
        if flapping := find_flapping(alert.episodes, now=now):
            words = f"It began {flapping.starts} times within two hours."
            reasons.append(Reason("flapping", 0, words, until=flapping.until))
    inhibited = _add_inhibitions(found, everyone, circumstances)
    free = [alert for alert in everyone if alert.alert_id not in inhibited]
    _add_components(found, free, circumstances)
    _add_suspicions(found, free, circumstances, now)
    return found


def _describe(kind: str, quiet: Quiet, alert: Firing) -> Reason:
    lasts = quiet.drops_since is not None and alert.fired_at >= quiet.drops_since
    return Reason(kind, quiet.quiet_id, quiet.text, until=None if lasts else quiet.until, lasts=lasts)


def _covers(quiet: Quiet, alert: Firing) -> bool:
    return quiet.application_id in (None, alert.application_id) and matches(quiet.matchers, alert.labels)


def _add_inhibitions(
    found: dict[int, list[Reason]], alerts: Sequence[Firing], circumstances: Circumstances
) -> frozenset[int]:
    """Add who is inhibited and by whom; return the ids of those who are."""
    by_id = {alert.alert_id: alert for alert in alerts}
    labelled = [(alert.alert_id, alert.labels) for alert in alerts]
    inhibitors = find_inhibitors(circumstances.inhibitions, labelled)
    for target, source in inhibitors.items():
        # What fires elsewhere is not for the readers of this application.
        is_own = by_id[source].application_id == by_id[target].application_id
        words = f"“{by_id[source].summary}” fires." if is_own else "An alert of another application fires."
        found[target].append(Reason("inhibition", source, words))
    return frozenset(inhibitors)


def _add_components(found: dict[int, list[Reason]], alerts: Sequence[Firing], circumstances: Circumstances) -> None:
    by_id = {alert.alert_id: alert for alert in alerts}
    names = {component.component_id: component.name for component in circumstances.components}
    labelled = [(alert.alert_id, alert.labels) for alert in alerts]
    for target, hold in find_held(circumstances.components, labelled).items():
        cause = by_id[hold.cause_alert_id]
        is_own = cause.application_id == by_id[target].application_id
        words = f"{names[hold.cause_component_id]} is broken{f': “{cause.summary}”' if is_own else ''}."
        found[target].append(Reason("component", hold.cause_alert_id, words))


def _add_suspicions(
    found: dict[int, list[Reason]], alerts: Sequence[Firing], circumstances: Circumstances, now: datetime
) -> None:
    """Let what fires wait for what it needs, if that is about to be found broken: a host takes longer to miss than a check.

    Never for longer than PATIENCE after it began, and never what people were told of: then it goes its way.
    """
    suspects = {one.alert_id: one for one in circumstances.suspects if now < one.due_at <= now + PATIENCE}
    waiting = {one.alert_id: one for one in alerts if not one.was_told and now < one.fired_at + PATIENCE}
    if not (suspects and waiting):
        return
    names = {component.component_id: component.name for component in circumstances.components}
    labelled = [
        *((alert.alert_id, alert.labels) for alert in alerts),
        *((pk, one.labels) for pk, one in suspects.items()),
    ]
    for target, hold in find_held(circumstances.components, labelled).items():
        suspect, alert = suspects.get(hold.cause_alert_id), waiting.get(target)
        if suspect is None or alert is None or _is_held_by_component(found[target]):
            continue
        is_own = suspect.application_id == alert.application_id
        words = f"{names[hold.cause_component_id]} may be broken{f': “{suspect.summary}”' if is_own else ''}."
        until = min(suspect.due_at, alert.fired_at + PATIENCE)
        found[target].append(Reason("component", suspect.alert_id, words, until=until))


def _is_held_by_component(reasons: Iterable[Reason]) -> bool:
    return any(reason.kind == "component" for reason in reasons)
