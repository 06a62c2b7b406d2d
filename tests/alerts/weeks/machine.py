"""A machine that plays weeks: it moves the clock, takes turns, and compares everything they did with `reference`.

Real database, real services, turns at every moment at which something is due and at others. What is checked beside the
equality of all messages and of all times stands in `checks`; what can happen, in `happenings` and `doings`.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from typing import ClassVar

import time_machine
from django.core.cache import cache
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from alerts.evaluation import OpenAlert, Timing, decide
from alerts.labels import fingerprint_labels
from alerts.models import Alert as AlertRow
from alerts.models import AlertGroup, AlertTransition, Hold, Rule
from alerts.selectors import list_open_alerts
from alerts.services.applying import Finding, Outcome, apply_outcome
from alerts.services.notifying import take_turn
from monitoring.uptime.models import MaintenanceWindow
from monitoring.uptime.services.maintenance import follow_windows
from tests.alerts.weeks import checks
from tests.alerts.weeks.directory import Override, Roster
from tests.alerts.weeks.records import Alert
from tests.alerts.weeks.world import BEGINNINGS, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Machine(RuleBasedStateMachine):
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

    def pass_turns(self, turns: int) -> None:
        """Take the next turns, each at the moment at which something is due."""
        for _ in range(turns):
            self.move(min(self.find_next_event(), self.now + DAY))
            self.turn()

    def find_next_event(self) -> datetime:
        """Return the next moment at which something is due or ends."""
        moments = [group.due_at for group in self.reference.open_groups()]
        moments += [edge for silence in self.reference.holding.silences for edge in (silence.start, silence.end)]
        moments += [edge for row in MaintenanceWindow.objects.all() for edge in (row.opens_at, row.closes_at) if edge]
        moments += Hold.objects.filter(ended_at=None, until__isnull=False).values_list("until", flat=True)
        for alert in self.reference.alerts.values():
            if alert.is_firing:
                due = (
                    alert.remind_at,
                    alert.acknowledged_until,
                    alert.snoozed_until,
                    alert.fired_at + 2 * HOUR,
                    alert.fired_at + DAY,
                )
                moments += [moment for moment in due if moment]
        return min((moment for moment in moments if moment > self.now), default=self.now + 6 * HOUR)

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
                where = row.application.pk, row.application.slug, row.labels["host"]
                self.reference.begin(Alert(row.pk, row.name, *where, row.severity, step.at), _find_group)
            elif step.to_state == "resolved":
                over = self.reference.alerts[row.pk]
                over.is_firing, over.ended_at = False, step.at

    def switch(self, name: str, slug: str, host: str) -> None:
        """Let a series cross its threshold."""
        self.up ^= {(name, slug, host)}
        self.evaluate(name, slug)

    # The end.

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


def _find_group(destination: str, labels: dict[str, str], owner: int | None) -> int:
    return AlertGroup.objects.get(destination=destination, labels=labels, application_id=owner, state="open").pk
