"""The queue of incidents: what needs somebody most, on top; and declaring one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.facts import describe_alerts
from config.actors import actor_of_user
from config.admin.base import BaseAdmin
from config.ids import read_id
from config.templatetags.look import ago, chip
from incidents.admin.cases import show_case
from incidents.admin.forms import IncidentForm
from incidents.drafts import IncidentInvalid, shorten_title
from incidents.enums import IncidentLevel, IncidentSource, IncidentStatus
from incidents.levels import judge_severity
from incidents.models import Incident
from incidents.querysets import IncidentQuerySet
from incidents.services.declaring import AlreadyOpen, declare_incident


class StatusFilter(admin.SimpleListFilter):
    """Open incidents, unless another status is asked for."""

    title = "status"
    parameter_name = "status"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [
            ("open", "Open"),
            ("declared", "Open, nobody responds"),
            ("late", "Open, time is up"),
            ("resolved", "Resolved"),
            ("closed", "Closed"),
            ("all", "All"),
        ]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The choices; nothing chosen means open."""
        chosen = self.value() or self.default
        for value, words in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": chosen == str(value), "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Incident]:
        """The incidents in that status."""
        incidents: IncidentQuerySet = queryset
        match self.value() or self.default:
            case "open":
                return incidents.open()
            case "late":
                return incidents.late(timezone.now())
            case "declared" | "resolved" | "closed" as status:
                return incidents.filter(status=status)
            case _:
                return incidents


@admin.register(Incident)
class IncidentAdmin(BaseAdmin):
    """Incidents. The page of one is a case: see cases.py."""

    form = IncidentForm
    change_form_template = "incidents/form.html"
    list_display = [
        "show_status",
        "show_level",
        "show_title",
        "application",
        "show_declared",
        "show_clocks",
        "show_who",
    ]
    list_display_links = ["show_title"]
    list_filter = [StatusFilter, "level", "application", "source"]
    list_select_related = ["application"]
    search_fields = ["number__exact", "title", "description"]
    search_help_text = "Number, title or description"
    sortable_by = ()
    fieldsets = [(None, {"fields": ["title", "level", "description", "application", "alert"]})]
    empty_title = "No open incidents"
    empty_text = (
        "An incident is trouble that people work on together, against the clock of its level. Declare one here or on an "
        "alert’s page, or let an escalation policy do it by its step “Declare an incident”."
    )

    class Media:
        css = {"all": ["incidents/incidents.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Incident]:
        """Incidents by need."""
        return Incident.objects.by_need()

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """The order is always by need."""
        return ["need", "urgency", "-number"]

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Nothing is edited by hand; what people do are actions of the page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Incidents stay."""
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Of an alert whose page led here: what is known of it."""
        given = dict(super().get_changeform_initial_data(request))
        number = str(given.get("alert", ""))
        found = describe_alerts([read_id(number)]) if request.user.has_perm("alerts.view_alert") else []
        if not found:
            return given | {"alert": ""}
        level, _ = judge_severity(found[0].severity)
        title = shorten_title(found[0].summary)
        return {"title": title, "level": level, "application": found[0].application_id, **given}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, with one button."""
        own = {"show_save_and_add_another": False, "show_save_and_continue": False, "title": "Declare an incident"}
        response: HttpResponse = super().add_view(request, form_url, {**own, **(extra_context or {})})
        return response

    def save_model(self, request: HttpRequest, obj: Incident, form: Any, change: bool) -> None:
        """Let the service write it; one that somebody else declared meanwhile is shown instead."""
        try:
            saved = declare_incident(
                draft=form.draft(),
                source=IncidentSource.PERSON,
                by=actor_of_user(request.user),
                now=timezone.now(),
            )
        except AlreadyOpen as error:
            saved = Incident.objects.get(pk=error.number)
            messages.warning(request, str(error))
        else:
            messages.success(request, f"Incident {saved.number} is declared, and its clocks run.")
        obj.__dict__.update(saved.__dict__)

    def response_add(self, request: HttpRequest, obj: Incident, post_url_continue: str | None = None) -> HttpResponse:
        """Show the new one."""
        return redirect("admin:incidents_incident_change", obj.pk)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the form again if an alert went away while it was filled in."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IncidentInvalid as error:
            messages.error(request, str(error))
            return redirect("admin:incidents_incident_add")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the case."""
        return show_case(request, object_id)

    @admin.display(description="Status")
    def show_status(self, incident: Incident) -> SafeString:
        """How far it is."""
        status = IncidentStatus(incident.status)
        return chip(status.tone, status.label)

    @admin.display(description="Level")
    def show_level(self, incident: Incident) -> SafeString:
        """How bad it is."""
        level = IncidentLevel(incident.level)
        return chip(level.tone, level.label)

    @admin.display(description="What")
    def show_title(self, incident: Incident) -> SafeString:
        """Number and title."""
        return format_html(
            '<span class="pl-strong">{}</span><br><span class="pl-quiet">#{}</span>', incident.title, incident.number
        )

    @admin.display(description="Declared")
    def show_declared(self, incident: Incident) -> SafeString:
        """How old it is."""
        return ago(incident.declared_at)

    @admin.display(description="Clocks")
    def show_clocks(self, incident: Incident) -> SafeString:
        """What is left of its time, or how it was kept."""
        readings = incident.read_clocks(timezone.now())
        if incident.responded_at is not None and incident.is_open:
            readings = readings[1:]
        chips = [(chip(each.tone, f"{each.name}: {each.words}"),) for each in readings]
        return format_html('<span class="pl-incident-clocks">{}</span>', format_html_join("", "{}", chips))

    @admin.display(description="Who")
    def show_who(self, incident: Incident) -> str:
        """Who responded."""
        return incident.responded_name or "nobody yet"
