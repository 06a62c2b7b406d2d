"""Weeks of telling people on a simulated clock: whatever people, values and clocks do, turn after turn, as in `reference`.

Real database, real services, turns at every moment at which something is due and at others. What is checked beside the
equality of all messages and of all times stands in `checks`.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
import time_machine
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from alerts.dispatch import Reason
from alerts.enums import HoldKind
from alerts.evaluation import OpenAlert, Timing, decide
from alerts.labels import fingerprint_labels
from alerts.models import Alert as AlertRow
from alerts.models import AlertGroup, AlertTransition, Hold, OnCallSchedule, Rule
from alerts.models import Channel as ChannelRow
from alerts.selectors import list_open_alerts
from alerts.services.alerts import acknowledge_alert, close_alert, snooze_alert, unacknowledge_alert
from alerts.services.applying import Finding, Outcome, apply_outcome
from alerts.services.notifying import take_turn
from alerts.services.oncall import cancel_override
from alerts.services.silences import create_silence, end_silence, extend_silence
from alerts.silencing import SilenceDraft
from config.actors import Actor
from config.settings import OPTION
from monitoring.uptime.enums import EndAction
from monitoring.uptime.models import MaintenanceWindow
from monitoring.uptime.recurrence import Recurrence, Repeat
from monitoring.uptime.services.maintenance import cancel_window, create_window, end_occurrence, follow_windows
from monitoring.uptime.window_drafts import WindowDraft, WindowInvalid
from tests.alerts.weeks import checks
from tests.alerts.weeks.reference import (
    EVERY_DAY,
    Alert,
    Hours,
    Override,
    Roster,
    Silence,
    Window,
    find_moment,
)
from tests.alerts.weeks.world import BEGINNINGS, HOSTS, RULES, World, hours, places, spans
from tests.support.rosters import override

BY = Actor(name="Ada")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Weeks(RuleBasedStateMachine):
    """People, policies and alerts around a change of the clocks."""

    #: What all examples of a run went through.
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.resources = ExitStack()
        self.is_sound = False

    # The world.

    @initialize(data=st.data())
    def build(self, data: st.DataObject) -> None:
        """Set up who there is, how they are reached, and what holds what back."""
        self.resources.enter_context(_roll_back())
        cache.clear()
        self.now = data.draw(st.sampled_from(BEGINNINGS), "begins")
        self.began = self.now
        self.clock = self.resources.enter_context(time_machine.travel(self.now, tick=False))
        self.errors = self.resources.enter_context(_collect_errors())
        self.values = iter(range(1, 1_000_000))
        self.up: set[tuple[str, str, str]] = set()
        self.overrides: list[tuple[Roster, Override]] = []
        self.ledger = checks.Ledger()
        world = World(data, self.now)
        self.reference, self.users, self.rows = world.reference, world.users, world.rules
        self.applications, self.slugs = world.applications, list(world.applications)
        self.is_sound = True

    # Time.

    def move(self, to: datetime) -> None:
        """Let the clock show a moment."""
        self.now = to
        self.clock.move_to(to)

    def turn(self) -> None:
        """Take a turn and compare everything that it did."""
        follow_windows(now=self.now)
        done = take_turn(now=self.now)
        self.reference.take_turn(self.now)
        checks.check_turn(self.ledger, self.reference, now=self.now)
        self.seen.update(["turn", *(told.reason for told in self.reference.told)])
        self.seen.update(kind for kinds in self.reference.held.values() for kind in kinds)
        assert (done.failed, self.errors) == (0, [])

    def find_next_event(self) -> datetime:
        """Return the next moment at which something is due or ends."""
        moments = [group.due_at for group in self.reference.open_groups()]
        moments += [edge for silence in self.reference.silences for edge in (silence.start, silence.end)]
        moments += [edge for row in MaintenanceWindow.objects.all() for edge in (row.opens_at, row.closes_at) if edge]
        moments += Hold.objects.filter(ended_at=None, until__isnull=False).values_list("until", flat=True)
        for alert in self.reference.alerts.values():
            if alert.is_firing:
                due = (alert.remind_at, alert.acknowledged_until, alert.snoozed_until, alert.fired_at + 2 * HOUR)
                moments += [moment for moment in due if moment]
        return min((moment for moment in moments if moment > self.now), default=self.now + 6 * HOUR)

    @rule(turns=st.integers(1, 12))
    def go_on(self, turns: int) -> None:
        """Take the next turns, each at the moment at which something is due."""
        for _ in range(turns):
            self.move(min(self.find_next_event(), self.now + DAY))
            self.turn()

    @rule(seconds=st.integers(1, 20_000))
    def look_in(self, seconds: int) -> None:
        """Take a turn at any moment, on time for most of what is due until then."""
        end = self.now + timedelta(seconds=seconds)
        for _ in range(8):
            if (at := self.find_next_event()) < end:
                self.move(at)
                self.turn()
        self.move(end)
        self.turn()

    @rule(away=st.sampled_from([10 * MINUTE, 3 * HOUR, 2 * DAY, 5 * DAY]))
    def be_away(self, away: timedelta) -> None:
        """Let the product be down for some time: what was due then is late."""
        self.move(self.now + away)
        self.turn()

    # Alerts.

    def evaluate(self, name: str, slug: str) -> None:
        """Judge a rule for an application, as an evaluation does once it has asked the rule's condition."""
        made = self.rows[name]
        alerts = list_open_alerts().get((made.pk, self.applications[slug]), {})
        findings = {
            fingerprint_labels({"host": host}): Finding({"host": host}, float(next(self.values)))
            for rule_name, where, host in sorted(self.up)
            if (rule_name, where) == (name, slug)
        }
        decisions = decide(
            timing=Timing(hold=timedelta(seconds=made.for_seconds)),
            open_alerts={
                key: OpenAlert(alert.state == "firing", alert.active_since, alert.last_seen_at)
                for key, alert in alerts.items()
            },
            series={key: finding.value for key, finding in findings.items()},
            cleared=None,
            now=self.now,
        )
        made = Rule.objects.get(pk=made.pk)
        apply_outcome(outcome=Outcome(made, self.applications[slug], findings, alerts, decisions), now=self.now)
        self.follow()

    def follow(self) -> None:
        """Tell the reference which alerts began and ended."""
        for step in AlertTransition.objects.filter(pk__gt=self.ledger.transition).select_related("alert__application"):
            self.ledger.check_transition(step)
            row = step.alert
            if step.to_state == "firing":
                series = (row.name, row.application.slug, row.labels["host"])
                self.reference.begin(Alert(row.pk, series, row.severity, step.at), _find_group)
            elif step.to_state == "resolved":
                self.reference.alerts[row.pk].is_firing = False

    def switch(self, name: str, slug: str, host: str) -> None:
        """Let a series cross its threshold."""
        self.up ^= {(name, slug, host)}
        self.evaluate(name, slug)

    @rule(name=st.sampled_from(list(RULES)), host=st.sampled_from(HOSTS), where=st.sampled_from([0, 0, 0, 1]))
    def change(self, name: str, host: str, where: int) -> None:
        """Let something break, or recover."""
        self.switch(name, self.slugs[where], host)

    @rule(names=st.sets(st.sampled_from(list(RULES)), min_size=2), turns=st.integers(1, 12))
    def break_down(self, names: set[str], turns: int) -> None:
        """Let much break at once, and time go on."""
        for name in sorted(names):
            for host in HOSTS:
                if (name, self.slugs[0], host) not in self.up:
                    self.switch(name, self.slugs[0], host)
        self.go_on(turns)

    @rule(share=st.integers(1, 4), turns=st.integers(1, 4))
    def recover(self, share: int, turns: int) -> None:
        """Let some of what is broken recover."""
        for name, slug, host in sorted(self.up)[::share]:
            self.switch(name, slug, host)
        self.go_on(turns)

    @rule(host=st.sampled_from(HOSTS))
    def break_by_night(self, host: str) -> None:
        """Let something break, or recover, in a channel's quiet hours, and time go on until they are over."""
        quiet = next(channel.quiet for channel in self.reference.channels.values() if channel.quiet)
        self.move(quiet.find_opening(self.now) + MINUTE)
        self.turn()
        self.switch("Direct", self.slugs[0], host)
        self.go_on(8)

    @rule(name=st.sampled_from(list(RULES)))
    def look_again(self, name: str) -> None:
        """Evaluate a rule whose values stay as they are."""
        self.evaluate(name, self.slugs[0])

    @rule(name=st.sampled_from(["Load", "Overload", "Host down", "Direct"]), times=st.integers(2, 6))
    def flutter(self, name: str, times: int) -> None:
        """Let a value cross its threshold up and down."""
        for _ in range(times):
            self.switch(name, self.slugs[0], HOSTS[0])
            self.move(self.now + MINUTE)
            self.turn()

    # What people do.

    def pick(self, place: int) -> Alert | None:
        """Return one of the alerts that fire."""
        firing = [alert for alert in self.reference.alerts.values() if alert.is_firing]
        return firing[place % len(firing)] if firing else None

    @rule(place=places, who=places)
    def acknowledge(self, place: int, who: int) -> None:
        """Somebody looks after an alert."""
        if (alert := self.pick(place)) is None:
            return
        user = list(self.users.values())[who % len(self.users)]
        if acknowledge_alert(alert_id=alert.pk, by=Actor(name=user.username, user_id=user.pk)):
            self.reference.acknowledge(alert.pk, user.pk, self.now)

    @rule(place=places)
    def unacknowledge(self, place: int) -> None:
        """Nobody looks after an alert any more."""
        cared_for = [alert for alert in self.reference.alerts.values() if alert.is_firing and alert.acknowledged_by]
        if cared_for:
            alert = cared_for[place % len(cared_for)]
            assert unacknowledge_alert(alert_id=alert.pk, by=BY)
            self.reference.unacknowledge(alert.pk, self.now)

    @rule(place=places, span=spans)
    def snooze(self, place: int, span: timedelta) -> None:
        """Somebody wants to hear of an alert later."""
        alert = self.pick(place)
        if alert is not None and snooze_alert(alert_id=alert.pk, until=self.now + span, by=BY):
            alert.snoozed_until = self.now + span

    @rule(place=places)
    def close(self, place: int) -> None:
        """Somebody ends an alert by hand; the next evaluation opens a new one if it is still so."""
        if (alert := self.pick(place)) is not None:
            assert close_alert(alert_id=alert.pk, by=BY)
            self.follow()

    @rule(
        labels=st.sampled_from(
            [{"alertname": name} for name in RULES] + [{"alertname": name, "host": "erp1"} for name in RULES]
        ),
        later=st.sampled_from([0 * MINUTE, HOUR]),
        span=spans,
    )
    def silence(self, labels: dict[str, str], later: timedelta, span: timedelta) -> None:
        """Somebody silences, now or from later on."""
        matchers = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        start = self.now + later
        row = create_silence(draft=SilenceDraft(matchers, start, start + span, "Known"), by=BY, now=self.now)
        self.reference.silences.append(Silence(row.pk, labels, start, start + span))

    @precondition(lambda self: self.is_sound and any(each.end > self.now for each in self.reference.silences))
    @rule(place=places, span=st.none() | spans)
    def change_silence(self, place: int, span: timedelta | None) -> None:
        """Somebody ends a silence early, or moves its end."""
        lasting = [silence for silence in self.reference.silences if silence.end > self.now]
        chosen = lasting[place % len(lasting)]
        if span is None:
            end_silence(silence_id=chosen.pk, by=BY, now=self.now)
            chosen.start, chosen.end = min(chosen.start, self.now), self.now
        elif self.now + span > chosen.start:
            extend_silence(silence_id=chosen.pk, ends_at=self.now + span, now=self.now)
            chosen.end = self.now + span

    @rule(
        name=st.sampled_from(["", *RULES]),
        span=st.sampled_from([30 * MINUTE, 5 * HOUR]),
        drops=st.booleans(),
        later=st.booleans(),
    )
    def maintain_once(self, name: str, span: timedelta, drops: bool, later: bool) -> None:
        """A maintenance window that is there once."""
        labels = {"alertname": name} if name else {}
        start = self.now + (HOUR if later else 0 * HOUR)
        row = self._create_window(
            labels, start, start + span, end_action=EndAction.DROP if drops else EndAction.RELEASE
        )
        labels = {**labels, "application": self.slugs[0]}
        self.reference.windows.append(Window(row.pk, labels, once=(start, start + span), drops=drops))

    @precondition(lambda self: self.is_sound and sum(each.hours is not None for each in self.reference.windows) < 2)
    @rule(when=hours, name=st.sampled_from(["", "Load"]), weekdays=st.sampled_from([(), (5, 6), (0, 6)]))
    def maintain_often(self, when: Hours, name: str, weekdays: tuple[int, ...]) -> None:
        """A maintenance window that comes again by the clock on the wall."""
        labels = {"alertname": name} if name else {}
        day = self.now.date()
        last = day if when.start < when.end else day + DAY
        start = find_moment(datetime.combine(day, when.start), when.zone)
        end = find_moment(datetime.combine(last, when.end), when.zone, is_end=True)
        recurrence = Recurrence(Repeat.WEEKLY, weekdays=weekdays) if weekdays else Recurrence(Repeat.DAILY)
        try:
            row = self._create_window(labels, start, end, time_zone=when.zone, recurrence=recurrence)
        except WindowInvalid:
            return
        labels = {**labels, "application": self.slugs[0]}
        shown = when._replace(weekdays=weekdays or EVERY_DAY)
        self.reference.windows.append(Window(row.pk, labels, hours=shown, since=start))

    def _create_window(self, labels: dict[str, str], start: datetime, end: datetime, **fields: Any) -> Any:
        matchers = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        draft = WindowDraft(self.applications[self.slugs[0]], start, end, matchers=matchers, **fields)
        return create_window(draft=draft, now=self.now)

    @precondition(lambda self: self.is_sound and self.reference.windows)
    @rule(place=places, cancels=st.booleans())
    def end_window(self, place: int, cancels: bool) -> None:
        """Somebody takes a window back, or lets it be over for this time."""
        window = self.reference.windows[place % len(self.reference.windows)]
        row = MaintenanceWindow.objects.get(pk=window.pk)
        opened = window.find_open(self.now)
        if cancels:
            window.is_cancelled |= cancel_window(window=row, now=self.now)
        elif end_occurrence(window=row, now=self.now):
            assert opened is not None
            window.ended_early.add(opened)

    @rule(roster=places, who=places, whom=st.none() | places, later=spans, span=spans)
    def take_over(self, roster: int, who: int, whom: int | None, later: timedelta, span: timedelta) -> None:
        """Somebody is on call instead of everybody, or of one."""
        active = [user for user in self.users.values() if self.reference.people[user.pk].is_active]
        if not active:
            return
        chosen = list(self.reference.rosters.values())[roster % 2]
        person, replaced = active[who % len(active)], None if whom is None else list(self.users.values())[whom % 5]
        if replaced == person:
            return
        start = self.now + later
        made = _override(chosen.pk, start, span, person, replaced)
        added = Override(made.pk, start, start + span, (person.pk,), replaced.pk if replaced else None)
        chosen.overrides.append(added)
        self.overrides.append((chosen, added))

    @precondition(lambda self: self.is_sound and any(each.end > self.now for _, each in self.overrides))
    @rule(place=places)
    def take_back(self, place: int) -> None:
        """Somebody is on call instead no longer."""
        lasting = [pair for pair in self.overrides if pair[1].end > self.now]
        roster, chosen = lasting[place % len(lasting)]
        cancel_override(override_id=chosen.pk, now=self.now)
        chosen.end = self.now
        if chosen.start >= self.now:
            roster.overrides.remove(chosen)
            self.overrides.remove((roster, chosen))

    @rule(who=places)
    def switch_account(self, who: int) -> None:
        """An account is switched off, or on again."""
        user = list(self.users.values())[who % len(self.users)]
        person = self.reference.people[user.pk]
        user.is_active = person.is_active = not person.is_active
        user.save()

    @rule(place=places)
    def switch_channel(self, place: int) -> None:
        """A channel is switched off, or on again."""
        chosen = list(self.reference.channels.values())[place % len(self.reference.channels)]
        chosen.enabled = not chosen.enabled
        ChannelRow.objects.filter(pk=chosen.pk).update(enabled=chosen.enabled)

    def teardown(self) -> None:
        """Let everything end, and see that whoever was told of a beginning is told of its end."""
        try:
            if self.is_sound and sys.exc_info()[0] is None:
                self.finish()
        finally:
            self.resources.close()

    def finish(self) -> None:
        """End all alerts and wait until every group is closed."""
        for name, slug, host in sorted(self.up):
            self.switch(name, slug, host)
        for _ in range(100):
            if not AlertGroup.objects.filter(state="open").exists():
                break
            self.move(self.find_next_event())
            self.turn()
        assert not AlertRow.objects.open().exists()
        checks.check_end(self.ledger, self.reference)
        self.seen["week"] += (self.now - self.began) // (7 * DAY)


@contextmanager
def _roll_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def _collect_errors() -> Iterator[list[str]]:
    """Yield the exceptions that are logged: parts of a turn catch them, so that others go on."""
    found: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: found.append(record.getMessage()) if record.exc_info else None  # type: ignore[method-assign]
    logger = logging.getLogger("alerts")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


def _find_group(destination: str, labels: dict[str, str]) -> int:
    return AlertGroup.objects.get(destination=destination, labels=labels, state="open").pk


def _override(schedule_id: int, start: datetime, span: timedelta, person: Any, replaced: Any) -> Any:
    schedule = OnCallSchedule.objects.get(pk=schedule_id)
    return override(schedule, start, span / HOUR, person, replaces=replaced)


def play(monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    """Play through weeks; groups without a policy look every four hours, or there would be turns and little else."""
    monkeypatch.setitem(OPTION, "GROUP_INTERVAL_SECONDS", 4 * 3600)
    Weeks.seen.clear()
    run_state_machine_as_test(Weeks, settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **how))
    missing = {*Reason, *HoldKind.values} - Weeks.seen.keys()
    assert not missing, Weeks.seen


@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_weeks__anything_happens__everybody_hears_what_the_documentation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, max_examples=6, stateful_step_count=80, derandomize=True)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.django_db
def test_weeks__anything_happens_for_long__everybody_hears_what_the_documentation_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch, max_examples=300, stateful_step_count=200)
