"""What people do: with alerts, silences, windows, on-call schedules, accounts and channels."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from alerts.models import Channel as ChannelRow
from alerts.models import OnCallSchedule
from alerts.services.alerts import acknowledge_alert, close_alert, snooze_alert, unacknowledge_alert
from alerts.services.oncall import cancel_override
from alerts.services.silences import create_silence, end_silence, extend_silence
from alerts.silencing import SilenceDraft
from config.actors import Actor
from monitoring.uptime.enums import EndAction
from monitoring.uptime.models import MaintenanceWindow
from monitoring.uptime.recurrence import Recurrence, Repeat
from monitoring.uptime.services.maintenance import cancel_window, create_window, end_occurrence
from monitoring.uptime.window_drafts import WindowDraft, WindowInvalid
from tests.alerts.weeks.clocks import DAY, EVERY_DAY, MINUTE, Hours, find_moment
from tests.alerts.weeks.directory import Override
from tests.alerts.weeks.holding import Silence, Window
from tests.alerts.weeks.machine import HOUR, Machine
from tests.alerts.weeks.records import Alert
from tests.alerts.weeks.world import RULES, hours, places, spans
from tests.support.rosters import override

BY = Actor(name="Ada")


class Doings(Machine):
    """People."""

    def pick(self, place: int) -> Alert | None:
        """Return one of the alerts that fire."""
        firing = [alert for alert in self.reference.alerts.values() if alert.is_firing]
        return firing[place % len(firing)] if firing else None

    @rule(place=places, who=places, turns=st.integers(0, 5))
    def acknowledge(self, place: int, who: int, turns: int) -> None:
        """Somebody looks after an alert, for a while."""
        if (alert := self.pick(place)) is None:
            return
        user = list(self.users.values())[who % len(self.users)]
        if acknowledge_alert(alert_id=alert.pk, by=Actor(name=user.username, user_id=user.pk)):
            self.reference.acknowledge(alert.pk, user.pk, self.now)
            self.pass_turns(turns)

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

    @precondition(
        lambda self: self.is_sound and sum(each.end > self.now for each in self.reference.holding.silences) < 2
    )
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
        self.reference.holding.silences.append(Silence(row.pk, labels, start, start + span))

    @precondition(lambda self: self.is_sound and any(each.end > self.now for each in self.reference.holding.silences))
    @rule(place=places, span=st.none() | spans)
    def change_silence(self, place: int, span: timedelta | None) -> None:
        """Somebody ends a silence early, or moves its end."""
        lasting = [silence for silence in self.reference.holding.silences if silence.end > self.now]
        chosen = lasting[place % len(lasting)]
        if span is None:
            end_silence(silence_id=chosen.pk, by=BY, now=self.now)
            chosen.start, chosen.end = min(chosen.start, self.now), self.now
        elif self.now + span > chosen.start:
            extend_silence(silence_id=chosen.pk, ends_at=self.now + span, now=self.now)
            chosen.end = self.now + span

    @precondition(lambda self: self.is_sound and self._count_coming_windows() < 1)
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
        where = self.applications[self.slugs[0]]
        self.reference.holding.windows.append(Window(row.pk, where, labels, once=(start, start + span), drops=drops))

    @precondition(
        lambda self: self.is_sound and sum(each.hours is not None for each in self.reference.holding.windows) < 2
    )
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
        where = self.applications[self.slugs[0]]
        shown = when._replace(weekdays=weekdays or EVERY_DAY)
        self.reference.holding.windows.append(Window(row.pk, where, labels, hours=shown, since=start))

    def _count_coming_windows(self) -> int:
        windows = self.reference.holding.windows
        return sum(each.once is not None and each.once[1] > self.now and not each.is_cancelled for each in windows)

    def _create_window(self, labels: dict[str, str], start: datetime, end: datetime, **fields: Any) -> Any:
        matchers = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        draft = WindowDraft(self.applications[self.slugs[0]], start, end, matchers=matchers, **fields)
        return create_window(draft=draft, now=self.now)

    @precondition(lambda self: self.is_sound and self.reference.holding.windows)
    @rule(place=places, cancels=st.booleans())
    def end_window(self, place: int, cancels: bool) -> None:
        """Somebody takes a window back, or lets it be over for this time."""
        window = self.reference.holding.windows[place % len(self.reference.holding.windows)]
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
        active = [user for user in self.users.values() if self.reference.directory.people[user.pk].is_active]
        if not active:
            return
        chosen = list(self.reference.directory.rosters.values())[roster % 2]
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
        person = self.reference.directory.people[user.pk]
        user.is_active = person.is_active = not person.is_active
        user.save()

    @rule(place=places)
    def switch_channel(self, place: int) -> None:
        """A channel is switched off, or on again."""
        chosen = list(self.reference.directory.channels.values())[place % len(self.reference.directory.channels)]
        chosen.is_on = not chosen.is_on
        ChannelRow.objects.filter(pk=chosen.pk).update(enabled=chosen.is_on)


def _override(schedule_id: int, start: datetime, span: timedelta, person: Any, replaced: Any) -> Any:
    schedule = OnCallSchedule.objects.get(pk=schedule_id)
    return override(schedule, start, span / HOUR, person, replaces=replaced)
