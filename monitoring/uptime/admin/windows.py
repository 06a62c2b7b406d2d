"""Maintenance windows: the list, and the editor that shows the next times."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.views.decorators.http import require_POST

from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.lengths import describe_seconds
from config.templatetags.look import ago, chip
from monitoring.applications.current import find_current_application
from monitoring.uptime.admin.window_forms import WindowForm
from monitoring.uptime.cron_lines import find_zone
from monitoring.uptime.models import Check, MaintenanceWindow
from monitoring.uptime.recurrence import describe_recurrence
from monitoring.uptime.services.maintenance import (
    cancel_window,
    create_window,
    delete_window,
    end_occurrence,
    update_window,
)
from monitoring.uptime.window_drafts import WindowDraft, list_times

ADD, CHANGE = "monitoring.add_maintenancewindow", "monitoring.change_maintenancewindow"
SHOWN_TIMES = 5
USUAL_LENGTH = timedelta(hours=1)


class WindowStateFilter(admin.SimpleListFilter):
    """Whether a window is open, to come or over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return [("open", "Open now"), ("planned", "Planned"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[MaintenanceWindow]) -> QuerySet[MaintenanceWindow]:
        """The windows in that state."""
        now = timezone.now()
        match self.value():
            case "open":
                return queryset.filter(opens_at__lte=now, closes_at__gt=now)
            case "planned":
                return queryset.filter(opens_at__gt=now)
            case "over":
                return queryset.exclude(closes_at__gt=now)
            case _:
                return queryset


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(BaseAdmin):
    """When failures are expected."""

    form = WindowForm
    change_form_template = "monitoring/uptime/window_form.html"
    list_display = ["show_state", "show_what", "application", "show_start", "show_end", "show_recurrence", "reason"]
    list_display_links = ["show_what"]
    list_filter = [WindowStateFilter, "application"]
    list_select_related = ["application", "check_row"]
    search_fields = ["reason", "check_row__name", "matchers"]
    search_help_text = "Reason, check or matchers"
    sortable_by = ()
    actions = ["cancel_selected"]
    empty_title = "No maintenance planned"
    empty_text = "In a maintenance window checks go on looking, but failures don't count, and alerts tell nobody."
    fieldsets = [
        ("What is expected to fail", {"fields": ["application", "check_row", "matchers", "reason"]}),
        ("When", {"fields": ["starts_at", "ends_at", "time_zone"]}),
        (
            "Again",
            {"fields": ["repeat", "weekdays", "month_day", "nth", "weekday", "until_date", "count"]},
        ),
        ("Afterwards", {"fields": ["end_action"]}),
    ]

    class Media:
        css = {"all": ["monitoring/uptime.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[MaintenanceWindow]:
        """What is open or comes next on top, what is over below."""
        return MaintenanceWindow.objects.order_by(F("opens_at").asc(nulls_last=True), "-ends_at", "-id")

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        """The order is always by time."""
        return [F("opens_at").asc(nulls_last=True), "-ends_at", "-id"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting goes one by one, because it releases alerts."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new window belongs to the chosen application, begins now and lasts an hour."""
        application = find_current_application(request)
        chosen = {"application": application.pk} if application else {}
        starts_at = timezone.now().replace(second=0, microsecond=0)
        times = {"starts_at": starts_at, "ends_at": starts_at + USUAL_LENGTH}
        return {**chosen, **times, **super().get_changeform_initial_data(request)}

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        """Checks by name; their own list has an order that only it can make."""
        if db_field.name == "check_row":
            return Check.objects.order_by("name", "pk")
        found: QuerySet[Any] | None = super().get_field_queryset(db, db_field, request)
        return found

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the editor with where the window stands."""
        window = self.get_object(request, object_id)
        context = {**_describe(window), **(extra_context or {})} if window else extra_context
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def save_model(self, request: HttpRequest, obj: MaintenanceWindow, form: Any, change: bool) -> None:
        """Let the service write it; it holds or releases alerts at once."""
        now = timezone.now()
        draft = form.draft()
        saved = update_window(window=obj, draft=draft, now=now) if change else create_window(draft=draft, now=now)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: MaintenanceWindow) -> None:
        """Let the service delete it: what it held is told."""
        delete_window(window=obj, now=timezone.now())

    @admin.display(description="State")
    def show_state(self, window: MaintenanceWindow) -> SafeString:
        """Whether it is open, over or to come."""
        return _show_state(window)

    @admin.display(description="For")
    def show_what(self, window: MaintenanceWindow) -> str:
        """The check, the labels, or everything."""
        return window.check_row.name if window.check_row else window.matchers or "All checks and alerts"

    @admin.display(description="From")
    def show_start(self, window: MaintenanceWindow) -> SafeString:
        """Its beginning, or the next one."""
        return ago(window.opens_at or window.starts_at)

    @admin.display(description="Until")
    def show_end(self, window: MaintenanceWindow) -> SafeString:
        """Its end, or the next one."""
        return ago(window.closes_at or window.ends_at)

    @admin.display(description="Comes again")
    def show_recurrence(self, window: MaintenanceWindow) -> SafeString:
        """How it comes again."""
        return format_html("{}", capfirst(describe_recurrence(window.recurrence)) or "–")

    @admin.action(description="Cancel", permissions=["change"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[MaintenanceWindow]) -> None:
        """Take the selected windows back."""
        cancelled = sum(cancel_window(window=window, now=timezone.now()) for window in queryset)
        words = "1 window cancelled." if cancelled == 1 else f"{cancelled} windows cancelled."
        messages.success(request, f"{words} What was held is told now." if cancelled else "They were over already.")


@admin_page("monitoring/maintenancewindow/preview/", name="monitoring_window_preview")
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return the next times of a filled-in form; nothing is saved."""
    if not (request.user.has_perm(ADD) or request.user.has_perm(CHANGE)):
        raise PermissionDenied
    form = WindowForm(request.POST, instance=MaintenanceWindow())
    if not form.is_valid():
        labels = {name: str(field.label or name.replace("_", " ")) for name, field in form.fields.items()}
        errors = [(labels.get(name, ""), str(error)) for name, found in form.errors.items() for error in found]
        return render(request, "monitoring/uptime/window_times.html", {"errors": errors})
    return render(request, "monitoring/uptime/window_times.html", _list_times(form.draft()))


@admin_page("monitoring/maintenancewindow/<int:pk>/end/", name="monitoring_window_end", permission=CHANGE)
@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Let what is open be over now."""
    window = get_object_or_404(MaintenanceWindow, pk=pk)
    if end_occurrence(window=window, now=timezone.now()):
        messages.success(request, "The maintenance is over. Failures count again.")
    else:
        messages.info(request, "It is not open now.")
    return redirect("admin:monitoring_maintenancewindow_change", pk)


@admin_page("monitoring/maintenancewindow/<int:pk>/cancel/", name="monitoring_window_cancel", permission=CHANGE)
@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Take a window back."""
    window = get_object_or_404(MaintenanceWindow, pk=pk)
    if cancel_window(window=window, now=timezone.now()):
        messages.success(request, "The window is cancelled. Alerts that it held and that still fire are told now.")
    else:
        messages.info(request, "It was over already.")
    return redirect("admin:monitoring_maintenancewindow_changelist")


def _describe(window: MaintenanceWindow) -> dict[str, Any]:
    now = timezone.now()
    is_left = window.closes_at is not None and window.closes_at > now
    return {
        "window": window,
        "window_chip": _show_state(window),
        "is_left": is_left,
        "is_open": is_left and window.opens_at is not None and window.opens_at <= now,
    }


def _list_times(draft: WindowDraft) -> dict[str, Any]:
    times = list_times(draft, now=timezone.now(), limit=SHOWN_TIMES)
    return {
        "times": [(one, describe_seconds((one.closes_at - one.opens_at).total_seconds())) for one in times],
        "zone": find_zone(draft.time_zone),
        "zone_name": draft.time_zone,
        "words": capfirst(describe_recurrence(draft.recurrence)),
        "drops": draft.end_action == "drop",
    }


def _show_state(window: MaintenanceWindow) -> SafeString:
    now = timezone.now()
    if window.cancelled_at is not None:
        return chip("quiet", "Cancelled")
    if window.closes_at is None or window.closes_at <= now:
        return chip("quiet", "Over")
    return chip("maintenance", "Open now") if window.opens_at and window.opens_at <= now else chip("info", "Planned")
