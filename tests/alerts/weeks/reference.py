"""What people have to be told, worked out anew from docs/alerts.md: plain, slow, and with no code of the product's.

It is handed what happened (an alert began, somebody acknowledged it) and says after each turn which messages that means and
when each group is due next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from typing import Any

from tests.alerts.weeks.directory import Contact, Directory
from tests.alerts.weeks.holding import Holding, Reasons
from tests.alerts.weeks.records import Alert, Group, Member, News, Plan, Told, walk_through

RESOLVED = "alerts resolved"
LATER = "held back until now"
#: What holds an alert because another one says more.
BY_ANOTHER = {"inhibition", "component"}


@dataclass
class Reference:
    """Everything there is, and what people were told in a turn."""

    directory: Directory
    holding: Holding
    destinations: dict[str, list[Plan]] = field(default_factory=dict)
    alerts: dict[int, Alert] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    held: Reasons = field(default_factory=dict)
    freed: set[int] = field(default_factory=set)
    quieted: set[int] = field(default_factory=set)
    told: list[Told] = field(default_factory=list)

    # What happens.

    def begin(self, alert: Alert, find_group: Callable[[str, dict[str, str], int | None], int]) -> None:
        """Note that an alert fires; `find_group` names the group of a destination, of labels and of an application."""
        self.alerts[alert.pk] = alert
        self.holding.past.setdefault(alert.series, []).append(alert)
        for plan in self.destinations[alert.name]:
            labels = {name: alert.labels[name] for name in plan.group_by}
            owner = alert.application if "application" in plan.group_by else None
            pk = find_group(plan.key, labels, owner)
            if pk not in self.groups:
                first = alert.fired_at + plan.wait
                self.groups[pk] = Group(pk, plan, labels, owner, alert.fired_at, first, first)
            group = self.groups[pk]
            assert group.is_open
            assert (group.plan, group.labels, group.owner) == (plan, labels, owner)
            group.members.append(Member(alert, alert.fired_at))

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
        before, self.held = self.held, self.holding.find_held(self.alerts.values(), now)
        self.freed = before.keys() - self.held.keys()
        self.quieted = _list_quiet(before) - _list_quiet(self.held)
        self._release(now)
        for group in self._list_due(now):
            self._look(group, now)
        self._remind(now)
        return self.told

    def open_groups(self) -> list[Group]:
        """Return the groups that something can still be said of."""
        return [group for group in self.groups.values() if group.is_open]

    def _list_due(self, now: datetime) -> list[Group]:
        """The applications take turns; of each the group that has been due the longest is the first."""
        queues: dict[int | None, list[Group]] = {}
        for group in sorted(self.open_groups(), key=_order):
            if group.due_at <= now:
                queues.setdefault(group.owner, []).append(group)
        rounds = zip_longest(*queues.values())
        return [group for each in rounds for group in sorted(filter(None, each), key=_order)]

    def _groups_of(self, pks: set[int]) -> list[Group]:
        return [group for group in self.open_groups() if any(member.alert.pk in pks for member in group.rows)]

    def _release(self, now: datetime) -> None:
        """What nothing holds any more is looked at at once. It is news if somebody had wanted it quiet, or if it was never told.

        For who looks after it, it is none.
        """
        for group in self.open_groups():
            rows = [row for row in group.rows if row.alert.is_firing and row.alert.pk in self.freed | self.quieted]
            news = {row.alert.pk for row in rows if row.alert.pk in self.quieted or not row.told}
            group.known -= {pk for pk in news if self.alerts[pk].acknowledged_by is None}
            group.attended -= news
            if any(row.alert.pk in self.freed for row in rows):
                group.look_at = min(group.look_at, max(now, group.opened_at + group.plan.wait))
                group.due_at = min(group.due_at, group.look_at)

    def _remind(self, now: datetime) -> None:
        """Whoever looks after what fires is reminded; not while something holds it."""
        for alert in self.alerts.values():
            groups = self._groups_of({alert.pk})
            if not alert.is_firing or alert.remind_at is None or alert.remind_at > now or alert.pk in self.held:
                continue
            alert.remind_at = now + min(group.plan.reminder for group in groups if group.plan.reminder)
            person = alert.acknowledged_by or 0
            contacts = [self.directory.find_contact(each) for each in self.directory.keep_active([person])]
            messages = frozenset(
                (each.address, _name_state(each), frozenset({alert.pk}), frozenset()) for each in contacts
            )
            first = min(groups, key=lambda group: group.pk)
            for row in first.rows:
                row.told |= {each.address for each in contacts if not each.is_out_of_reach and row.alert is alert}
            self.told.append(Told(first.pk, "acknowledged and still firing", messages))

    def _look(self, group: Group, now: datetime) -> None:
        _supersede(group)
        rows, plan = group.rows, group.plan
        is_look = group.look_at <= now
        seen = [each for each in rows if is_look or not each.alert.is_firing or each.alert.pk in group.known]
        firing = frozenset(each.alert.pk for each in seen if each.alert.is_firing and each.alert.pk not in self.held)
        over = frozenset(each.alert.pk for each in seen if not each.alert.is_firing and each.told)
        reason = self._find_reason(group, firing, over, now) if is_look else ""
        while group.look_at <= now:
            group.look_at += plan.interval
        coming, leaving = self._hand_over(group, now) if reason else (set(), set())
        left = coming | {each for each in group.engaged - leaving if not self.directory.is_gone(each)}
        if reason and not left and group.step_at is None:
            group.attended = set()
        called = set(self._call(group, seen, now) if is_look or group.step_at is not None else [])
        if reason:
            everybody = group.engaged | called | (coming if reason != RESOLVED else set())
            self._send(group, News(reason, firing, over), everybody, now, called=called, leaving=leaving)
            held = {each.alert.pk for each in seen if each.alert.is_firing} - firing
            group.known, group.notified_at = {*firing, *(held & group.known)}, now
        else:
            everybody = group.engaged | called
            if called and firing:
                self._send(group, News("escalation", firing), called, now, called=called)
        group.engaged = {contact for contact in everybody if not contact.is_out_of_reach}
        self._send_deferred(group, firing, now)
        waits = [until for until, _ in group.deferred.values()]
        group.due_at = min([group.look_at, *waits, *([group.step_at] if group.step_at else [])])
        if is_look:
            for member in rows:
                member.is_done = not member.alert.is_firing
            group.is_open = any(member.alert.is_firing for member in rows)

    def _find_reason(self, group: Group, firing: frozenset[int], over: frozenset[int], now: datetime) -> str:
        if group.notified_at is None:
            return "first notification" if firing else ""
        if firing - group.known:
            return "new alerts"
        if over:
            return RESOLVED
        is_cared_for = all(self.alerts[pk].acknowledged_by is not None for pk in firing)
        return "repeat interval elapsed" if not is_cared_for and now - group.notified_at >= group.plan.repeat else ""

    def _call(self, group: Group, seen: list[Member], now: datetime) -> list[Contact]:
        """Take the steps that are due, as long as something fires that nothing holds and nobody looks after."""
        needy = {
            each.alert.pk
            for each in seen
            if each.alert.is_firing and each.alert.pk not in self.held and each.alert.acknowledged_by is None
        }
        if not needy:
            waiting = {
                each.alert.pk
                for each in seen
                if each.alert.is_firing
                and self.held.get(each.alert.pk, {"none"}) <= BY_ANOTHER
                and each.alert.acknowledged_by is None
            }
            group.attended &= waiting
            group.step_at = max(group.step_at, group.look_at) if group.attended and group.step_at else None
            return []
        if self._is_worse(needy - group.attended, than=needy & group.attended):
            group.walk = walk_through(group.plan.steps, lambda since: _count(group, since))
            next(group.walk)
        elif group.step_at is None or group.step_at > now:
            group.attended |= needy
            return []
        assert group.walk is not None
        steps, group.step_at = group.walk.send(now)
        group.attended |= needy
        return [contact for step in steps for contact in self.directory.reach(step, group.plan.name, now)]

    def _is_worse(self, pks: set[int], *, than: set[int]) -> bool:
        """Whether one of these alerts is worse than all of those."""
        how_bad = ["info", "warning", "critical"]
        worst = [max((how_bad.index(self.alerts[pk].severity) for pk in each), default=-1) for each in (pks, than)]
        return worst[0] > worst[1]

    def _hand_over(self, group: Group, now: datetime) -> tuple[set[Contact], set[Contact]]:
        """Return who is on call now and was not told for that, and who was and is not any more."""
        coming: set[Contact] = set()
        leaving: set[Contact] = set()
        for roster in {contact.roster for contact in group.engaged if contact.roster}:
            there = {each for each in self.directory.list_on_call(roster, now) if not each.is_out_of_reach}
            former = {contact for contact in group.engaged if contact.roster == roster}
            if there:
                coming |= there - former
                leaving |= former - there
        return coming, leaving

    def _send(
        self,
        group: Group,
        news: News,
        contacts: set[Contact],
        now: datetime,
        *,
        called: Iterable[Contact] = (),
        leaving: Iterable[Contact] = (),
        kept: dict[str, set[int]] | None = None,
    ) -> None:
        """Tell each address once, whatever leads to it."""
        reason, firing, over = news
        kept = kept or {}
        messages: set[Any] = set()
        told, counted = set(), set()
        for address in {contact.address for contact in contacts}:
            ways = {contact for contact in contacts if contact.address == address}
            ended = frozenset(row.alert.pk for row in group.rows if row.alert.pk in over and address in row.told)
            is_known = all(address in row.told for row in group.rows if row.alert.pk in firing)
            if reason == RESOLVED and is_known and not ways & set(called):
                if ended:
                    messages.add((address, "sent", firing, ended))
                continue
            staying = {each for each in ways if each not in leaving and not self.directory.is_gone(each)}
            reachable = {each for each in staying if not each.is_out_of_reach}
            free = {each for each in reachable if self._find_wait(each, firing, now) is None}
            way = max(free or reachable or staying or ways, key=_rank)
            until = self._find_wait(way, firing, now) if staying else None
            if until is not None:
                group.deferred[address] = until, way
                new = firing - group.known if reason in ("first notification", "new alerts") else set()
                group.news[address] = group.news.get(address, set()) | new | kept.get(address, set())
            if not staying or until is not None:
                is_concerned = staying or ended or reason != RESOLVED
                if is_concerned and not (reason == LATER and staying):
                    messages.add((address, "held", firing, frozenset()))
                if ended:
                    messages.add((address, "sent", frozenset(), ended))
                continue
            messages.add((address, _name_state(way), firing, ended))
            if not way.is_out_of_reach:
                told.add(address)
                group.deferred.pop(address, None)
                group.news.pop(address, None)
                counted |= {way.channel} - {0}
        # Whoever was only reminded of something hears of its end alone.
        over_rows = [row for row in group.rows if row.alert.pk in over]
        for address in {address for row in over_rows for address in row.told} - {each.address for each in contacts}:
            ended = frozenset(row.alert.pk for row in over_rows if address in row.told)
            messages.add((address, "sent", frozenset(), ended))
        for pk in counted:
            self.directory.channels[pk].sent.append(now)
        for row in group.rows:
            row.told |= told if row.alert.pk in firing else set()
        if messages:
            self.told.append(Told(group.pk, reason, frozenset(messages)))

    def _send_deferred(self, group: Group, firing: frozenset[int], now: datetime) -> None:
        """Make up for what was held back, as far as it still fires and nobody looks after it."""
        due = {address: contact for address, (until, contact) in group.deferred.items() if until <= now}
        news = {address: group.news.pop(address, set()) for address in due}
        for address in due:
            del group.deferred[address]
        rows = [row for row in group.rows if row.alert.pk in firing and row.alert.acknowledged_by is None]
        waiting = {
            due[address]
            for address in due
            if any(address not in row.told or row.alert.pk in news[address] for row in rows)
        }
        waiting |= {each for each in group.engaged if each.address in {one.address for one in waiting}}
        self._send(group, News(LATER, firing), waiting, now, kept=news)

    def _find_wait(self, way: Contact, firing: frozenset[int], now: datetime) -> datetime | None:
        """Return until when its channel holds back what fires."""
        if not way.channel or any(self.alerts[pk].severity == "critical" for pk in firing):
            return None
        return self.directory.channels[way.channel].find_wait(now)


def _supersede(group: Group) -> None:
    """An alert that ended and began again between two looks is the same one, unless somebody had acknowledged it."""
    by_series: dict[tuple[str, int, str], list[Member]] = {}
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
            for ids in (group.known, group.attended, *group.news.values()):
                if ids & replaced:
                    ids -= replaced
                    ids.add(last.alert.pk)


def _order(group: Group) -> tuple[datetime, int]:
    return group.due_at, group.pk


def _rank(contact: Contact) -> tuple[int, ...]:
    """A person's own way before a channel's, being named before being on call, the oldest before others."""
    return contact.person > 0, contact.roster == 0, -contact.channel, -contact.person, -contact.roster


def _list_quiet(held: Reasons) -> set[int]:
    """Return what is held for another reason than that another alert says more."""
    return {pk for pk, kinds in held.items() if set(kinds) - BY_ANOTHER}


def _count(group: Group, since: datetime) -> int:
    return sum(member.joined_at > since for member in group.members)


def _name_state(contact: Contact) -> str:
    return "not sent" if contact.is_out_of_reach else "sent"
