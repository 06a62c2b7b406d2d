"""The page of one incident: how it stands, what happened, what is to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts.enums import AlertState, Severity
from alerts.facts import AlertFacts
from config.actors import actor_of_user
from config.admin.pages import admin_page
from config.deliveries.selectors import list_deliveries_of
from config.sections import find_sections
from incidents.drafts import IncidentInvalid
from incidents.enums import MANUAL_KINDS, EntryKind, IncidentLevel, IncidentStatus
from incidents.levels import REQUIREMENTS
from incidents.models import Incident, TimelineEntry
from incidents.selectors import find_incident, list_alerts_of, list_timeline
from incidents.services.progress import (
    NotPossible,
    acknowledge_incident,
    change_level,
    close_incident,
    reopen_incident,
    resolve_incident,
)
from incidents.services.telling import SOURCE
from incidents.services.timeline import add_note

VIEW, CHANGE = "incidents.view_incident", "incidents.change_incident"
ADDRESS = "incidents/incident/<int:pk>"
MAX_DELIVERIES = 20
#: Lines that the form offers for correction.
CORRECTABLE = 30


def show_case(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Show the page of an incident; raise Http404 or PermissionDenied."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    incident = _find(object_id)
    context = {**admin.site.each_context(request), **describe_case(request, incident)}
    return render(request, "incidents/case.html", context)


def describe_case(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    """Return the context of an incident's page."""
    return {
        "title": str(incident),
        "opts": Incident._meta,
        "original": incident,
        "level": IncidentLevel(incident.level),
        "status": IncidentStatus(incident.status),
        "asked": REQUIREMENTS[incident.level],
        "levels": [(each, f"{IncidentLevel(each).label}: {asked.meaning}") for each, asked in REQUIREMENTS.items()],
        "can_change": request.user.has_perm(CHANGE),
        "can_see_alerts": request.user.has_perm("alerts.view_alert"),
        "alerts": [_draw_alert(alert) for alert in list_alerts_of(incident)],
        "correctable": list(incident.timeline.order_by("-pk")[:CORRECTABLE]),
        "deliveries": list(list_deliveries_of(source=SOURCE, source_ids=[incident.pk])[:MAX_DELIVERIES]),
        "sections": find_sections(request, "incident", application_id=incident.application_id or 0, pk=incident.pk),
        "is_fullwidth": "1",
        **_describe_progress(request, incident),
    }


@admin_page(f"{ADDRESS}/progress/", name="incidents_incident_progress", permission=VIEW)
def progress(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Return clocks and timeline, renewed."""
    return render(request, "incidents/progress.html", _describe_progress(request, _find(pk)))


@admin_page(f"{ADDRESS}/acknowledge/", name="incidents_incident_acknowledge", permission=CHANGE)
@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that the reader responds."""
    yes, no = "You respond to this incident now.", "Somebody responds to it already."
    return _act(request, pk, acknowledge_incident, yes=yes, no=no)


@admin_page(f"{ADDRESS}/resolve/", name="incidents_incident_resolve", permission=CHANGE)
@require_POST
def resolve(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that it is over, and what was done."""
    yes = "The incident is resolved. If it is not over after all, reopen it."
    return _act(request, pk, resolve_incident, yes=yes, text=request.POST.get("text", ""))


@admin_page(f"{ADDRESS}/reopen/", name="incidents_incident_reopen", permission=CHANGE)
@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that it is not over."""
    yes = "The incident is open again, and its clock goes on."
    return _act(request, pk, reopen_incident, yes=yes, text=request.POST.get("text", ""))


@admin_page(f"{ADDRESS}/close/", name="incidents_incident_close", permission=CHANGE)
@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that nothing is left to do."""
    return _act(request, pk, close_incident, yes="The incident is closed.", no="It was closed already.")


@admin_page(f"{ADDRESS}/level/", name="incidents_incident_level", permission=CHANGE)
@require_POST
def level(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give it another level."""
    given = {"level": request.POST.get("level", ""), "reason": request.POST.get("reason", "")}
    return _act(request, pk, change_level, yes="The level is changed, and so are the clocks.", no="It has it.", **given)


@admin_page(f"{ADDRESS}/note/", name="incidents_incident_note", permission=CHANGE)
@require_POST
def note(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Add a note, or correct a line."""
    corrects = request.POST.get("corrects", "")
    if corrects and not (corrects.isdecimal() and len(corrects) < 19):
        messages.error(request, "There is no such entry in this incident.")
        return redirect("admin:incidents_incident_change", pk)
    line = int(corrects) if corrects else None
    yes = "It stands in the timeline."
    return _act(request, pk, add_note, yes=yes, text=request.POST.get("text", ""), corrects=line)


def _act(
    request: HttpRequest, pk: int, act: Callable[..., object], *, yes: str, no: str = "", **given: Any
) -> HttpResponseBase:
    """Do something with an incident, say what came of it, and go back to its page."""
    _find(pk)
    try:
        changed = act(number=pk, by=actor_of_user(request.user), now=timezone.now(), **given)
    except (IncidentInvalid, NotPossible) as error:
        messages.error(request, str(error))
    else:
        (messages.info if changed is False else messages.success)(request, no if changed is False else yes)
    return redirect("admin:incidents_incident_change", pk)


def _find(pk: int | str) -> Incident:
    incident = find_incident(pk)
    if incident is None:
        raise Http404("There is no such incident.")
    return incident


def _describe_progress(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    is_whole = "whole" in request.GET
    entries, earlier = list_timeline(incident, is_whole=is_whole)
    return {
        "incident": incident,
        "clocks": incident.read_clocks(timezone.now()),
        "story": [_draw_entry(entry) for entry in entries],
        "earlier": earlier,
        "is_whole": is_whole,
    }


def _draw_entry(entry: TimelineEntry) -> tuple[TimelineEntry, EntryKind, bool]:
    kind = EntryKind(entry.kind)
    return entry, kind, kind in MANUAL_KINDS


def _draw_alert(alert: AlertFacts) -> tuple[AlertFacts, AlertState, Severity]:
    return alert, AlertState(alert.state), Severity(alert.severity)
