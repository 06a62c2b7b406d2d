"""What the admin home shows of on call: who it is now, and schedules in use that leave times to nobody."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from alerts.oncall.rotations import Span
from alerts.rosters import list_broken_calendars, list_gaps, list_on_call_now, list_used_schedules
from config.admin.states import State
from config.panels import Need, Panel, need, panel
from config.sections import Section, section

VIEW = "alerts.view_oncallschedule"
#: A gap that begins within this time is bad; a later one is to be watched.
SOON = timedelta(hours=24)


@panel(key="on_call", title="Who is on call now", order=6, permission=VIEW)
def who_is_on_call(request: HttpRequest) -> Panel:
    """Who is on call in each schedule, and until when."""
    found = list_on_call_now(timezone.now())
    empty = sum(not each.people for each in found.values())
    summary = f"{empty} without anybody" if empty else ""
    return Panel(
        "alerts/roster_panel.html",
        {"found": list(found.items()), "can_add": request.user.has_perm("alerts.add_oncallschedule")},
        state=State.BAD if empty else State.QUIET,
        summary=summary,
        url=reverse("admin:alerts_on_call"),
    )


@section("incident", name="on_call", order=10, permission=VIEW)
def on_call_at_incident(request: HttpRequest, application_id: int, pk: int) -> Section | None:
    """Who is on call in each schedule: whoever runs an incident needs one of them."""
    found = list_on_call_now(timezone.now())
    return (
        Section("Who is on call now", "alerts/roster_section.html", {"found": list(found.items())}) if found else None
    )


@need(key="on_call", order=20, permission=VIEW)
def nobody_on_call(request: HttpRequest) -> Need:
    """Schedules that an escalation policy reaches and that have nobody at some time of the next 30 days."""
    now = timezone.now()
    found = list_gaps(now, list_used_schedules()).spans
    if not found:
        return Need(0, "", reverse("admin:alerts_on_call"))
    schedule, gaps = min(found.items(), key=lambda each: each[1][0].start)
    sentence = _write_sentence(schedule.name, gaps[0], now)
    if len(found) > 1:
        sentence += f", and {len(found) - 1} more schedule{'s have' if len(found) > 2 else ' has'} gaps"
    state = State.BAD if gaps[0].start <= now + SOON else State.WATCH
    return Need(len(found), sentence, schedule.get_absolute_url(), state)


@need(key="on_call_calendars", order=21, permission=VIEW)
def calendars_not_read(request: HttpRequest) -> Need:
    """Calendars that schedules are subscribed to and that can't be read for some hours."""
    found = list_broken_calendars()
    if not found:
        return Need(0, "", reverse("admin:alerts_on_call"))
    first = found[0]
    since = timezone.localtime(first.failing_since)
    sentence = f"The calendar “{first.name}” of “{first.schedule}” can’t be read since {since:%a %-d %b %H:%M}"
    if len(found) > 1:
        sentence += f", nor {len(found) - 1} more"
    return Need(len(found), sentence, first.schedule.get_absolute_url(), State.WATCH)


def _write_sentence(name: str, gap: Span, now: object) -> str:
    if gap.start == now:
        return f"Nobody is on call in “{name}” now"
    start = timezone.localtime(gap.start)
    return f"Nobody is on call in “{name}” from {start:%a %-d %b %H:%M}"
