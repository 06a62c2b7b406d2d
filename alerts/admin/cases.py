"""The page of one alert: what is wrong, what happened, who does what about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts.admin.snoozes import LENGTHS
from alerts.charts import draw_alert
from alerts.enums import AlertState, Severity
from alerts.held import link_hold, list_open_holds
from alerts.models import Alert
from alerts.oncall_displays import list_on_call_of_alert
from alerts.selectors import list_alerts_of_notice, list_notice_ids
from alerts.services.alerts import (
    AlertOver,
    CommentInvalid,
    acknowledge_alert,
    add_comment,
    assign_alert,
    close_alert,
    unacknowledge_alert,
)
from alerts.services.telling import SOURCE
from alerts.subjects import list_subjects
from alerts.timeline import Entry, hold_tone, tell_story
from config.actors import Actor, actor_of_user
from config.admin.pages import admin_page
from config.deliveries.selectors import list_deliveries_of
from config.ids import read_id
from config.sections import find_sections

VIEW, CHANGE = "alerts.view_alert", "alerts.change_alert"
VIEW_ON_CALL = "alerts.view_oncallschedule"
ADDRESS = "alerts/alert/<int:pk>"
MAX_DELIVERIES = 50
MAX_RELATED = 5


def show_case(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Show the page of an alert; raise Http404 or PermissionDenied."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    alert = _find(object_id)
    return render(request, "alerts/case.html", {**admin.site.each_context(request), **describe_case(request, alert)})


def describe_case(request: HttpRequest, alert: Alert) -> dict[str, Any]:
    """Return the context of an alert's page."""
    severity, state = Severity(alert.severity), AlertState(alert.state)
    return {
        "title": alert.summary,
        "opts": Alert._meta,
        "original": alert,
        "alert": alert,
        "severity": severity,
        "state": state,
        "can_change": request.user.has_perm(CHANGE),
        "chart": draw_alert(alert, now=timezone.now()),
        "story": _tell(alert),
        "holds": [(hold, hold_tone(hold), link_hold(hold)) for hold in list_open_holds(alert)],
        "lengths": LENGTHS,
        "can_silence": alert.is_open and request.user.has_perm("alerts.add_silence"),
        "deliveries": list(
            list_deliveries_of(source=SOURCE, source_ids=list_notice_ids(alert_id=alert.pk))[:MAX_DELIVERIES]
        ),
        "people": list(_list_people()),
        "earlier": list(_list_earlier(alert)),
        "found": list_on_call_of_alert(alert, timezone.now()) if request.user.has_perm(VIEW_ON_CALL) else [],
        "subjects": list_subjects(request, alert),
        "sections": find_sections(request, "alert", application_id=alert.application_id, pk=alert.pk),
        "notes": _list_notes(alert),
        "is_fullwidth": "1",
    }


@admin_page("alerts/notice/<int:pk>/", name="alerts_notice", permission=VIEW)
def follow_notice(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Lead from a message to the alert it was about, or the list if there were several."""
    alert_ids = list_alerts_of_notice(notice_id=pk)
    if len(alert_ids) == 1:
        return redirect("admin:alerts_alert_change", alert_ids[0])
    return redirect("admin:alerts_alert_changelist")


@admin_page(f"{ADDRESS}/story/", name="alerts_alert_story", permission=VIEW)
def story(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return the timeline, renewed."""
    alert = _find(pk)
    return render(request, "alerts/story.html", {"story": _tell(alert), "alert": alert})


@admin_page(f"{ADDRESS}/acknowledge/", name="alerts_alert_acknowledge", permission=CHANGE)
@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that the reader looks after it."""
    return _act(
        request, pk, acknowledge_alert, yes="You look after this alert now.", no="Someone looks after it already."
    )


@admin_page(f"{ADDRESS}/unacknowledge/", name="alerts_alert_unacknowledge", permission=CHANGE)
@require_POST
def unacknowledge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take the acknowledgement back."""
    return _act(
        request, pk, unacknowledge_alert, yes="Nobody looks after this alert now.", no="Nobody had acknowledged it."
    )


@admin_page(f"{ADDRESS}/close/", name="alerts_alert_close", permission=CHANGE)
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponseBase:
    """End it by hand."""

    def act(*, alert_id: int, by: Actor) -> bool:
        return close_alert(alert_id=alert_id, by=by, reason=request.POST.get("reason", "")[:500])

    yes = "The alert is closed, and those who were told of it are told so. If it still holds, it comes back."
    return _act(request, pk, act, yes=yes, no="It was over already.")


@admin_page(f"{ADDRESS}/assign/", name="alerts_alert_assign", permission=CHANGE)
@require_POST
def assign(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give it to someone."""
    chosen = request.POST.get("assignee", "")
    person = _list_people().filter(pk=read_id(chosen)).first()
    if chosen and person is None:
        messages.error(request, "This person can't be given alerts (any more).")
        return redirect("admin:alerts_alert_change", pk)

    def act(*, alert_id: int, by: Actor) -> bool:
        return assign_alert(alert_id=alert_id, assignee=person, by=by)

    return _act(request, pk, act, yes=f"The alert is {person or 'nobody'}’s now.", no="That was so already.")


@admin_page(f"{ADDRESS}/comment/", name="alerts_alert_comment", permission=CHANGE)
@require_POST
def comment(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Add a comment."""
    _find(pk)
    try:
        add_comment(alert_id=pk, text=request.POST.get("text", ""), by=actor_of_user(request.user))
    except CommentInvalid as error:
        messages.error(request, str(error))
    return redirect("admin:alerts_alert_change", pk)


def _act(request: HttpRequest, pk: int, act: Callable[..., bool], *, yes: str, no: str) -> HttpResponseBase:
    """Do something with an alert, say what came of it, and go back to where it was asked for."""
    _find(pk)
    try:
        changed = act(alert_id=pk, by=actor_of_user(request.user))
    except AlertOver:
        messages.info(request, "This alert is over; nothing is left to do.")
    else:
        (messages.success if changed else messages.info)(request, yes if changed else no)
    return redirect("admin:alerts_alert_change", pk)


def _find(pk: int | str) -> Alert:
    alert = Alert.objects.select_related("rule", "application", "assignee").filter(pk=read_id(pk)).first()
    if alert is None:
        raise Http404("There is no such alert.")
    return alert


def _tell(alert: Alert) -> list[Entry]:
    return tell_story(alert.transitions.all(), alert.comments.all(), alert.holds.all(), is_no_data=alert.is_no_data)


def _list_notes(alert: Alert) -> list[tuple[str, str]]:
    """Return what the source of an outside alert says beside what stands on top."""
    shown = {"summary", "description", "runbook"}
    return sorted((name, text) for name, text in alert.annotations.items() if alert.source and name not in shown)


def _list_people() -> QuerySet[Any]:
    """Return who can be given alerts."""
    return get_user_model().objects.filter(is_active=True, is_staff=True).order_by("username")


def _list_earlier(alert: Alert) -> QuerySet[Alert]:
    """Return how the same series fared before."""
    same = Alert.objects.filter(
        rule=alert.rule,
        source=alert.source,
        application=alert.application,
        fingerprint=alert.fingerprint,
        fired_at__isnull=False,
    )
    return same.exclude(pk=alert.pk).order_by("-id")[:MAX_RELATED]
