"""Snoozing alerts: one on its page, or several chosen in the list or on the board."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from alerts.admin.silence_forms import read_zone
from alerts.models import Alert
from alerts.selectors import list_snoozed_together
from alerts.services.alerts import snooze_all, unsnooze_all
from alerts.snoozing import CHOICES, OTHER, SnoozeInvalid, find_snooze_end
from config.actors import actor_of_user
from config.admin.pages import admin_page
from config.ids import read_id

CHANGE = "alerts.change_alert"
#: More are a case for a silence, which holds what comes later as well.
MAX_AT_ONCE = 200
#: What the choices are on every page that has them.
LENGTHS = [*CHOICES.items(), (OTHER, "Until a time of my own")]


@admin_page("alerts/snooze/", name="alerts_snooze", permission=CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def snooze(request: HttpRequest) -> HttpResponseBase:
    """Ask until when the chosen alerts (`alert`, once for each) are to be quiet; on POST snooze them."""
    ids = read_alert_ids(request.POST if request.method == "POST" else request.GET)
    if request.method == "POST" and (until := read_end(request)) is not None:
        changed = snooze_all(alert_ids=ids, until=until, by=actor_of_user(request.user))
        say_snoozed(request, changed, until)
        return _go_back(request, ids)
    context = {
        **admin.site.each_context(request),
        "title": "Snooze alerts",
        "alerts": list(Alert.objects.open().filter(pk__in=ids).by_need().select_related("application", "rule")),
        "lengths": LENGTHS,
        "chosen": request.POST.get("lasts", "1h"),
        "back": request.POST.get("back") or request.GET.get("back", ""),
    }
    return render(request, "alerts/snooze.html", context)


@admin_page("alerts/snooze/end/", name="alerts_snooze_end", permission=CHANGE)
@require_POST
def end_snooze(request: HttpRequest) -> HttpResponseBase:
    """End the snooze of the chosen alerts; with `alike`, of all that were snoozed together with the first of them."""
    ids = read_alert_ids(request.POST)
    if request.POST.get("alike") and ids:
        ids = list_snoozed_together(alert_id=ids[0])
    say_ended(request, unsnooze_all(alert_ids=ids, by=actor_of_user(request.user)))
    return _go_back(request, ids)


def read_alert_ids(data: QueryDict) -> list[int]:
    """Return the alerts that a form or an address names."""
    return [read_id(text) for text in data.getlist("alert")[:MAX_AT_ONCE]]


def read_end(request: HttpRequest) -> datetime | None:
    """Return until when a filled-in form wants quiet; None if that can't be, and then the reader is told why."""
    zone = read_zone(request.POST.get("reader_zone", ""))
    try:
        return find_snooze_end(
            request.POST.get("lasts", ""), text=request.POST.get("until", ""), now=timezone.now(), zone=zone
        )
    except SnoozeInvalid as error:
        messages.error(request, str(error))
        return None


def say_snoozed(request: HttpRequest, changed: int, until: datetime) -> None:
    """Tell the reader how many alerts are quiet now."""
    if not changed:
        messages.info(request, "Nothing to snooze: it is over, or snoozed for so long already.")
        return
    what = "The alert is" if changed == 1 else f"{changed} alerts are"
    moment = format_date(timezone.localtime(until), "j M, H:i T")
    messages.success(request, f"{what} quiet until {moment}. What still fires then is told of anew.")


def say_ended(request: HttpRequest, changed: int) -> None:
    """Tell the reader how many alerts are not quiet any more."""
    words = "The snooze is over" if changed == 1 else f"The snooze of {changed} alerts is over"
    if changed:
        messages.success(request, f"{words}. What still fires is told of like something new.")
    else:
        messages.info(request, "Nothing was snoozed.")


def _go_back(request: HttpRequest, ids: Iterable[int]) -> HttpResponseBase:
    """Lead to where it was asked for."""
    back = request.POST.get("back", "")
    if back == "alert" and (first := next(iter(ids), 0)):
        return redirect("admin:alerts_alert_change", first)
    return redirect("admin:alerts_board" if back == "board" else "admin:alerts_alert_changelist")
