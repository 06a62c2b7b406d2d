"""Calendars that a schedule is subscribed to: the form of an address, reading it now."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from alerts.models import OnCallCalendar, OnCallSchedule
from alerts.services.oncall_calendars import MAX_NAME_CHARACTERS, Import
from alerts.services.oncall_subscriptions import SubscriptionInvalid, change_subscription, fetch_now, subscribe
from config.actors import actor_of_user
from config.admin.pages import admin_page

CHANGE = "alerts.change_oncallschedule"


class SubscriptionForm(forms.Form):
    """Name and address of a calendar; the address is never shown again."""

    name = forms.CharField(max_length=MAX_NAME_CHARACTERS, required=False)
    url = forms.CharField(
        max_length=3000,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )


@admin_page("alerts/oncallschedule/<int:pk>/subscribe/", name="alerts_oncallschedule_subscribe", permission=CHANGE)
@require_http_methods(["GET", "POST"])
def subscribe_page(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the form of a new address; read it, and from then on every hour."""
    schedule = get_object_or_404(OnCallSchedule, pk=pk)
    return _answer(request, schedule, None)


@admin_page("alerts/oncallcalendar/<int:pk>/edit/", name="alerts_oncallcalendar_edit", permission=CHANGE)
@require_http_methods(["GET", "POST"])
def edit_calendar(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show name and host of a calendar's address; give it another name or address."""
    calendar = _find(pk)
    return _answer(request, calendar.schedule, calendar)


@admin_page("alerts/oncallcalendar/<int:pk>/fetch/", name="alerts_oncallcalendar_fetch", permission=CHANGE)
@require_POST
def fetch(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Read a calendar now."""
    calendar = _find(pk)
    try:
        is_read = fetch_now(calendar=calendar, now=timezone.now())
    except SubscriptionInvalid as error:
        messages.error(request, str(error))
        return redirect(calendar.schedule)
    if is_read:
        messages.success(request, f"{calendar.name} is read; the schedule says what it says.")
    else:
        calendar = _find(pk)
        messages.error(request, f"{calendar.name} can’t be read: {calendar.last_error} What it brought before stays.")
    return redirect(calendar.schedule)


def _find(pk: int) -> OnCallCalendar:
    return get_object_or_404(OnCallCalendar.objects.exclude(host="").select_related("schedule"), pk=pk)


def _answer(request: HttpRequest, schedule: OnCallSchedule, calendar: OnCallCalendar | None) -> HttpResponseBase:
    form = SubscriptionForm(request.POST if request.method == "POST" else None, initial=_list_initial(calendar))
    if request.method == "POST" and form.is_valid():
        try:
            saved, found = _save(request, schedule, calendar, form.cleaned_data)
        except SubscriptionInvalid as error:
            for field, words in error.errors.items():
                form.add_error(field, words)
        else:
            messages.success(request, _describe(saved, found))
            return redirect(schedule)
    page = {
        "title": f"Edit {calendar.name}" if calendar else "Subscribe to a calendar",
        "schedule": schedule,
        "calendar": calendar,
        "form": form,
    }
    return render(request, "alerts/roster_subscribe.html", {**admin.site.each_context(request), **page})


def _list_initial(calendar: OnCallCalendar | None) -> dict[str, Any]:
    return {"name": calendar.name} if calendar else {}


def _save(
    request: HttpRequest, schedule: OnCallSchedule, calendar: OnCallCalendar | None, data: dict[str, str]
) -> tuple[OnCallCalendar, Import | None]:
    by, now = actor_of_user(request.user), timezone.now()
    if calendar is None:
        return subscribe(schedule=schedule, name=data["name"], url=data["url"], by=by, now=now)
    return change_subscription(calendar=calendar, name=data["name"], url=data["url"], by=by, now=now)


def _describe(calendar: OnCallCalendar, found: Import | None) -> str:
    if found is None:
        return f"{calendar.name} is saved."
    count = len(found.shifts)
    return f"{calendar.name}: {count} shift{'' if count == 1 else 's'} read in. It is read again every hour."
