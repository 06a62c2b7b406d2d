"""One turn of telling: what holds messages back is found out, then every group that is due looks at its alerts.

All state is in rows, and a group is handled in one transaction under its row lock: its messages are queued, or nothing
happened. Turns that meet skip each other's groups; a turn that dies is continued by the next.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from django.db import transaction
from django.db.models import Window
from django.db.models.functions import RowNumber

from alerts.channel_limits import Held
from alerts.destinations import read_plan
from alerts.dispatch import Known, Member, Notice, Reason, find_next_look, find_notice
from alerts.enums import AlertState, GroupState, Severity
from alerts.models import Alert, AlertGroup, GroupMember
from alerts.models import Notice as NoticeRow
from alerts.recipients import Recipient, Way, merge_ways, recipient_of_told
from alerts.runs import has_listened
from alerts.services.alerts import expire_acknowledgements
from alerts.services.escalating import escalate, find_worst
from alerts.services.failing import tell_owners_of_failures
from alerts.services.guarding import guard, only_one
from alerts.services.holding import Holds, find_holds, keep_holds
from alerts.services.incoming import expire_alerts
from alerts.services.limiting import (
    Gate,
    Presence,
    defer,
    find_next_deferred,
    forget_deferred,
    rename_deferred,
    take_deferred,
)
from alerts.services.reaching import HandOver, follow_moves, hand_over, read_secrets
from alerts.services.reminding import remind_of_acknowledgements
from alerts.services.telling import Bulletin, Press
from config.outbox.services import publish

logger = logging.getLogger(__name__)

#: A group whose messages can't be written is tried again after this long, so that it does not stop the others.
BROKEN_GROUP_WAITS = timedelta(minutes=1)
#: Groups of one round: holds are not too old for the last of them, and whoever fires a thousand groups at once lets the
#: others of other applications through after these.
MAX_GROUPS = 50
#: Rounds of one turn; what is left is due in the next.
MAX_ROUNDS = 100
LOCK_KEY = 0x74656C6C
"""The advisory lock of the turn that is being taken."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn did."""

    groups: int
    notices: int
    failed: int


def take_turn(*, now: datetime) -> Turn:
    """Look at every group that is due; return what was done. Turns that meet leave the work to the first.

    So what holds messages back is never written from an older moment than what stands there.
    """
    with only_one(LOCK_KEY) as is_ours:
        if not is_ours:
            return Turn(0, 0, 0)
        for part in (_let_expire, expire_acknowledgements):
            guard(part.__name__, partial(part, now=now))
        turn = _look_at_all(now)
        for part in (remind_of_acknowledgements, tell_owners_of_failures):
            guard(part.__name__, partial(part, now=now))
    return turn


def _look_at_all(now: datetime) -> Turn:
    """Look at due groups, round by round, each with what holds alerts at its beginning."""
    looked: set[int] = set()
    notices, failed = 0, 0
    for _ in range(MAX_ROUNDS):
        holds = find_holds(now=now)
        guard("keep_holds", partial(keep_holds, holds=holds, now=now))
        batch = _list_due(now, looked)
        for group_id in batch:
            try:
                queued = look_at_group(group_id=group_id, holds=holds, now=now)
            except Exception:
                # The outermost edge of one group: whatever goes wrong with it must not stop the others.
                logger.exception("group %s of alerts could not be told of", group_id)
                later = now + BROKEN_GROUP_WAITS
                AlertGroup.objects.filter(pk=group_id, state=GroupState.OPEN, due_at__lte=now).update(due_at=later)
                failed += 1
                queued = 0
            if queued is not None:
                looked.add(group_id)
                notices += queued
        if len(batch) < MAX_GROUPS and looked.issuperset(batch):
            break
    return Turn(len(looked) - failed, notices, failed)


def _list_due(now: datetime, looked: Iterable[int]) -> list[int]:
    """Return the groups of a round: of each application the longest due first, the applications by turns."""
    due = AlertGroup.objects.filter(state=GroupState.OPEN, due_at__lte=now).exclude(pk__in=looked)
    place = Window(RowNumber(), partition_by="application_id", order_by=["due_at", "pk"])
    fair = due.annotate(place=place).order_by("place", "due_at", "pk")
    return list(fair.values_list("pk", flat=True)[:MAX_GROUPS])


def _let_expire(*, now: datetime) -> None:
    if has_listened(now=now):
        expire_alerts(now=now)


@transaction.atomic
def look_at_group(*, group_id: int, holds: Holds, now: datetime) -> int | None:
    """Queue what a due group has to say and take the steps of its escalation that are due; return how many messages.

    None: an alert joined it after holds were found out, so they have to be found out anew first.
    """
    group = (
        AlertGroup.objects.select_for_update(skip_locked=True)
        .filter(pk=group_id, state=GroupState.OPEN, due_at__lte=now)
        .first()
    )
    if group is None:
        return 0
    rows = list(group.members.filter(is_done=False).select_related("alert__rule", "alert__application").order_by("pk"))
    if any(row.alert.state == AlertState.FIRING and not holds.knows(row.alert_id) for row in rows):
        return None
    rows = _supersede(group, rows)
    members = [_describe(row, holds) for row in rows]
    was_look = group.look_at <= now
    sent = _tell(group, rows, members, now)
    if was_look:
        _finish(group, rows, now)
    group.save()
    return sent


def _tell(group: AlertGroup, rows: Sequence[GroupMember], members: Sequence[Member], now: datetime) -> int:
    timings, _ = read_plan(group.plan)
    known = Known(frozenset(group.known_firing), group.notified_at)
    is_look = group.look_at <= now
    if not is_look:
        # Between two looks, what the group has not spoken of yet does not exist: the next look announces it to everybody.
        members = [one for one in members if not one.is_firing or one.alert_id in known.firing]
    notice = find_notice(members=members, known=known, repeat=timings.repeat, now=now) if is_look else None
    if is_look:
        group.look_at = find_next_look(looked_at=group.look_at, interval=timings.interval, now=now)
    engaged = [recipient_of_told(told) for told in group.engaged]
    severity = find_worst(rows, members)
    change = hand_over(engaged, severity=severity, now=now) if notice is not None else HandOver()
    if notice is not None and group.step_at is None and not change.fresh and not _is_anybody_left(engaged, change):
        # It reached nobody so far, or all of them are gone since: whoever can be reached by now is called.
        group.covered = []
    called = merge_ways(escalate(group, rows, members, severity, now) if is_look or group.step_at is not None else [])
    if notice is not None and notice.reason is Reason.RESOLVED:
        # An end calls nobody.
        change = replace(change, fresh=())
    everyone = merge_ways([*engaged, *change.fresh, *called])
    # Who has no way to be reached is noted once and not told again; channels may be mended meanwhile.
    group.engaged = [one.as_told() for one in everyone if one.channel_id or not one.obstacle]
    firing = frozenset(one.alert_id for one in members if one.is_firing and not one.is_held)
    sent = 0
    if notice is not None:
        called_keys = frozenset(each.key for each in called)
        others = _list_others_told(rows, notice.resolved, everyone)
        sent = _queue(
            group,
            notice,
            [*everyone, *others],
            rows,
            now,
            called=called_keys,
            relieved=change.relieved,
            for_ends=frozenset(each.key for each in others),
        )
        # What is held now stays known: whether it is told of anew is decided when nothing holds it any more.
        held = frozenset(one.alert_id for one in members if one.is_firing and one.is_held) & known.firing
        group.known_firing, group.notified_at = sorted(notice.firing | held), now
    elif called and firing:
        sent = _queue(group, Notice(Reason.ESCALATION, firing, frozenset()), called, rows, now)
    sent += _tell_deferred(group, firing, rows, severity, now)
    group.due_at = min(at for at in (group.look_at, group.step_at, find_next_deferred(group)) if at is not None)
    return sent


def _list_others_told(
    rows: Iterable[GroupMember], resolved: frozenset[int], everyone: Iterable[Recipient]
) -> list[Recipient]:
    """Return who was told of what is over without being one of a group's people: whoever was reminded of it."""
    known = {each.key for each in everyone}
    told = [recipient_of_told(one) for row in rows if row.alert_id in resolved for one in row.told]
    return merge_ways(each for each in told if each.key not in known)


def _is_anybody_left(engaged: Sequence[Recipient], change: HandOver) -> bool:
    """Say whether anybody whom a group told can still be told of something new."""
    if not engaged:
        return False
    presence, complete = Presence(engaged, relieved=change.relieved), read_secrets(engaged)
    return any(presence.find_gone(each) is None and not complete(each).obstacle for each in engaged)


def _tell_deferred(
    group: AlertGroup, firing: frozenset[int], rows: Sequence[GroupMember], severity: Severity, now: datetime
) -> int:
    """Tell those who were not told yet, for quiet hours or a rate limit, what still fires, unless somebody looks after it."""
    news = [row for row in rows if row.alert_id in firing and row.alert.acknowledged_at is None]
    taken = [
        each
        for each in take_deferred(group, now)
        if any(each.recipient.key not in _told_keys(row) or row.alert_id in each.news for row in news)
    ]
    due = [each.recipient for each in taken]
    # The way on which it waited may be closed by now, and another one to the same address open.
    waited = {each.key for each in due}
    others = [each for each in map(recipient_of_told, group.engaged) if each.key in waited]
    kept = {each.recipient.key: each.news for each in taken}
    ways = merge_ways([*due, *others])
    change = follow_moves(ways, severity) if ways else HandOver()
    fresh = [each for each in change.fresh if any(each.key not in _told_keys(row) for row in news)]
    notice = Notice(Reason.LATER, firing, frozenset())
    return _queue(group, notice, merge_ways([*ways, *fresh]), rows, now, kept=kept, relieved=change.relieved)


def _queue(
    group: AlertGroup,
    notice: Notice,
    recipients: Sequence[Recipient],
    rows: Sequence[GroupMember],
    now: datetime,
    *,
    called: frozenset[tuple[str, str]] = frozenset(),
    relieved: Mapping[Way, str] = MappingProxyType({}),
    for_ends: frozenset[tuple[str, str]] = frozenset(),
    kept: Mapping[tuple[str, str], frozenset[int]] = MappingProxyType({}),
) -> int:
    """Queue one message for each address, about what fires and about the ends of what that recipient was told of.

    `called` are the keys of those whom the policy reaches now: they are told although they know what fires. Those of
    `for_ends` hear of ends alone. `kept` is what was news to those who waited, by their keys: it stays so if they go on waiting.
    """
    firing = [row for row in rows if row.alert_id in notice.firing]
    ended = [row for row in rows if row.alert_id in notice.resolved]
    secrets = read_secrets(recipients)
    ready = [secrets(each) for each in recipients]
    gate = Gate(ready, now=now, relieved=relieved)
    plans = [
        plan
        for each in gate.choose_ways(ready, [row.alert for row in firing])
        if (
            plan := _Plan(each, _pick_told(each, ended), is_for_ends=True)
            if each.key in for_ends
            else _plan(notice, each, firing, ended, gate, is_called=each.key in called)
        )
    ]
    # What these people know already may be told of anew, because it became worse.
    news = notice.firing - set(group.known_firing) if notice.reason in {Reason.FIRST, Reason.ADDED} else frozenset()
    for plan in plans:
        if plan.held is not None and plan.held.until is not None:
            also = kept.get(plan.recipient.key, frozenset())
            defer(group, plan.recipient, plan.held.until, news=news | also)
    if notice.reason is Reason.LATER:
        # Whoever goes on waiting was noted when the wait began; who is gone by now was not.
        plans = [plan for plan in plans if plan.held is None or plan.held.until is None]
    if not plans:
        return 0
    group.notice_count += 1
    stored = NoticeRow.objects.create(
        group=group,
        number=group.notice_count,
        at=now,
        reason=notice.reason,
        firing=sorted(notice.firing),
        resolved=sorted(notice.resolved),
    )
    press, told, sent = Press(), [], 0
    for plan in plans:
        bulletin = Bulletin(
            notice_id=stored.pk,
            group=group,
            reason=notice.reason,
            firing=[row.alert for row in firing],
            resolved=[row.alert for row in plan.ended],
            at=now,
        )
        if plan.is_for_ends:
            bulletin = replace(bulletin, firing=[])
        elif plan.held is not None:
            # The ends of what it was told of go out all the same.
            press.queue(replace(bulletin, resolved=[]), recipient=plan.recipient, held_because=plan.held.reason)
            bulletin = replace(bulletin, firing=[])
        elif not plan.recipient.obstacle:
            told.append(plan.recipient)
            if plan.is_news:
                gate.count(plan.recipient, stored)
                forget_deferred(group, plan.recipient)
        if bulletin.alerts:
            press.queue(bulletin, recipient=plan.recipient, is_whole=plan.held is None and not plan.is_for_ends)
            sent += 1
    _remember_told(firing, told)
    return sent


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one recipient of a notice hears of: the alerts that fire, unless they are held or not for it, and these that ended."""

    recipient: Recipient
    ended: Sequence[GroupMember]
    held: Held | None = None
    is_news: bool = False
    is_for_ends: bool = False


def _plan(
    notice: Notice,
    recipient: Recipient,
    firing: Sequence[GroupMember],
    ended: Sequence[GroupMember],
    gate: Gate,
    *,
    is_called: bool,
) -> _Plan | None:
    """Return what a recipient hears of, None if nothing is new to it."""
    over = _pick_told(recipient, ended)
    is_known = all(recipient.key in _told_keys(row) for row in firing)
    if notice.reason is Reason.RESOLVED and is_known and not is_called:
        # What fires is known: it stands beside the news, if there are any.
        return _Plan(recipient, over) if over else None
    held = gate.judge(recipient, [row.alert for row in firing]) if firing else None
    if notice.reason is Reason.RESOLVED and held is not None and held.until is None and not over:
        # Who is gone, or no longer on call, has nothing to do with it.
        return None
    return _Plan(recipient, over, held, is_news=bool(firing))


def _pick_told(recipient: Recipient, rows: Sequence[GroupMember]) -> list[GroupMember]:
    return [row for row in rows if recipient.key in _told_keys(row)]


def _remember_told(rows: Iterable[GroupMember], recipients: Sequence[Recipient]) -> None:
    changed = []
    for row in rows:
        keys = _told_keys(row)
        if added := [recipient.as_told() for recipient in recipients if recipient.key not in keys]:
            row.told = row.told + added
            changed.append(row)
    GroupMember.objects.bulk_update(changed, ["told"])


def _told_keys(row: GroupMember) -> set[tuple[str, str]]:
    return {recipient_of_told(told).key for told in row.told}


def _finish(group: AlertGroup, rows: Sequence[GroupMember], now: datetime) -> None:
    """Let go of alerts that are over, which this look told whoever had to know, and close the group when none is left."""
    over = [row for row in rows if row.alert.state != AlertState.FIRING]
    GroupMember.objects.filter(pk__in=[row.pk for row in over]).update(is_done=True)
    if len(over) == len(rows):
        group.state, group.closed_at, group.step_at = GroupState.CLOSED, now, None
        publish(
            type="alert.group_closed",
            payload={"group_id": group.pk, "policy": group.policy_name},
            application_id=group.application_id,
        )


def _supersede(group: AlertGroup, rows: list[GroupMember]) -> list[GroupMember]:
    """Let an alert take the place of earlier ones of the same series that ended since the last message.

    Its people know it as firing, so they are not told twice; unless someone had acknowledged an earlier one, because an
    acknowledgement ends with its alert.
    """
    ended: dict[tuple[int | None, str, int, str], list[GroupMember]] = defaultdict(list)
    for row in rows:
        alert = row.alert
        # That data came back is news of its own, also where the condition is met then.
        # So is that it is worse, or called otherwise: then the earlier one ends for whoever knows it.
        what = f"{alert.source}/{alert.cause}/{alert.severity}/{alert.name}"
        identity = (alert.rule_id, what, alert.application_id, alert.fingerprint)
        if alert.state != AlertState.FIRING:
            ended[identity].append(row)
        elif earlier := ended.pop(identity, []):
            _take_over(group, earlier, row)
    return [row for row in rows if not row.is_done]


def _take_over(group: AlertGroup, earlier: Sequence[GroupMember], row: GroupMember) -> None:
    stays_known = all(each.alert.acknowledged_at is None for each in earlier)
    replaced = {each.alert_id for each in earlier}
    for each in earlier:
        keys = _told_keys(row)
        row.told = row.told + [told for told in each.told if recipient_of_told(told).key not in keys]
        each.is_done = True
    if stays_known:
        for name in ("known_firing", "covered"):
            ids = getattr(group, name)
            setattr(group, name, sorted({row.alert_id if each in replaced else each for each in ids}))
        rename_deferred(group, replaced, row.alert_id)
    row.save(update_fields=["told"])
    GroupMember.objects.bulk_update(earlier, ["is_done"])


def _describe(row: GroupMember, holds: Holds) -> Member:
    alert: Alert = row.alert
    return Member(
        alert_id=row.alert_id,
        is_firing=alert.state == AlertState.FIRING,
        is_held=holds.holds(row.alert_id),
        is_outshone=holds.waits_for_another(row.alert_id),
        is_acknowledged=alert.acknowledged_at is not None,
        was_told=bool(row.told),
    )
