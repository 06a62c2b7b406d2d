"""What people have to be told, worked out anew from docs/alerts.md: plain, slow, and with no code of the product's.

It is handed what happened (an alert began, somebody acknowledged it) and says after each turn which messages that means and
when each group is due next. Clocks on the wall are watched minute by minute: a time has come once the clock has shown it or
a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from alerts.escalation import Step, StepKind
from tests.support.on_call import Watcher, take_over

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SEVERITIES = ("info", "warning", "critical")
EVERY_DAY = tuple(range(7))


@cache
def find_moment(wall: datetime, zone: str, *, is_end: bool = False) -> datetime:
    """Return when a clock first shows `wall` or later; as an end, the moment after it showed less for the last time."""
    clock = ZoneInfo(zone)
    utc = ZoneInfo("UTC")
    moments = [wall.replace(tzinfo=utc) + minutes * MINUTE for minutes in range(-15 * 60, 15 * 60)]
    shown = [moment.astimezone(clock).replace(tzinfo=None) for moment in moments]
    if is_end:
        return next(moment + MINUTE for moment, at in zip(reversed(moments), reversed(shown), strict=True) if at < wall)
    return next(moment for moment, at in zip(moments, shown, strict=True) if at >= wall)


class Hours(NamedTuple):
    """Hours of a clock on the wall, on some weekdays; over midnight if they end earlier than they begin."""

    start: time
    end: time
    zone: str
    weekdays: tuple[int, ...] = EVERY_DAY

    def find_stretches(self, now: datetime, *, end_is_last: bool = False) -> Iterable[tuple[datetime, datetime]]:
        """Yield those around a moment: from yesterday's to those of the next two weeks."""
        today = now.astimezone(ZoneInfo(self.zone)).date()
        for day in (today + number * DAY for number in range(-1, 16)):
            if day.weekday() in self.weekdays:
                last = day + DAY if self.end <= self.start else day
                start = find_moment(datetime.combine(day, self.start), self.zone)
                end = find_moment(datetime.combine(last, self.end), self.zone, is_end=end_is_last)
                if start < end:
                    yield start, end

    def find_end(self, now: datetime) -> datetime | None:
        """Return when they end that are on now; those that follow each other are one."""
        until = None
        for start, end in sorted(self.find_stretches(now)):
            if start <= (until or now) < end:
                until = end
        return until

    def find_opening(self, now: datetime) -> datetime:
        """Return when they begin next."""
        return min(start for start, _ in self.find_stretches(now) if start > now)


class Contact(NamedTuple):
    """An address, the channel that led to it (0: a person's own), and whether nothing can be sent to it."""

    address: str
    channel: int = 0
    is_out_of_reach: bool = False


@dataclass
class Channel:
    """Addresses with limits: at most so many messages in so many minutes; quiet for what is not critical."""

    pk: int
    addresses: tuple[str, ...]
    enabled: bool = True
    limit: tuple[int, timedelta] | None = None
    quiet: Hours | None = None
    sent: list[datetime] = field(default_factory=list)


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
    turn: int = 0


@dataclass
class Alert:
    """An alert that fires or fired."""

    pk: int
    series: tuple[str, str, str]
    severity: str
    fired_at: datetime
    is_firing: bool = True
    acknowledged_by: int | None = None
    acknowledged_until: datetime | None = None
    remind_at: datetime | None = None
    snoozed_until: datetime | None = None

    @property
    def name(self) -> str:
        """Name of its rule."""
        return self.series[0]

    @property
    def labels(self) -> dict[str, str]:
        """What makes groups and what silences look at."""
        return dict(zip(("alertname", "application", "host"), self.series, strict=True))


@dataclass
class Member:
    """An alert in a group, and who was told there that it fires."""

    alert: Alert
    joined_at: datetime
    told: set[str] = field(default_factory=set)
    is_done: bool = False


@dataclass
class Group:
    """Alerts that are told of together."""

    pk: int
    plan: Plan
    labels: dict[str, str]
    opened_at: datetime
    look_at: datetime
    due_at: datetime
    members: list[Member] = field(default_factory=list)
    known: set[int] = field(default_factory=set)
    notified_at: datetime | None = None
    engaged: dict[str, Contact] = field(default_factory=dict)
    deferred: dict[str, tuple[datetime, Contact]] = field(default_factory=dict)
    step_at: datetime | None = None
    attended: set[int] = field(default_factory=set)
    walk: Walk | None = None
    is_open: bool = True

    @property
    def rows(self) -> list[Member]:
        """Members of which something may be to be said."""
        return [member for member in self.members if not member.is_done]


class Told(NamedTuple):
    """One notice: its group, why it goes out, and its messages, each with what it says to whom and what became of it."""

    group: int
    reason: str
    messages: frozenset[tuple[str, str, frozenset[int], frozenset[int]]]


Walk = Generator[tuple[list[Step], datetime | None], datetime, None]


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
                hours = read_hours(step)
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


def read_hours(step: Step) -> Hours:
    """Return the hours of a step."""
    start, end = time.fromisoformat(step.start), time.fromisoformat(step.end)
    return Hours(start, end, step.zone, step.weekdays or EVERY_DAY)


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


@dataclass
class Reference:
    """Everything there is, and what people were told."""

    people: dict[int, Person]
    teams: dict[int, tuple[int, ...]]
    channels: dict[int, Channel]
    rosters: dict[int, Roster]
    destinations: dict[str, list[Plan]]
    inhibitions: list[tuple[str, str]]
    needs: dict[str, list[str]]
    alerts: dict[int, Alert] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    starts: dict[tuple[str, str, str], list[datetime]] = field(default_factory=dict)
    held: dict[int, set[str]] = field(default_factory=dict)
    dropped: set[tuple[int, int]] = field(default_factory=set)
    freed: set[int] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)

    # What happens.

    def begin(self, alert: Alert, find_group: Callable[[str, dict[str, str]], int]) -> None:
        """Note that an alert fires; `find_group` names the group of a destination and labels."""
        self.alerts[alert.pk] = alert
        self.starts.setdefault(alert.series, []).append(alert.fired_at)
        for plan in self.destinations[alert.name]:
            labels = {name: alert.labels[name] for name in plan.group_by}
            pk = find_group(plan.key, labels)
            if pk not in self.groups:
                first = alert.fired_at + plan.wait
                self.groups[pk] = Group(pk, plan, labels, alert.fired_at, first, first)
            assert self.groups[pk].is_open
            self.groups[pk].members.append(Member(alert, alert.fired_at))

    def acknowledge(self, pk: int, person: int, now: datetime) -> None:
        """Note that somebody looks after an alert; the most impatient of its groups' policies counts."""
        alert, plans = self.alerts[pk], [group.plan for group in self._groups_of({pk})]
        reminders = [plan.reminder for plan in plans if plan.reminder]
        expiries = [plan.expiry for plan in plans if plan.expiry]
        alert.acknowledged_by = person
        alert.remind_at = now + min(reminders) if reminders else None
        alert.acknowledged_until = now + min(expiries) if expiries else None

    def unacknowledge(self, pk: int, now: datetime) -> None:
        """Note that nobody looks after an alert any more: it is paged anew at once, where it was told of."""
        alert = self.alerts[pk]
        alert.acknowledged_by = alert.acknowledged_until = alert.remind_at = None
        for group in self._groups_of({pk}):
            if group.notified_at is not None:
                group.attended, group.step_at, group.due_at = set(), now, min(group.due_at, now)

    # What that means.

    def take_turn(self, now: datetime) -> list[Told]:
        """Return what is told now."""
        self.told = []
        for alert in list(self.alerts.values()):
            if alert.is_firing and alert.acknowledged_until is not None and alert.acknowledged_until <= now:
                self.unacknowledge(alert.pk, now)
        self._remind(now)
        before, self.held = self.held, self.find_held(now)
        self.freed = before.keys() - self.held.keys()
        self._release(now)
        for group in sorted(self.open_groups(), key=lambda each: (each.due_at, each.pk)):
            if group.due_at <= now:
                self._look(group, now)
        return self.told

    def open_groups(self) -> list[Group]:
        """Return the groups that something can still be said of."""
        return [group for group in self.groups.values() if group.is_open]

    def find_held(self, now: datetime) -> dict[int, set[str]]:
        """Return why alerts are held: those that nothing holds are not among them."""
        firing = [alert for alert in self.alerts.values() if alert.is_firing]
        found: dict[int, set[str]] = {alert.pk: set() for alert in firing}
        self.dropped = {pair for pair in self.dropped if self.alerts[pair[0]].is_firing}
        for alert in firing:
            for silence in self.silences:
                if silence.start <= now < silence.end and silence.labels.items() <= alert.labels.items():
                    found[alert.pk].add("silence")
            for window in self.windows:
                opened = window.find_open(now)
                if opened is not None and window.labels.items() <= alert.labels.items():
                    found[alert.pk].add("maintenance")
                    if window.drops and alert.fired_at >= opened:
                        self.dropped.add((alert.pk, window.pk))
            if alert.snoozed_until is not None and now < alert.snoozed_until:
                found[alert.pk].add("snooze")
            lately = [start for start in self.starts[alert.series] if now - timedelta(hours=2) < start <= now]
            if len(lately) >= 3 and now - alert.fired_at < 10 * MINUTE:
                found[alert.pk].add("flapping")
        for pk, window_pk in self.dropped:
            if not next(window for window in self.windows if window.pk == window_pk).is_cancelled:
                found[pk].add("maintenance")
        self._inhibit(firing, found)
        return {pk: reasons for pk, reasons in found.items() if reasons}

    def _inhibit(self, firing: list[Alert], found: dict[int, set[str]]) -> None:
        fires = {alert.series for alert in firing}
        for alert in firing:
            name, *place = alert.series
            if any((source, *place) in fires for source, target in self.inhibitions if target == name):
                found[alert.pk].add("inhibition")
        broken = {alert.name for alert in firing if "inhibition" not in found[alert.pk]}
        for alert in firing:
            if "inhibition" not in found[alert.pk] and broken & set(self.needs.get(alert.name, [])):
                found[alert.pk].add("component")

    def _groups_of(self, pks: set[int]) -> list[Group]:
        return [group for group in self.open_groups() if any(member.alert.pk in pks for member in group.rows)]

    def _release(self, now: datetime) -> None:
        """What nothing holds any more is news again at once, but for who looks after it."""
        still = {pk for pk in self.freed if self.alerts[pk].is_firing}
        news = {pk for pk in self.freed if self.alerts[pk].acknowledged_by is None}
        for group in self._groups_of(still):
            group.known -= news
            group.attended -= self.freed
            group.look_at = min(group.look_at, max(now, group.opened_at + group.plan.wait))
            group.due_at = min(group.due_at, group.look_at)

    def _remind(self, now: datetime) -> None:
        waiting = [alert for alert in self.alerts.values() if alert.is_firing and alert.remind_at is not None]
        for alert in sorted(waiting, key=lambda each: (each.remind_at, each.pk)):
            groups = self._groups_of({alert.pk})
            if alert.remind_at is None or alert.remind_at > now or not groups:
                continue
            alert.remind_at = now + min(group.plan.reminder for group in groups if group.plan.reminder)
            person = self.people[alert.acknowledged_by or 0]
            contacts = [self._contact(person)] if person.is_active else []
            messages = frozenset(
                (each.address, _name_state(each), frozenset({alert.pk}), frozenset()) for each in contacts
            )
            first = min(groups, key=lambda group: group.pk)
            self.told.append(Told(first.pk, "acknowledged and still firing", messages))

    def _look(self, group: Group, now: datetime) -> None:
        self._supersede(group)
        rows, plan = group.rows, group.plan
        is_look = group.look_at <= now
        seen = [each for each in rows if is_look or not each.alert.is_firing or each.alert.pk in group.known]
        firing = {each.alert.pk for each in seen if each.alert.is_firing and each.alert.pk not in self.held}
        over = {each.alert.pk for each in seen if not each.alert.is_firing and each.told}
        reason = self._find_reason(group, firing, over, now) if is_look else ""
        while group.look_at <= now:
            group.look_at += plan.interval
        if reason and not group.engaged and group.step_at is None:
            group.attended = set()
        called = self._call(group, seen, now) if is_look or group.step_at is not None else {}
        everybody = {**called, **group.engaged}
        group.engaged |= {
            address: contact
            for address, contact in called.items()
            if address not in group.engaged and not contact.is_out_of_reach
        }
        if reason:
            self._send(group, reason, firing, over, everybody, now)
            held = {each.alert.pk for each in seen if each.alert.is_firing} - firing
            group.known, group.notified_at = firing | (held & group.known), now
        elif called and firing:
            self._send(group, "escalation", firing, set(), called, now)
        self._send_deferred(group, firing, now)
        group.due_at = min(
            [
                group.look_at,
                *(until for until, _ in group.deferred.values()),
                *([group.step_at] if group.step_at else []),
            ]
        )
        if is_look:
            for member in rows:
                member.is_done = not member.alert.is_firing
            group.is_open = any(member.alert.is_firing for member in rows)

    def _find_reason(self, group: Group, firing: set[int], over: set[int], now: datetime) -> str:
        if group.notified_at is None:
            return "first notification" if firing else ""
        if firing - group.known:
            return "new alerts"
        if over:
            return "alerts resolved"
        is_cared_for = all(self.alerts[pk].acknowledged_by is not None for pk in firing)
        return "repeat interval elapsed" if not is_cared_for and now - group.notified_at >= group.plan.repeat else ""

    def _supersede(self, group: Group) -> None:
        """An alert that ended and began again between two looks is the same one, unless somebody had acknowledged it."""
        by_series: dict[tuple[str, str, str], list[Member]] = {}
        for member in group.rows:
            by_series.setdefault(member.alert.series, []).append(member)
        for members in by_series.values():
            *ended, last = members
            if not ended or not last.alert.is_firing:
                continue
            replaced = {member.alert.pk for member in ended}
            for member in ended:
                member.is_done = True
                last.told |= member.told
            if all(member.alert.acknowledged_by is None for member in ended):
                for ids in (group.known, group.attended):
                    if ids & replaced:
                        ids -= replaced
                        ids.add(last.alert.pk)

    def _call(self, group: Group, seen: list[Member], now: datetime) -> dict[str, Contact]:
        needy = {
            each.alert.pk
            for each in seen
            if each.alert.is_firing and each.alert.pk not in self.held and each.alert.acknowledged_by is None
        }
        if not needy:
            group.step_at, group.attended = None, set()
            return {}
        if not needy & group.attended:
            group.walk = walk_through(group.plan.steps, lambda since: _count(group, since))
            next(group.walk)
        elif group.step_at is None or group.step_at > now:
            group.attended |= needy
            return {}
        assert group.walk is not None
        steps, group.step_at = group.walk.send(now)
        group.attended |= needy
        contacts = [contact for step in steps for contact in self._reach(step, group, now)]
        return {contact.address: contact for contact in contacts}

    def _reach(self, step: Step, group: Group, now: datetime) -> list[Contact]:
        match step.kind:
            case StepKind.CHANNEL:
                channels = [self.channels[pk] for pk in step.targets if self.channels[pk].enabled]
                return [Contact(address, channel.pk) for channel in channels for address in channel.addresses]
            case StepKind.SCHEDULE:
                return [contact for pk in step.targets for contact in self._reach_on_call(self.rosters[pk], now)]
            case StepKind.TEAM:
                chosen = self.keep_active(pk for team in step.targets for pk in self.teams[team])
            case StepKind.ROUND_ROBIN:
                chosen = self.keep_active(sorted(step.targets))
                if chosen:
                    group.plan.turn += 1
                    chosen = (chosen[(group.plan.turn - 1) % len(chosen)],)
            case _:
                chosen = self.keep_active(step.targets)
        nobody = Contact(f"nobody: {group.plan.name}, {now:%H:%M:%S}", is_out_of_reach=True)
        return [self._contact(self.people[pk]) for pk in chosen] or [nobody]

    def _reach_on_call(self, roster: Roster, now: datetime) -> list[Contact]:
        people = roster.find_on_call(now, self.keep_active)
        nobody = Contact(f"on call: {roster.name}", is_out_of_reach=True)
        return [self._contact(self.people[pk]) for pk in people] or [nobody]

    def keep_active(self, people: Iterable[int]) -> tuple[int, ...]:
        """Return those whose account is on."""
        return tuple(pk for pk in people if self.people[pk].is_active)

    def _contact(self, person: Person) -> Contact:
        return Contact(person.email or person.name, is_out_of_reach=not person.email)

    def _send(
        self, group: Group, reason: str, firing: set[int], over: set[int], contacts: dict[str, Contact], now: datetime
    ) -> None:
        if not contacts:
            return
        messages: set[Any] = set()
        told, counted = set(), set()
        for contact in contacts.values():
            ended = frozenset(
                row.alert.pk for row in group.rows if row.alert.pk in over and contact.address in row.told
            )
            is_held, until = self._judge(contact, firing, now)
            if is_held:
                messages.add((contact.address, "held", frozenset(firing), frozenset()))
                if until is not None:
                    group.deferred[contact.address] = until, contact
            elif not contact.is_out_of_reach:
                told.add(contact.address)
                counted |= {contact.channel} if firing else set()
            heard = frozenset() if is_held else frozenset(firing)
            if heard or ended:
                messages.add((contact.address, _name_state(contact), heard, ended))
        for pk in counted - {0}:
            self.channels[pk].sent.append(now)
        for row in group.rows:
            row.told |= told if row.alert.pk in firing else set()
        self.told.append(Told(group.pk, reason, frozenset(messages)))

    def _send_deferred(self, group: Group, firing: set[int], now: datetime) -> None:
        due = {address: contact for address, (until, contact) in group.deferred.items() if until <= now}
        for address in due:
            del group.deferred[address]
        news = [row for row in group.rows if row.alert.pk in firing]
        waiting = {address: due[address] for address in due if any(address not in row.told for row in news)}
        self._send(group, "quiet hours over", firing, set(), waiting, now)

    def _judge(self, contact: Contact, firing: set[int], now: datetime) -> tuple[bool, datetime | None]:
        """Return whether limits of its channel hold what fires back, and until when if it is made up for."""
        channel = self.channels.get(contact.channel)
        if channel is None or not firing or any(self.alerts[pk].severity == "critical" for pk in firing):
            return False, None
        if channel.quiet is not None and (until := channel.quiet.find_end(now)) is not None:
            return True, until
        if channel.limit is None:
            return False, None
        count, span = channel.limit
        return sum(now - span < at <= now for at in channel.sent) >= count, None


def _count(group: Group, since: datetime) -> int:
    return sum(member.joined_at > since for member in group.members)


def _name_state(contact: Contact) -> str:
    return "not sent" if contact.is_out_of_reach else "sent"
