"""The queue of checks, what is down on top, and the editor of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin.base import BaseAdmin
from config.figures import write_value
from config.templatetags.look import ago, chip, sparkline
from monitoring.applications.current import find_current_application
from monitoring.uptime.admin.forms import CheckForm
from monitoring.uptime.enums import CheckKind, CheckState
from monitoring.uptime.models import Check
from monitoring.uptime.selectors import list_durations, measure_availabilities
from monitoring.uptime.services.checks import create_check, delete_check, pause_check, resume_check, update_check

SHOWN_DURATIONS = 30
LISTED_PERIOD = timedelta(hours=24)


@admin.register(Check)
class CheckAdmin(BaseAdmin):
    """What has to answer. The page of one is a case: see cases.py; this is the list and the editor."""

    form = CheckForm
    change_form_template = "monitoring/uptime/editor.html"
    list_display = [
        "show_state",
        "show_name",
        "application",
        "show_durations",
        "show_duration",
        "show_availability",
        "show_changed",
    ]
    list_display_links = None
    list_filter = ["state", "kind", "application"]
    list_select_related = ["application"]
    search_fields = ["name", "address", "reason"]
    search_help_text = "Name, address or reason"
    sortable_by = ()
    actions = ["pause_selected", "resume_selected"]

    class Media:
        css = {"all": ["monitoring/uptime.css"]}

    empty_title = "Nothing is watched from outside yet"
    empty_text = "A check asks a web address, a port or a certificate at regular times, or waits for a job's heartbeat, and an alert goes out when it fails. Begin with your ERP's login page."
    fieldsets = [
        (
            "What is watched",
            {"fields": ["name", "application", "kind", "address", "interval_seconds", "timeout_seconds", "retries"]},
        ),
        (
            "What a web address has to answer",
            {
                "fields": ["statuses", "body_contains", "json_path", "json_value", "body_pattern"],
                "classes": ["collapse"],
            },
        ),
        (
            "More about web addresses",
            {
                "fields": [
                    "method",
                    "request_headers",
                    "request_body",
                    "header_name",
                    "header_value",
                    "follow_redirects",
                ],
                "classes": ["collapse"],
            },
        ),
        ("Certificates", {"fields": ["verify_certificate", "tls_days"], "classes": ["collapse"]}),
        (
            "Names (DNS)",
            {"fields": ["record_type", "record_match", "record_values", "resolver"], "classes": ["collapse"]},
        ),
        (
            "Heartbeats",
            {"fields": ["grace_seconds", "schedule", "time_zone", "max_runtime_seconds"], "classes": ["collapse"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Check]:
        """Checks by need."""
        return Check.objects.by_need()

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """The order is always by need."""
        return ["need", "name", "pk"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read what the shown rows need besides themselves, for all of them together."""
        changelist = super().get_changelist_instance(request)
        ids = [check.pk for check in changelist.result_list]
        durations = list_durations(ids, limit=SHOWN_DURATIONS)
        available = measure_availabilities(ids, period=LISTED_PERIOD, now=timezone.now())
        for check in changelist.result_list:
            check.durations = durations.get(check.pk, [])
            check.availability = available[check.pk].ratio
        return changelist

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new check belongs to the application that the reader has chosen."""
        application = find_current_application(request)
        chosen = {"application": application.pk} if application else {}
        return {**chosen, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Check, form: Any, change: bool) -> None:
        """Let the service write it; `obj` becomes what was written."""
        saved = update_check(check=obj, draft=form.draft()) if change else create_check(draft=form.draft())
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Check) -> None:
        """Let the service delete it: an outage ends, and people are told."""
        delete_check(check=obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting goes one by one, because it ends outages."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_post_save_change(self, request: HttpRequest, obj: Check) -> HttpResponse:
        """Lead from the editor to the case."""
        return redirect("admin:monitoring_check_case", obj.pk)

    def response_post_save_add(self, request: HttpRequest, obj: Check) -> HttpResponse:
        """Lead from the editor to the case."""
        return redirect("admin:monitoring_check_case", obj.pk)

    @admin.display(description="State")
    def show_state(self, check: Check) -> SafeString:
        """State, with the reason on hover."""
        state = CheckState(check.state)
        return chip(state.tone, state.label, title=check.reason)

    @admin.display(description="Check")
    def show_name(self, check: Check) -> SafeString:
        """Name and target, leading to its page; what is wrong, while something is."""
        note = check.reason if check.state in {CheckState.DOWN, CheckState.PENDING} else check.target
        return format_html(
            '<span class="pl-cell"><a class="pl-strong" href="{}">{}</a><br><span class="pl-quiet pl-target">{}</span></span>',
            check.get_absolute_url(),
            check.name,
            note or CheckKind(check.kind).label,
        )

    @admin.display(description="Response times")
    def show_durations(self, check: Any) -> SafeString:
        """The newest response times; gaps where nothing answered."""
        return sparkline(check.durations, label=f"Response times of {check.name}")

    @admin.display(description="Now")
    def show_duration(self, check: Check) -> SafeString:
        """The newest response time."""
        return format_html('<span class="pl-nowrap">{}</span>', write_value(check.last_duration_seconds, "seconds"))

    @admin.display(description="24 h")
    def show_availability(self, check: Any) -> SafeString:
        """Availability in the last day."""
        return format_html('<span class="pl-nowrap">{}</span>', write_availability(check.availability))

    @admin.display(description="Since")
    def show_changed(self, check: Check) -> SafeString:
        """Since when it stands as it does."""
        return ago(check.changed_at)

    @admin.action(description="Pause", permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Check]) -> None:
        """Stop looking."""
        number = sum(pause_check(check=check, by=request.user.get_username()) for check in queryset)
        messages.success(request, f"{_count(number)} paused: nothing is looked at, and nobody is told.")

    @admin.action(description="Resume", permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Check]) -> None:
        """Look again."""
        number = sum(resume_check(check=check, by=request.user.get_username()) for check in queryset)
        messages.success(request, f"{_count(number)} resumed.")


def write_availability(ratio: float | None) -> str:
    """Return a share of time with as many digits as tell it from 100 %: 0.99954 as "99.95 %"; never rounded up to 100."""
    if ratio is None:
        return "–"
    if ratio == 1:
        return "100 %"
    return f"{int(ratio * 10_000) / 100:.2f} %"


def _count(number: int) -> str:
    return "1 check" if number == 1 else f"{number} checks"
