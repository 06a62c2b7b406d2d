"""What the reference knows of alerts, groups and what was told."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import NamedTuple

from alerts.escalation import Step, StepKind
from tests.alerts.weeks.clocks import EVERY_DAY, Hours
from tests.alerts.weeks.directory import Contact

Walk = Generator[tuple[list[Step], datetime | None], datetime, None]


@dataclass
class Plan:
    """A policy, or what stands for one."""

    key: str
    name: str
    steps: tuple[Step, ...]
    wait: timedelta
    interval: timedelta
    repeat: timedelta
    group_by: tuple[str, ...] = ("alertname", "application")
    reminder: timedelta | None = None
    expiry: timedelta | None = None


@dataclass
class Alert:
    """An alert that fires or fired. `slug` is its application's, which another environment may have as well."""

    pk: int
    name: str
    application: int
    slug: str
    host: str
    severity: str
    fired_at: datetime
    is_firing: bool = True
    ended_at: datetime | None = None
    acknowledged_by: int | None = None
    acknowledged_until: datetime | None = None
    remind_at: datetime | None = None
    snoozed_until: datetime | None = None

    @property
    def series(self) -> tuple[str, int, str]:
        """What makes it the same as another: rule, application, host."""
        return self.name, self.application, self.host

    @property
    def labels(self) -> dict[str, str]:
        """What makes groups and what silences look at."""
        return {"alertname": self.name, "application": self.slug, "host": self.host}


@dataclass
class Member:
    """An alert in a group, and who was told there that it fires."""

    alert: Alert
    joined_at: datetime
    told: set[str] = field(default_factory=set)
    is_done: bool = False


@dataclass
class Group:
    """Alerts that are told of together, of one application (`owner`) if that is among what they have in common."""

    pk: int
    plan: Plan
    labels: dict[str, str]
    owner: int | None
    opened_at: datetime
    look_at: datetime
    due_at: datetime
    members: list[Member] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    notified_at: datetime | None = None
    engaged: set[Contact] = field(default_factory=set)
    deferred: dict[str, tuple[datetime, Contact]] = field(default_factory=dict)
    news: dict[str, set[int]] = field(default_factory=dict)
    step_at: datetime | None = None
    attended: set[int] = field(default_factory=set)
    walk: Walk | None = None
    is_open: bool = True

    @property
    def rows(self) -> list[Member]:
        """Members of which something may be to be said."""
        return [member for member in self.members if not member.is_done]


class News(NamedTuple):
    """What is to be said of a group: why, what fires, what is over."""

    reason: str
    firing: frozenset[int]
    over: frozenset[int] = frozenset()


class Told(NamedTuple):
    """One notice: its group, why it goes out, and its messages, each with what it says to whom and what became of it."""

    group: int
    reason: str
    messages: frozenset[tuple[str, str, frozenset[int], frozenset[int]]]


def walk_through(steps: tuple[Step, ...], count_since: Callable[[datetime], int]) -> Walk:
    """Be sent the time, say which steps are taken then and when to come again; from the first step to the end."""
    taken: list[Step] = []
    now = yield [], None
    rounds = 1 + next((step.count for step in steps if step.kind == StepKind.REPEAT), 0)
    for _ in range(rounds):
        for step in steps:
            seconds = timedelta(seconds=step.seconds)
            if step.kind == StepKind.WAIT:
                now = yield taken, now + seconds
                taken = []
            elif step.kind == StepKind.IF_TIME:
                hours = _read_hours(step)
                while hours.find_end(now) is None:
                    now = yield taken, hours.find_opening(now)
                    taken = []
            elif step.kind == StepKind.IF_COUNT:
                while count_since(now - seconds) <= step.count:
                    now = yield taken, now + timedelta(seconds=30)
                    taken = []
            elif step.kind != StepKind.REPEAT:
                taken.append(step)
    while True:
        yield taken, None
        taken = []


def _read_hours(step: Step) -> Hours:
    start, end = time.fromisoformat(step.start), time.fromisoformat(step.end)
    return Hours(start, end, step.zone, step.weekdays or EVERY_DAY)
