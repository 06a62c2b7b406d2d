"""What the admin home, and the pages of alerts, show of incidents."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.panels import Need, Panel, need, panel
from config.sections import Section, section
from incidents.enums import IncidentLevel, IncidentStatus
from incidents.models import Incident
from incidents.selectors import Standing, list_incidents_of_alert, list_open_incidents, measure_standing

SHOWN = 6
VIEW, ADD = "incidents.view_incident", "incidents.add_incident"


@panel(key="incidents", title="Open incidents", order=4, width=3, permission=VIEW)
def open_incidents(request: HttpRequest) -> Panel:
    """The open incidents that need somebody most, with their clocks."""
    now = timezone.now()
    standing, shown = measure_standing(now=now), list_open_incidents(limit=SHOWN)
    return Panel(
        "incidents/panel.html",
        {
            "incidents": [(each, *describe_incident(each), each.read_clocks(now)) for each in shown],
            "more": standing.open - len(shown),
            "can_add": request.user.has_perm(ADD),
        },
        state=_state_of(standing),
        summary=f"{standing.open}, {standing.unanswered} not acknowledged" if standing.open else "none",
        url=reverse("admin:incidents_incident_changelist"),
    )


@need(key="incidents", order=5, permission=VIEW)
def unanswered_incidents(request: HttpRequest) -> Need:
    """Incidents that nobody responds to; else those whose time is up."""
    standing, url = measure_standing(now=timezone.now()), reverse("admin:incidents_incident_changelist")
    if standing.unanswered:
        one = standing.unanswered == 1
        sentence = f"{standing.unanswered} incident{' has' if one else 's have'} nobody who responds"
        return Need(standing.unanswered, sentence, f"{url}?status=declared", State.BAD)
    count = standing.late
    sentence = f"{count} incident{' is' if count == 1 else 's are'} not resolved in time"
    return Need(count, sentence, f"{url}?status=late", State.BAD)


@section("alert", name="incidents", order=10, permission=VIEW)
def incidents_of_alert(request: HttpRequest, application_id: int, pk: int) -> Section | None:
    """The incidents that are about an alert, or the way to declare one."""
    found = list_incidents_of_alert(alert_id=pk)
    can_declare = request.user.has_perm(ADD) and not any(each.is_open for each in found)
    if not found and not can_declare:
        return None
    context = {
        "incidents": [(each, *describe_incident(each)) for each in found],
        "declare_url": f"{reverse('admin:incidents_incident_add')}?alert={pk}" if can_declare else "",
    }
    return Section("Incident", "incidents/alert_section.html", context, key="incident")


def describe_incident(incident: Incident) -> tuple[IncidentLevel, IncidentStatus]:
    """Return level and status as words with colours."""
    return IncidentLevel(incident.level), IncidentStatus(incident.status)


def _state_of(standing: Standing) -> State:
    if standing.unanswered or standing.late:
        return State.BAD
    return State.WATCH if standing.open else State.WELL
