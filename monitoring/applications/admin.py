"""Applications in the admin. Keys are dealt with on the connect page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from config.admin.base import BaseAdmin
from config.templatetags.look import ago, chip, short
from monitoring.applications import views
from monitoring.applications.forms import ApplicationForm
from monitoring.applications.models import Application
from monitoring.applications.overview import annotate_overview, judge_heard

__all__ = ["ApplicationAdmin", "views"]


@admin.register(Application)
class ApplicationAdmin(BaseAdmin):
    """Deployments of the ERP that report here."""

    form = ApplicationForm
    list_display = ["name", "environment", "show_heard", "show_last_heard", "show_series", "show_keys", "show_connect"]
    list_filter = ["environment"]
    search_fields = ["name", "slug", "environment"]
    search_help_text = "Name or environment"
    empty_title = "No application yet"
    empty_text = "An application is one deployment of your ERP, such as production or staging. Add it, then connect it: what it reports shows up here."
    actions_detail = ["open_connect_page"]
    fieldsets = [
        ("What it is", {"fields": ["name", "environment", "time_zone"]}),
        (
            "What it may use",
            {
                "description": "Alerts compare with these. Leave empty what you don't know: the host's own limits are used.",
                "fields": ["allocated_bandwidth", "allocated_storage", "expected_throughput"],
            },
        ),
        ("Limits", {"fields": ["max_series"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        """Read each application with its overview, in one query."""
        return annotate_overview(super().get_queryset(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Only an application that never reported can be deleted: with it would go everything it reported."""
        is_unused = obj is not None and obj.series_count == 0
        return is_unused and super().has_delete_permission(request, obj)

    @admin.display(description="State")
    def show_heard(self, application: Any) -> SafeString:
        """Whether it reports."""
        heard = judge_heard(application.last_heard_at, now=timezone.now())
        return chip(heard.state, heard.words)

    @admin.display(description="Last data", ordering="last_heard_at")
    def show_last_heard(self, application: Any) -> SafeString:
        """When it last sent anything."""
        return ago(application.last_heard_at)

    @admin.display(description="Metric series", ordering="series_count")
    def show_series(self, application: Any) -> SafeString:
        """How many series it reports."""
        return short(application.series_count)

    @admin.display(description="Keys", ordering="key_count")
    def show_keys(self, application: Any) -> int:
        """How many keys may be used."""
        return int(application.key_count)

    @admin.display(description="")
    def show_connect(self, application: Application) -> SafeString:
        """Link to the connect page."""
        url = reverse("admin:monitoring_application_connect", args=[application.pk])
        return format_html('<a class="pl-link" href="{}">Connect</a>', url)

    @action(description="Keys and connection", icon="key")
    def open_connect_page(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Go to the connect page."""
        return redirect("admin:monitoring_application_connect", object_id)

    def response_add(
        self, request: HttpRequest, obj: Application, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead from a new application to connecting it."""
        if "_addanother" in request.POST or "_continue" in request.POST or "_popup" in request.POST:
            response: HttpResponse = super().response_add(request, obj, post_url_continue)
            return response
        self.message_user(request, f"{obj} was added. Connect it now: make a key, then paste what suits your system.")
        return redirect("admin:monitoring_application_connect", obj.pk)
