"""Who is told of new alerts at the moment a message is to go out: rate limits, quiet hours, and who is gone since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from alerts.channel_limits import Held, QuietHours, RateLimit, judge_message
from alerts.enums import Severity
from alerts.models import Alert, AlertGroup, Channel, ChannelMessage
from alerts.models import Notice as NoticeRow
from alerts.recipients import Recipient, Way, rank_way, recipient_of_told


class Presence:
    """Says who is still there of those whom a group told. It locks nothing."""

    def __init__(self, recipients: Iterable[Recipient], *, relieved: Mapping[Way, str] = MappingProxyType({})) -> None:
        """Read which of the recipients' channels are on, and which of the people are active.

        `relieved` are the ways by which nothing new is told any more, each with the reason.
        """
        self._relieved = relieved
        everyone = list(recipients)
        ids = {recipient.channel_id for recipient in everyone if recipient.channel_id}
        people = {recipient.person_id for recipient in everyone if recipient.person_id}
        self._on = set(Channel.objects.filter(pk__in=ids, enabled=True).values_list("pk", flat=True)) if ids else set()
        self._active = (
            set(get_user_model().objects.filter(pk__in=people, is_active=True).values_list("pk", flat=True))
            if people
            else set()
        )

    def find_gone(self, recipient: Recipient) -> Held | None:
        """Return why a recipient hears of nothing new any more, None if it does."""
        if recipient.channel_id and recipient.channel_id not in self._on:
            return Held(f"“{recipient.channel_name}” was switched off or deleted since it was first told")
        if recipient.person_id and recipient.person_id not in self._active:
            return Held(f"{recipient.channel_name} is no longer active")
        if why := self._relieved.get(recipient.way):
            return Held(why)
        return None


class Gate:
    """Judges one notice for each recipient it goes to, in the caller's transaction. Channels with a limit are locked."""

    def __init__(
        self, recipients: Iterable[Recipient], *, now: datetime, relieved: Mapping[Way, str] = MappingProxyType({})
    ) -> None:
        """Read limits and quiet hours of the recipients' channels, what went out lately, and who is still there.

        `relieved`: see Presence.
        """
        self._now = now
        everyone = list(recipients)
        self._presence = Presence(everyone, relieved=relieved)
        ids = {recipient.channel_id for recipient in everyone if recipient.channel_id}
        bounded = Channel.objects.filter(pk__in=ids).filter(Q(limit_count__isnull=False) | Q(quiet_from__isnull=False))
        self._channels = (
            {channel.pk: channel for channel in bounded.select_for_update(of=("self",)).order_by("pk")} if ids else {}
        )
        self._sent: dict[int, list[datetime]] = defaultdict(list)
        limited = {pk: limit for pk, channel in self._channels.items() if (limit := limit_of(channel))}
        if limited:
            since = now - max(limit.window for limit in limited.values())
            lately = ChannelMessage.objects.filter(channel__in=limited, at__gt=since)
            for channel_id, at in lately.values_list("channel_id", "at"):
                self._sent[channel_id].append(at)

    def choose_ways(self, recipients: Sequence[Recipient], firing: Sequence[Alert]) -> list[Recipient]:
        """Return each address once, by the best of the ways to it: one that is open, else one that will be, else any.

        Of several that are, see rank_way.
        """
        ranked = [((*self._rank(each, firing), *rank_way(each)), each) for each in recipients]
        best: dict[tuple[str, str], tuple[tuple[int, ...], Recipient]] = {}
        for rank, each in ranked:
            if each.key not in best or rank > best[each.key][0]:
                best[each.key] = rank, each
        return [each for _, each in best.values()]

    def _rank(self, recipient: Recipient, firing: Sequence[Alert]) -> tuple[bool, bool, bool]:
        """Say of a way whether whoever it is for is still there, whether it leads anywhere, and whether it is open now."""
        return (
            self._presence.find_gone(recipient) is None,
            not recipient.obstacle,
            self.judge(recipient, firing) is None,
        )

    def judge(self, recipient: Recipient, firing: Sequence[Alert]) -> Held | None:
        """Return why a recipient is not told now that alerts fire, None if it is."""
        if gone := self._presence.find_gone(recipient):
            return gone
        channel = self._channels.get(recipient.channel_id)
        if channel is None or not firing:
            return None
        severity = max((Severity(alert.severity) for alert in firing), key=list(Severity).index)
        return judge_message(
            severity=severity.value,
            now=self._now,
            limit=limit_of(channel),
            # What this very notice sent to others of the channel is the same message.
            sent=self._sent[channel.pk],
            quiet=quiet_hours_of(channel),
        )

    def count(self, recipient: Recipient, notice: NoticeRow) -> None:
        """Count a notice that a recipient is told of, once for its channel."""
        channel = self._channels.get(recipient.channel_id)
        if channel is not None and limit_of(channel) is not None:
            ChannelMessage.objects.get_or_create(channel=channel, notice=notice, defaults={"at": self._now})


def limit_of(channel: Channel) -> RateLimit | None:
    """Return a channel's rate limit, None if it has none."""
    if channel.limit_count is None or channel.limit_minutes is None:
        return None
    return RateLimit(channel.limit_count, channel.limit_minutes, channel.limit_critical)


def quiet_hours_of(channel: Channel) -> QuietHours | None:
    """Return a channel's quiet hours, None if it has none."""
    if channel.quiet_from is None or channel.quiet_until is None:
        return None
    return QuietHours(
        start=channel.quiet_from,
        end=channel.quiet_until,
        zone=channel.quiet_zone or "UTC",
        weekdays=tuple(channel.quiet_weekdays),
        below=channel.quiet_below,
    )


@dataclass(frozen=True, slots=True)
class Deferred:
    """Somebody who is told later; `news` are alerts that were new then, also to those who had heard of them before."""

    recipient: Recipient
    news: frozenset[int]


def defer(group: AlertGroup, recipient: Recipient, until: datetime, *, news: frozenset[int]) -> None:
    """Have a group tell a recipient at a time whatever still fires then."""
    mine = [entry for entry in group.deferred if _whose(entry).key == recipient.key]
    others = [entry for entry in group.deferred if entry not in mine]
    kept = news.union(*(entry.get("news", ()) for entry in mine))
    group.deferred = [*others, {"until": until.isoformat(), "who": recipient.as_told(), "news": sorted(kept)}]


def take_deferred(group: AlertGroup, now: datetime) -> list[Deferred]:
    """Return whose waiting is over, and forget that they waited."""
    due = [entry for entry in group.deferred if _until(entry) <= now]
    group.deferred = [entry for entry in group.deferred if _until(entry) > now]
    return [Deferred(_whose(entry), frozenset(entry.get("news", ()))) for entry in due]


def forget_deferred(group: AlertGroup, recipient: Recipient) -> None:
    """Let a recipient wait no longer who was told of everything meanwhile."""
    group.deferred = [entry for entry in group.deferred if _whose(entry).key != recipient.key]


def rename_deferred(group: AlertGroup, replaced: Collection[int], alert_id: int) -> None:
    """Let what was news of some alerts be news of the one that took their place."""
    for entry in group.deferred:
        entry["news"] = sorted({alert_id if each in replaced else each for each in entry.get("news", ())})


def find_next_deferred(group: AlertGroup) -> datetime | None:
    """Return when somebody's waiting is over next, None if nobody waits."""
    return min((_until(entry) for entry in group.deferred), default=None)


def _until(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["until"])


def _whose(entry: dict[str, Any]) -> Recipient:
    return recipient_of_told(entry["who"])
