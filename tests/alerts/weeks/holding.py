"""What holds messages back, worked out anew from docs/alerts.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.alerts.weeks.clocks import MINUTE, Hours
from tests.alerts.weeks.records import Alert

TWO_HOURS = timedelta(hours=2)
Reasons = dict[int, set[str]]


@dataclass
class Silence:
    """From a moment to a moment nothing is told of alerts with these labels."""

    pk: int
    labels: dict[str, str]
    start: datetime
    end: datetime


@dataclass
class Window:
    """Maintenance of an application, once (`once`) or by the clock on the wall from a day on."""

    pk: int
    application: int
    labels: dict[str, str]
    once: tuple[datetime, datetime] | None = None
    hours: Hours | None = None
    since: datetime | None = None
    drops: bool = False
    is_cancelled: bool = False
    ended_early: set[datetime] = field(default_factory=set)

    def find_open(self, now: datetime) -> datetime | None:
        """Return since when it is open, None if it is not."""
        times = [self.once] if self.once else []
        if self.hours is not None and self.since is not None:
            times += [pair for pair in self.hours.find_stretches(now, end_is_last=True) if pair[0] >= self.since]
        opened = [start for start, end in times if start <= now < end and start not in self.ended_early]
        return opened[0] if opened and not self.is_cancelled else None

    def covers(self, alert: Alert) -> bool:
        """Whether it is about an alert."""
        return self.application == alert.application and self.labels.items() <= alert.labels.items()


@dataclass
class Holding:
    """Everything that may hold alerts: `inhibitions` name source and target, `needs` what else breaks with what."""

    inhibitions: list[tuple[str, str]]
    needs: dict[str, list[str]]
    silences: list[Silence] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    past: dict[tuple[str, int, str], list[Alert]] = field(default_factory=dict)
    dropped: set[tuple[int, int]] = field(default_factory=set)

    def find_held(self, alerts: Iterable[Alert], now: datetime) -> Reasons:
        """Return why alerts are held: those that nothing holds are not among them."""
        firing = [alert for alert in alerts if alert.is_firing]
        found: Reasons = {alert.pk: set() for alert in firing}
        self.dropped = {(pk, window) for pk, window in self.dropped if pk in found}
        for alert in firing:
            if any(
                each.start <= now < each.end and each.labels.items() <= alert.labels.items() for each in self.silences
            ):
                found[alert.pk].add("silence")
            if alert.snoozed_until is not None and now < alert.snoozed_until:
                found[alert.pk].add("snooze")
            lately = [each for each in self.past[alert.series] if alert.fired_at - TWO_HOURS < each.fired_at]
            if len(lately) >= 3 and now - alert.fired_at < self._find_patience(alert, now):
                found[alert.pk].add("flapping")
        self._maintain(firing, found, now)
        self._inhibit(firing, found)
        return {pk: reasons for pk, reasons in found.items() if reasons}

    def _find_patience(self, alert: Alert, now: datetime) -> timedelta:
        """How long it has to stay: twice as long for each time today that it stayed although it flapped."""
        patience = 10 * MINUTE
        today = [each for each in self.past[alert.series] if now - timedelta(hours=24) < each.fired_at]
        for each in today:
            near = [one for one in today if each.fired_at - TWO_HOURS < one.fired_at <= each.fired_at]
            if len(near) >= 3 and each.ended_at is not None and each.ended_at - each.fired_at >= patience:
                patience += patience
        return patience

    def _maintain(self, firing: list[Alert], found: Reasons, now: datetime) -> None:
        for window in self.windows:
            opened = window.find_open(now)
            for alert in firing if opened is not None else []:
                if window.covers(alert):
                    found[alert.pk].add("maintenance")
                    if window.drops and alert.fired_at >= opened:
                        self.dropped.add((alert.pk, window.pk))
        cancelled = {window.pk for window in self.windows if window.is_cancelled}
        for pk, window_pk in self.dropped:
            if window_pk not in cancelled:
                found[pk].add("maintenance")

    def _inhibit(self, firing: list[Alert], found: Reasons) -> None:
        fires = {alert.series for alert in firing}
        for alert in firing:
            name, *place = alert.series
            if any((source, *place) in fires for source, target in self.inhibitions if target == name):
                found[alert.pk].add("inhibition")
        broken = {alert.name for alert in firing if "inhibition" not in found[alert.pk]}
        for alert in firing:
            if "inhibition" not in found[alert.pk] and broken & set(self.needs.get(alert.name, [])):
                found[alert.pk].add("component")
