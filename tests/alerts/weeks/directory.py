"""Who there is, who is on call when, and by which address a step of a policy reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.escalation import Step, StepKind
from tests.alerts.weeks.clocks import MINUTE, Hours
from tests.support.on_call import Watcher, take_over


class Contact(NamedTuple):
    """An address and why it is told: a channel, or a person, by name or for being on call (`roster`)."""

    address: str
    channel: int = 0
    person: int = 0
    roster: int = 0
    is_out_of_reach: bool = False


@dataclass
class Channel:
    """Addresses with limits: at most so many messages in so many minutes; quiet for what is not critical."""

    pk: int
    addresses: tuple[str, ...]
    is_on: bool = True
    limit: tuple[int, timedelta] | None = None
    quiet: Hours | None = None
    sent: list[datetime] = field(default_factory=list)

    def find_wait(self, now: datetime) -> datetime | None:
        """Return until when messages about nothing critical have to wait, None if they need not."""
        if self.quiet is not None and (until := self.quiet.find_end(now)) is not None:
            return until
        if self._has_room(now):
            return None
        assert self.limit is not None
        ends = [at + self.limit[1] for at in self.sent]
        return min(end for end in ends if end > now and self._has_room(end))

    def _has_room(self, at: datetime) -> bool:
        if self.limit is None:
            return True
        count, span = self.limit
        return sum(at - span < sent for sent in self.sent) < count


@dataclass
class Person:
    """Somebody with an account and perhaps an address."""

    pk: int
    name: str
    email: str
    is_active: bool = True


@dataclass
class Override:
    """People who take over from a moment to a moment, from everybody or from one."""

    pk: int
    start: datetime
    end: datetime
    people: tuple[int, ...]
    replaces: int | None = None


@dataclass
class Roster:
    """An on-call schedule, watched from before its first layer on, a quarter of an hour at a time."""

    pk: int
    name: str
    watchers: list[Watcher]
    at: datetime
    overrides: list[Override] = field(default_factory=list)
    turns: list[tuple[int, ...]] = field(default_factory=list)

    def find_on_call(self, now: datetime, active: Callable[[Iterable[int]], tuple[int, ...]]) -> tuple[int, ...]:
        """Return who is on call now. Times never go back."""
        while self.at <= now:
            self.turns = [watcher.look(self.at) for watcher in self.watchers]
            self.at += 15 * MINUTE
        people: tuple[int, ...] = next((there for each in reversed(self.turns) if (there := active(each))), ())
        for override in self.overrides:
            if override.start <= now < override.end and (there := active(override.people)):
                people = take_over(people, there, override.replaces)
        return people


@dataclass
class Directory:
    """Everybody, by id."""

    people: dict[int, Person]
    teams: dict[int, tuple[int, ...]]
    channels: dict[int, Channel]
    rosters: dict[int, Roster] = field(default_factory=dict)
    turns: dict[tuple[str, tuple[int, ...]], int] = field(default_factory=dict)

    def reach(self, step: Step, policy: str, now: datetime) -> list[Contact]:
        """Return whom a step of a policy reaches now."""
        match step.kind:
            case StepKind.CHANNEL:
                channels = [self.channels[pk] for pk in step.targets if self.channels[pk].is_on]
                return [Contact(address, channel=channel.pk) for channel in channels for address in channel.addresses]
            case StepKind.SCHEDULE:
                return [contact for pk in step.targets for contact in self.list_on_call(pk, now)]
            case StepKind.TEAM:
                chosen = self.keep_active(pk for team in step.targets for pk in self.teams[team])
            case StepKind.ROUND_ROBIN:
                chosen = self.keep_active(sorted(step.targets))
                if chosen:
                    turn = self.turns.get((policy, chosen), 0)
                    self.turns[policy, chosen] = turn + 1
                    chosen = (chosen[turn % len(chosen)],)
            case _:
                chosen = self.keep_active(step.targets)
        nobody = Contact(f"nobody: {policy}, {now:%H:%M:%S}", is_out_of_reach=True)
        return [self.find_contact(pk) for pk in chosen] or [nobody]

    def list_on_call(self, pk: int, now: datetime) -> list[Contact]:
        """Return who is on call now in a schedule; nobody is somebody who can't be reached."""
        roster = self.rosters[pk]
        people = roster.find_on_call(now, self.keep_active)
        nobody = Contact(f"on call: {roster.name}", is_out_of_reach=True)
        return [self.find_contact(each)._replace(roster=pk) for each in people] or [nobody]

    def keep_active(self, people: Iterable[int]) -> tuple[int, ...]:
        """Return those whose account is on."""
        return tuple(pk for pk in people if self.people[pk].is_active)

    def find_contact(self, pk: int) -> Contact:
        """Return how a person is reached."""
        person = self.people[pk]
        return Contact(person.email or person.name, person=pk, is_out_of_reach=not person.email)

    def is_gone(self, contact: Contact) -> bool:
        """Whether its channel is off or its person has left."""
        if contact.channel:
            return not self.channels[contact.channel].is_on
        return bool(contact.person) and not self.people[contact.person].is_active
