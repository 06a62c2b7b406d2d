"""Maintenance windows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from config.admin.base import BaseAdmin
from config.templatetags.look import ago, chip
from monitoring.applications.current import find_current_application
from monitoring.uptime.admin.forms import WindowForm
from monitoring.uptime.models import Check, MaintenanceWindow
from monitoring.uptime.services.maintenance import follow_windows


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(BaseAdmin):
    """When failures are expected."""

    form = WindowForm
    list_display = ["show_state", "show_what", "application", "show_start", "show_end", "reason"]
    list_display_links = ["show_what"]
    list_filter = ["application"]
    list_select_related = ["application", "check_row"]
    search_fields = ["reason", "check_row__name"]
    search_help_text = "Reason or check"
    sortable_by = ()
    empty_title = "No maintenance planned"
    empty_text = "In a maintenance window checks go on looking, but failures don't count and nobody is told."
    fieldsets = [(None, {"fields": ["application", "check_row", "starts_at", "ends_at", "reason"]})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new window belongs to the chosen application and begins now."""
        application = find_current_application(request)
        chosen = {"application": application.pk} if application else {}
        return {**chosen, "starts_at": timezone.now(), **super().get_changeform_initial_data(request)}

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """Checks by name; their own list has an order that only it can make."""
        if db_field.name == "check_row":
            return Check.objects.order_by("name", "pk")
        found: QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)
        return found

    def save_model(self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool) -> None:
        """Save, and follow it at once."""
        super().save_model(request, obj, form, change)
        follow_windows(now=timezone.now())

    @admin.display(description="State")
    def show_state(self, window: MaintenanceWindow) -> SafeString:
        """Whether it is open, over or to come."""
        now = timezone.now()
        if window.ends_at <= now:
            return chip("quiet", "Over")
        return chip("maintenance", "Open now") if window.starts_at <= now else chip("info", "Planned")

    @admin.display(description="For")
    def show_what(self, window: MaintenanceWindow) -> str:
        """The check, or all of them."""
        return window.check_row.name if window.check_row else "All checks"

    @admin.display(description="From")
    def show_start(self, window: MaintenanceWindow) -> SafeString:
        """Its beginning."""
        return ago(window.starts_at)

    @admin.display(description="Until")
    def show_end(self, window: MaintenanceWindow) -> SafeString:
        """Its end."""
        return ago(window.ends_at)
