"""The page of an on-call schedule: its calendar, overrides and swaps, its feed, calendars read into it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from alerts.admin.oncall_drawing import draw_stored, write_span, write_when
from alerts.admin.oncall_forms import OverrideForm, write_wall
from alerts.enums import OnCallRotation
from alerts.models import OnCallCalendar, OnCallFeed, OnCallOverride, OnCallSchedule, PolicyStep
from alerts.oncall.calendar_lines import MAX_BYTES
from alerts.oncall.calendars import CalendarInvalid
from alerts.oncall.drafts import FIRST_YEAR, LAST_YEAR, ScheduleInvalid
from alerts.oncall.hours import write_hours
from alerts.oncall.rotations import Layer, Rotation, Span
from alerts.rosters import describe_layer, find_on_call_now, list_gaps, name_people, read_people
from alerts.services.oncall import OverrideOver, add_override, cancel_override
from alerts.services.oncall_calendars import Import, import_calendar, preview_calendar, remove_calendar, renew_feed
from config.actors import actor_of_user
from config.admin.pages import admin_page
from config.crypto import SecretUnreadable
from config.ids import read_id

VIEW, CHANGE = "alerts.view_oncallschedule", "alerts.change_oncallschedule"
OVERRIDE, CANCEL = "alerts.add_oncalloverride", "alerts.delete_oncalloverride"
ADDRESS = "alerts/oncallschedule/<int:pk>"
SHOWN_GAPS, SHOWN_OVERRIDES, SHOWN_SHIFTS = 8, 50, 20


def show_schedule(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Show the page of a schedule; raise Http404 or PermissionDenied."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    schedule = get_object_or_404(OnCallSchedule.objects.select_related("application"), pk=read_id(object_id))
    now = timezone.now()
    may_override = request.user.has_perm(OVERRIDE)
    gaps = list_gaps(now, [schedule]).spans.get(schedule, [])
    on_call = find_on_call_now(now, schedule)
    context = {
        "title": schedule.name,
        "opts": OnCallSchedule._meta,
        "original": schedule,
        "schedule": schedule,
        "on_call": on_call,
        "until": write_when(on_call.until, schedule.zone) if on_call.until else "",
        "calendar": draw_stored(schedule, monday=_read_monday(request), now=now, may_override=may_override),
        "gaps": [write_span(gap, schedule.zone) for gap in gaps[:SHOWN_GAPS]],
        "more_gaps": max(0, len(gaps) - SHOWN_GAPS),
        "gap_count": len(gaps),
        "overrides": list(_list_overrides(schedule, now)),
        "layers": _describe_layers(schedule),
        "calendars": list(schedule.calendars.order_by("name")),
        "policies": _list_policies(schedule),
        "feed": find_feed_link(schedule=schedule),
        "may_override": may_override,
        "may_cancel": request.user.has_perm(CANCEL),
        "may_change": request.user.has_perm(CHANGE),
        "may_delete": request.user.has_perm("alerts.delete_oncallschedule"),
        "is_fullwidth": "1",
    }
    return render(request, "alerts/roster.html", {**admin.site.each_context(request), **context})


@admin_page(f"{ADDRESS}/override/", name="alerts_oncallschedule_override", permission=OVERRIDE)
@require_http_methods(["GET", "POST"])
def override(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the form of an override, or with `swap` that of a swap; add it."""
    schedule = get_object_or_404(OnCallSchedule, pk=pk)
    is_swap = "swap" in request.GET
    form = OverrideForm(
        request.POST if request.method == "POST" else None,
        zone=schedule.zone,
        is_swap=is_swap,
        initial=_list_override_initial(request, schedule),
    )
    if request.method == "POST" and form.is_valid():
        try:
            added = add_override(schedule=schedule, draft=form.draft(), by=actor_of_user(request.user))
        except ScheduleInvalid as error:
            form.place(error)
        else:
            who = name_people(added.people.all())
            words = f"{who} takes over" if added.people.count() == 1 else f"{who} take over"
            until = write_when(added.ends_at, schedule.zone)
            messages.success(request, f"{words} from {write_when(added.starts_at, schedule.zone)} to {until}.")
            return redirect(schedule)
    page = {"title": "Swap a shift" if is_swap else "Override who is on call", "form": form, "schedule": schedule}
    return render(
        request, "alerts/roster_override.html", {**admin.site.each_context(request), **page, "is_swap": is_swap}
    )


@admin_page("alerts/oncalloverride/<int:pk>/cancel/", name="alerts_oncalloverride_cancel", permission=CANCEL)
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take an override back."""
    found = get_object_or_404(OnCallOverride.objects.select_related("schedule"), pk=pk)
    schedule = found.schedule
    try:
        cancel_override(override_id=pk, now=timezone.now())
    except OverrideOver as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The override is taken back.")
    return redirect(schedule)


@admin_page(f"{ADDRESS}/feed/", name="alerts_oncallschedule_feed", permission=CHANGE)
@require_POST
def renew_schedule_feed(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Make the schedule's calendar address, or another in its place."""
    schedule = get_object_or_404(OnCallSchedule, pk=pk)
    renew_feed(schedule=schedule, now=timezone.now())
    messages.success(request, "This is the calendar’s new address. An earlier one does not work any more.")
    return redirect(schedule)


@admin_page(f"{ADDRESS}/import/", name="alerts_oncallschedule_import", permission=CHANGE)
@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the form; show what a calendar would bring, or why it can't be used; with `confirm` in the body, take it."""
    schedule, now = get_object_or_404(OnCallSchedule, pk=pk), timezone.now()
    context: dict[str, Any] = {"title": "Read a calendar in", "schedule": schedule, "name": "", "text": ""}
    if request.method == "POST":
        context |= {"name": request.POST.get("name", ""), "text": request.POST.get("text", "")}
        try:
            data = _read_calendar_file(request)
            context["text"] = data.decode("utf-8", "replace")
            if "confirm" in request.POST:
                by = actor_of_user(request.user)
                found = import_calendar(schedule=schedule, name=context["name"], data=data, by=by, now=now)
                messages.success(request, f"{context['name']}: {len(found.shifts)} shifts are read in.")
                return redirect(schedule)
            found = preview_calendar(schedule=schedule, data=data, now=now)
            context["preview"] = _describe_import(found, schedule.zone)
        except CalendarInvalid as error:
            context["error"] = str(error)
    return render(request, "alerts/roster_import.html", {**admin.site.each_context(request), **context})


@admin_page("alerts/oncallcalendar/<int:pk>/remove/", name="alerts_oncallcalendar_remove", permission=CHANGE)
@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a calendar's shifts to come out of its schedule."""
    calendar = get_object_or_404(OnCallCalendar.objects.select_related("schedule"), pk=pk)
    schedule = calendar.schedule
    remove_calendar(calendar=calendar, now=timezone.now())
    messages.success(request, f"The shifts of {calendar.name} are taken out; the layers say who is on call.")
    return redirect(schedule)


def find_feed_link(**whose: Any) -> dict[str, Any]:
    """Return the address of the feed of a `schedule` or a `person` and when it was made; empty if there is none to show."""
    try:
        feed = OnCallFeed.objects.filter(**whose).first()
    except SecretUnreadable:
        # The SECRET_KEY it was stored under is gone: the page offers to make another.
        return {}
    if feed is None:
        return {}
    return {"url": settings.PUBLIC_URL + reverse("on-call-feed", args=[feed.token]), "made_at": feed.made_at}


def _list_override_initial(request: HttpRequest, schedule: OnCallSchedule) -> dict[str, Any]:
    """Return what the address names, or the day from now on."""
    start = write_wall(timezone.now(), schedule.zone)
    usual = {"starts_at": start, "ends_at": start + timedelta(days=1)}
    named = {"starts_at": request.GET.get("from"), "ends_at": request.GET.get("to")}
    chosen = {name: text for name, text in named.items() if text and _is_moment(text)}
    replaces = request.GET.get("replaces", "") if "swap" in request.GET else ""
    return {**usual, **chosen, **({"replaces": replaces} if replaces.isdecimal() else {})}


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


def _read_monday(request: HttpRequest) -> date | None:
    """Return the Monday of the week that the address names; None for none."""
    try:
        day = date.fromisoformat(request.GET.get("from", ""))
    except ValueError:
        return None
    return day - timedelta(days=day.weekday()) if FIRST_YEAR < day.year < LAST_YEAR else None


def _read_calendar_file(request: HttpRequest) -> bytes:
    upload = request.FILES.get("file")
    if upload is None:
        return request.POST.get("text", "").encode("utf-8", "replace")
    if (upload.size or 0) > MAX_BYTES:
        raise CalendarInvalid(f"It is larger than {MAX_BYTES // 1024} KB.")
    return bytes(upload.read())


def _describe_import(found: Import, zone: str) -> dict[str, Any]:
    people = read_people(person for shift in found.shifts for person in shift.people)
    shifts = [
        (name_people(people[person] for person in shift.people), write_span(Span(shift.start, shift.end), zone))
        for shift in found.shifts[:SHOWN_SHIFTS]
    ]
    return {
        "shifts": shifts,
        "count": len(found.shifts),
        "more": max(0, len(found.shifts) - SHOWN_SHIFTS),
        "warnings": found.warnings,
    }


def _list_overrides(schedule: OnCallSchedule, now: datetime) -> Any:
    rows = OnCallOverride.objects.filter(schedule=schedule, ends_at__gt=now, calendar=None).order_by("starts_at", "pk")
    for row in rows.select_related("replaces").prefetch_related("people")[:SHOWN_OVERRIDES]:
        yield (
            row,
            name_people(row.people.all()),
            write_span(Span(row.starts_at, row.ends_at), schedule.zone),
            row.starts_at <= now,
        )


def _describe_layers(schedule: OnCallSchedule) -> list[dict[str, Any]]:
    rows = list(schedule.layers.prefetch_related("participants__person").order_by("-position", "-pk"))
    described = []
    for row in rows:
        layer = describe_layer(row)
        people = {each.person_id: each.person for each in row.participants.all()}
        turns = [name_people(people[person] for person in turn) for turn in layer.participants]
        described.append(
            {
                "name": row.name,
                "turns": turns,
                "rhythm": _describe_rhythm(layer),
                "hours": write_hours(layer.restrictions).splitlines(),
                "zone": row.zone if row.zone != schedule.zone else "",
                "ends_at": layer.ends_at,
                "off": [each.get_username() for each in people.values() if not each.is_active],
            }
        )
    return described


def _describe_rhythm(layer: Layer) -> str:
    unit = str(OnCallRotation(layer.rotation.value).label)
    length = f"{layer.interval} {unit}" if layer.interval > 1 else f"1 {unit.removesuffix('s')}"
    handoff = {
        Rotation.HOURLY: f"counted from {layer.starts_at:%-d %b %Y %H:%M}",
        Rotation.DAILY: f"handed over at {layer.starts_at:%H:%M}",
        Rotation.WEEKLY: f"handed over on {layer.starts_at:%A} at {layer.starts_at:%H:%M}",
    }
    return f"Turns of {length}, {handoff[layer.rotation]}"


def _list_policies(schedule: OnCallSchedule) -> list[str]:
    steps = PolicyStep.objects.filter(schedules=schedule).select_related("policy")
    return sorted({step.policy.name for step in steps})
