"""What must hold after every turn, each check named after it; they read what was really written, message by message."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from alerts.dispatch import Reason
from alerts.enums import TRANSITIONS, AlertState
from alerts.models import AlertGroup, AlertTransition, Hold, Notice
from config.deliveries.models import Delivery
from tests.alerts.weeks.records import Group, Told
from tests.alerts.weeks.reference import Reference

#: The summary of every alert, so that messages say which ones they are about: its value is its own.
SUMMARY = "No. {{ $value }}."
_NUMBER = re.compile(r"No\. (\d+)\.")


class Message(NamedTuple):
    """A message as it was written: who is told by which notice that what fires and what is over."""

    group: int
    reason: str
    at: datetime
    recipient: str
    state: str
    firing: frozenset[int]
    over: frozenset[int]


@dataclass
class Ledger:
    """What was read so far: nothing is read twice."""

    transition: int = 0
    notice: int = 0
    states: dict[int, str] = field(default_factory=lambda: defaultdict(lambda: "inactive"))
    alert_of_value: dict[int, int] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    ended: Counter[tuple[int, str, int]] = field(default_factory=Counter)

    def check_transition(self, step: AlertTransition) -> None:
        """Every alert goes only where the table of transitions leads."""
        assert self.states[step.alert_id] == step.from_state
        assert AlertState(step.to_state) in TRANSITIONS[AlertState(step.from_state)]
        self.states[step.alert_id] = step.to_state
        self.transition = step.pk
        if step.alert.value is not None:
            self.alert_of_value[int(step.alert.value)] = step.alert_id

    def read(self) -> tuple[list[Told], list[Message]]:
        """Return what was written since the last time, by notice and by message."""
        notices = list(Notice.objects.filter(pk__gt=self.notice).order_by("pk"))
        if not notices:
            return [], []
        rows: dict[str, list[Delivery]] = defaultdict(list)
        for row in Delivery.objects.filter(source="notice", source_id__in=[str(notice.pk) for notice in notices]):
            rows[row.source_id].append(row)
        told, messages = [], []
        for notice in notices:
            new = [self._read_message(notice, row) for row in rows[str(notice.pk)]]
            assert len({(each.recipient, each.state) for each in new}) == len(new), "one message to one recipient"
            told.append(Told(notice.group_id, notice.reason, frozenset(each[3:] for each in new)))
            messages += new
        self.notice = notices[-1].pk
        self.messages += messages
        return told, messages

    def _read_message(self, notice: Notice, row: Delivery) -> Message:
        firing, over = self._read_alerts(row)
        state = "sent"
        if row.state == "suppressed" and "newer" not in row.suppressed_because:
            assert row.suppressed_because, "whatever is not sent says why"
            state = "held" if row.idempotency_key.endswith(":held") else "not sent"
        return Message(notice.group_id, notice.reason, notice.at, row.recipient, state, firing, over)

    def _read_alerts(self, row: Delivery) -> tuple[frozenset[int], frozenset[int]]:
        """Return which alerts a message says fire, and which are over: as its reader finds them in it."""
        if row.payload and "alerts" in row.payload:
            found: dict[str, set[int]] = {"firing": set(), "resolved": set()}
            for alert in row.payload["alerts"]:
                found[alert["status"]] |= self._find(alert["annotations"]["summary"])
            return frozenset(found["firing"]), frozenset(found["resolved"])
        if "\nFiring:\n" in row.text or "\nResolved:\n" in row.text:
            _, _, body = row.text.partition("\n\n")
            firing, _, over = f"\n{body}".partition("\nResolved:\n")
            return self._find(firing), self._find(over)
        one = self._find(row.subject)
        return (frozenset(), one) if row.subject.startswith("Resolved") else (one, frozenset())

    def _find(self, text: str) -> frozenset[int]:
        return frozenset(self.alert_of_value[int(value)] for value in _NUMBER.findall(text))


def check_turn(ledger: Ledger, reference: Reference, *, now: datetime) -> None:
    """Everything that must hold after a turn."""
    told, messages = ledger.read()
    check_held(reference)
    _compare(_order(told), _order(reference.told))
    check_times(reference, now)
    check_nothing_is_told_while_held(messages, reference)
    check_acknowledged_are_left_alone(messages, reference)
    check_freed_are_told(ledger, reference, now)
    check_news_is_new(ledger, messages, reference)
    ledger.ended.update((each.group, each.recipient, pk) for each in messages for pk in each.over)


def _order(told: list[Told]) -> list[Told]:
    """Reminders that are due at one moment go out in any order, before everything else."""
    reminders = [each for each in told if each.reason == Reason.REMINDER]
    return sorted(reminders, key=str) + [each for each in told if each.reason != Reason.REMINDER]


def _compare(found: object, expected: object) -> None:
    """Both at full length: an explanation is worth more here than a short one."""
    assert found == expected, f"\nfound    {found}\nexpected {expected}"


def check_held(reference: Reference) -> None:
    """Exactly what is to be held is held, for the reasons that there are."""
    found: dict[int, set[str]] = defaultdict(set)
    for pk, kind in Hold.objects.filter(ended_at=None).values_list("alert_id", "kind"):
        found[pk].add(kind)
    _compare(found, reference.held)


def check_times(reference: Reference, now: datetime) -> None:
    """Open groups stand where they must, and none is due in the past."""
    rows = AlertGroup.objects.filter(state="open").order_by("pk").values_list("pk", "due_at", "look_at", "step_at")
    found = list(rows)
    _compare(found, sorted((each.pk, each.due_at, each.look_at, each.step_at) for each in reference.open_groups()))
    assert all(due > now for _, due, _, _ in found)


def check_nothing_is_told_while_held(messages: Iterable[Message], reference: Reference) -> None:
    """No message says of an alert that it fires while something holds it, but a reminder to who looks after it."""
    for each in messages:
        if each.reason != Reason.REMINDER:
            assert not each.firing & reference.held.keys()


def check_acknowledged_are_left_alone(messages: Iterable[Message], reference: Reference) -> None:
    """Nobody is called or told again for the sake of alerts that somebody looks after."""
    for each in messages:
        if each.reason in {"escalation", "repeat interval elapsed"}:
            assert any(reference.alerts[pk].acknowledged_by is None for pk in each.firing)


def check_freed_are_told(ledger: Ledger, reference: Reference, now: datetime) -> None:
    """What still fires when nothing holds it any more is told at that moment, wherever somebody can be told.

    But where people know it already: from before another alert outshone it, or from an earlier alert of the same series, of
    whose end nobody told them.
    """
    told = {(each.group, pk): each.at for each in ledger.messages for pk in each.firing}
    for pk in reference.freed:
        alert = reference.alerts[pk]
        if not alert.is_firing or alert.acknowledged_by is not None:
            continue
        for group in reference.groups.values():
            row = next((row for row in group.rows if row.alert is alert), None)
            if row is not None and _has_spoken_to_somebody(group, now):
                is_known = bool(row.told) and (pk not in reference.quieted or (group.pk, pk) not in told)
                assert is_known or told.get((group.pk, pk)) == now


def _has_spoken_to_somebody(group: Group, now: datetime) -> bool:
    return bool(group.engaged) and now >= group.opened_at + group.plan.wait


def check_news_is_new(ledger: Ledger, messages: Iterable[Message], reference: Reference) -> None:
    """Nobody is told the same twice, but by repetitions in their time, escalations and reminders."""
    for each in messages:
        earlier = [
            one
            for one in ledger.messages
            if (one.group, one.recipient) == (each.group, each.recipient) and one.at < each.at and one.state == "sent"
        ]
        plan = reference.groups[each.group].plan
        if each.state != "sent":
            continue
        if each.reason == "repeat interval elapsed":
            assert all(each.at - one.at >= plan.repeat for one in earlier if one.firing and one.reason in _LOOKS)
        if each.reason == "first notification":
            assert not [one for one in earlier if one.reason in _LOOKS]
        if each.reason == Reason.LATER and all(any(pk in one.firing for one in earlier) for pk in each.firing):
            # What nothing holds any more is news also to those who knew it, and the message with it was held back.
            assert [
                one
                for one in ledger.messages
                if (one.group, one.recipient, one.state) == (each.group, each.recipient, "held")
                and one.reason == "new alerts"
                and one.at >= max(known.at for known in earlier)
            ]
        if each.over:
            assert not each.over & {pk for one in earlier for pk in one.over}, "an end is told once"


#: Reasons of what goes to everybody who was ever called.
_LOOKS = frozenset({"first notification", "new alerts", "alerts resolved", "repeat interval elapsed"})


def check_end(ledger: Ledger, reference: Reference) -> None:
    """Every end went to exactly those who were told of the beginning, once; every group is closed; no key is there twice."""
    keys = list(Delivery.objects.values_list("idempotency_key", flat=True))
    assert len(keys) == len(set(keys))
    assert not reference.open_groups()
    assert not AlertGroup.objects.filter(state="open").exists()
    began: set[tuple[int, str, tuple[str, int, str]]] = set()
    ended: set[Any] = set()
    for each in ledger.messages:
        if each.state != "sent":
            continue
        began |= {(each.group, each.recipient, reference.alerts[pk].series) for pk in each.firing}
        ended |= {(each.group, each.recipient, reference.alerts[pk].series) for pk in each.over}
    assert began == ended
    assert all(count == 1 for count in ledger.ended.values())
