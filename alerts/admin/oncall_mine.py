"""On call, for the person who is signed in: who is on call now, one's own shifts, offers of shifts, one's own calendar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from alerts.admin.oncall_drawing import write_days, write_span
from alerts.admin.oncall_forms import WallClockField, write_wall
from alerts.admin.oncall_page import OVERRIDE, VIEW, find_feed_link
from alerts.enums import OfferState
from alerts.models import OnCallOffer, OnCallSchedule
from alerts.oncall.drafts import ScheduleInvalid
from alerts.oncall.rotations import Span, find_instant
from alerts.rosters import list_coming_shifts_of, list_on_call_now, name_person
from alerts.services.oncall_calendars import renew_feed
from alerts.services.oncall_offers import OfferGone, offer_shift, take_over, withdraw_offer
from config.actors import actor_of_user
from config.admin.pages import admin_page

AHEAD = timedelta(days=60)
#: A shift that runs is shown from its beginning, if that is not longer ago.
BEHIND = timedelta(days=15)
SHOWN_SHIFTS = 40


_NO_TIME = {"required": "Say from when to when, like 2026-01-05T09:00."}
_GONE = "The schedule was deleted meanwhile."


class OfferForm(forms.Form):
    """Which time of which schedule is offered; times on the clock of the zone in which the admin shows them.

    `shift_start` and `shift_end` are the moments that the form was filled in with: they count where nobody typed another time.
    Alone, a time in the hour that comes twice could not say which it means, nor could one say seconds.
    """

    schedule = forms.ModelChoiceField(
        queryset=OnCallSchedule.objects.all(), error_messages={"required": _GONE, "invalid_choice": _GONE}
    )
    starts_at = WallClockField(error_messages=_NO_TIME)
    ends_at = WallClockField(error_messages=_NO_TIME)
    shift_start = forms.DateTimeField(required=False)
    shift_end = forms.DateTimeField(required=False)
    reason = forms.CharField(required=False)

    def read(self, zone: str) -> dict[str, Any]:
        """Return what was filled in, with its times as instants."""
        data = self.cleaned_data
        return {
            "schedule": data["schedule"],
            "starts_at": _read_moment(data["starts_at"], data["shift_start"], zone),
            "ends_at": _read_moment(data["ends_at"], data["shift_end"], zone),
            "reason": data["reason"],
        }

    def write_errors(self) -> str:
        """Return what is wrong, in words, each once."""
        return " ".join(dict.fromkeys(str(error) for found in self.errors.values() for error in found))


@admin_page("on-call/", name="alerts_on_call")
@require_GET
def show_mine(request: HttpRequest) -> HttpResponseBase:
    """Show who is on call now, and what concerns the reader."""
    now, zone = timezone.now(), timezone.get_current_timezone_name()
    shifts, ahead = list_coming_shifts_of(_me(request), now, behind=BEHIND, ahead=AHEAD)
    offers = list(list_offers(request, now))
    own = [offer for offer in offers if offer.person_id == _me(request)]
    can_view = request.user.has_perm(VIEW)
    context = {
        "title": "On call",
        "can_view": can_view,
        "can_add": request.user.has_perm("alerts.add_oncallschedule"),
        "found": list(list_on_call_now(now).items()) if can_view else [],
        "shifts": [_describe_shift(each, own, now, zone) for each in shifts[:SHOWN_SHIFTS]],
        "more": max(0, len(shifts) - SHOWN_SHIFTS),
        "ahead": write_days(ahead),
        "offers": [_describe_offer(each, zone) for each in offers if each.person_id != _me(request)],
        "own": [_describe_offer(each, zone) for each in own],
        "feed": find_feed_link(person_id=_me(request)),
        "zone": zone,
        "is_fullwidth": "1",
    }
    return render(request, "alerts/on_call.html", {**admin.site.each_context(request), **context})


@admin_page("on-call/offer/", name="alerts_on_call_offer")
@require_POST
def offer(request: HttpRequest) -> HttpResponseBase:
    """Offer a time of one's own to others."""
    form = OfferForm(request.POST)
    if not form.is_valid():
        messages.error(request, f"{form.write_errors()} Nothing is offered.")
        return redirect("admin:alerts_on_call")
    try:
        offer_shift(**form.read(timezone.get_current_timezone_name()), person_id=_me(request), now=timezone.now())
    except ScheduleInvalid as error:
        messages.error(request, f"{' '.join(error.errors.values())} Nothing is offered.")
    else:
        messages.success(request, "Your shift is offered. You stay on call until somebody takes it over.")
    return redirect("admin:alerts_on_call")


@admin_page("on-call/offers/<int:pk>/take-over/", name="alerts_on_call_take_over")
@require_POST
def take(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a time over that somebody offers."""
    found = _find_offer(request, pk)
    try:
        take_over(offer_id=pk, person_id=_me(request), by=actor_of_user(request.user), now=timezone.now())
    except ScheduleInvalid as error:
        messages.error(request, " ".join(error.errors.values()))
    except OfferGone as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"You take over from {name_person(found.person)}. Thank you.")
    return redirect("admin:alerts_on_call")


@admin_page("on-call/offers/<int:pk>/withdraw/", name="alerts_on_call_withdraw")
@require_POST
def withdraw(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take one's own offer back."""
    if _find_offer(request, pk).person_id != _me(request):
        raise PermissionDenied
    try:
        withdraw_offer(offer_id=pk, now=timezone.now())
    except OfferGone as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The offer is withdrawn; the shift is yours.")
    return redirect("admin:alerts_on_call")


@admin_page("on-call/feed/", name="alerts_on_call_feed")
@require_POST
def renew_own_feed(request: HttpRequest) -> HttpResponseBase:
    """Make the address of one's own calendar, or another in its place."""
    renew_feed(person_id=_me(request), now=timezone.now())
    messages.success(request, "This is your calendar’s new address. An earlier one does not work any more.")
    return redirect("admin:alerts_on_call")


def list_offers(request: HttpRequest, now: datetime) -> QuerySet[OnCallOffer]:
    """Return the open offers that the reader may take over or made: of all schedules for whoever may override, else of those they are in."""
    offers = OnCallOffer.objects.filter(state=OfferState.OPEN, ends_at__gt=now)
    if not request.user.has_perm(OVERRIDE):
        mine = OnCallSchedule.objects.filter(layers__participants__person=_me(request))
        offers = offers.filter(Q(schedule__in=mine) | Q(person=_me(request)))
    return offers.select_related("schedule", "person").order_by("starts_at", "pk")


def _find_offer(request: HttpRequest, pk: int) -> OnCallOffer:
    """Return an offer that the reader may take over or made, open or not; raise Http404."""
    found = get_object_or_404(OnCallOffer.objects.select_related("person"), pk=pk)
    is_member = OnCallSchedule.objects.filter(pk=found.schedule_id, layers__participants__person=_me(request)).exists()
    if not (is_member or found.person_id == _me(request) or request.user.has_perm(OVERRIDE)):
        raise Http404("There is no such offer.")
    return found


def _describe_shift(each: Any, own: list[OnCallOffer], now: datetime, zone: str) -> dict[str, Any]:
    shift = each.shift
    offered = any(
        one.schedule_id == each.schedule.pk and one.starts_at < shift.end and one.ends_at > shift.start for one in own
    )
    start = max(shift.start, now.replace(second=0, microsecond=0))
    return {
        "schedule": each.schedule,
        "when": write_span(Span(shift.start, shift.end), zone),
        "start": write_wall(start, zone),
        "end": write_wall(shift.end, zone),
        "shift_start": start.isoformat(),
        "shift_end": shift.end.isoformat(),
        "is_now": shift.start <= now,
        "is_override": shift.override_id is not None,
        "is_offered": offered,
    }


def _read_moment(typed: datetime, shown: datetime | None, zone: str) -> datetime:
    """Return the moment that was shown if its time is still what the form says, else that of the time that was typed."""
    return shown if shown is not None and typed == write_wall(shown, zone) else find_instant(typed, zone)


def _describe_offer(one: OnCallOffer, zone: str) -> dict[str, Any]:
    return {
        "pk": one.pk,
        "who": name_person(one.person),
        "schedule": one.schedule,
        "when": write_span(Span(one.starts_at, one.ends_at), zone),
        "reason": one.reason,
    }


def _me(request: HttpRequest) -> int:
    assert request.user.pk is not None, "the admin lets in only who is signed in"
    return int(request.user.pk)
