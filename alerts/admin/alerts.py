"""The queue of alerts: what needs someone most, on top."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from alerts.admin.cases import show_case
from alerts.admin.filters import CauseFilter, SourceFilter, StateFilter, WhoseFilter
from alerts.admin.snoozes import MAX_AT_ONCE, say_ended
from alerts.enums import AlertCause, AlertState, HoldKind, Severity
from alerts.held import prefetch_holds
from alerts.labels import describe_labels
from alerts.models import Alert
from alerts.services.alerts import acknowledge_all, unsnooze_all
from alerts.timeline import hold_tone
from config.actors import actor_of_user
from config.admin.base import ReadOnlyAdmin
from config.templatetags.look import ago, chip, sparkline

SHOWN_LABELS = 3


def show_holds(alert: Any) -> SafeString:
    """Why nobody is told of an alert now, and until when; empty if nothing holds it."""
    holds = alert.open_holds if alert.state == AlertState.FIRING else []
    if not holds:
        return mark_safe("")
    text = " ".join(hold.text for hold in holds)
    latest = max((hold.until for hold in holds if hold.until), default=None)
    is_known = all(hold.until for hold in holds)
    until = format_html('<br><span class="pl-quiet pl-nowrap">ends {}</span>', ago(latest)) if is_known else ""
    return format_html("<br>{}{}", chip(hold_tone(holds[0]), HoldKind(holds[0].kind).label, title=text), until)


def show_cause(alert: Alert) -> SafeString:
    """That data is missing, if it is what the alert is about, or is so while it fires; empty otherwise."""
    if not (alert.is_no_data or alert.is_missing):
        return mark_safe("")
    since = f"Since {timezone.localtime(alert.no_data_since):%d %b, %H:%M}" if alert.no_data_since else ""
    return format_html(" {}", chip(AlertCause.NO_DATA.tone, AlertCause.NO_DATA.label, title=since))


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """Alerts. The page of one is a case: see cases.py."""

    list_display = [
        "show_state",
        "show_severity",
        "show_summary",
        "application",
        "show_since",
        "show_who",
        "show_trail",
    ]
    list_display_links = ["show_summary"]
    list_filter = [StateFilter, "severity", CauseFilter, WhoseFilter, SourceFilter, "application"]
    list_select_related = ["application", "rule", "assignee"]
    search_fields = ["name", "annotations__summary", "labels"]
    search_help_text = "Rule, summary or label"
    actions = ["acknowledge_selected", "snooze_selected", "end_snooze_of_selected"]
    sortable_by = ()
    change_list_template = "alerts/alert_list.html"
    empty_title = "No open alerts"
    empty_text = "Rules are evaluated every 15 seconds. What they find shows up here, the most urgent on top."
    empty_url = "admin:alerts_rule_changelist"
    empty_action = "See the rules"

    class Media:
        css = {"all": ["alerts/alerts.css"]}
        js = [Script("alerts/queue.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """Alerts by need; what only the case shows is not read."""
        return prefetch_holds(Alert.objects.by_need())

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """The order is always by need."""
        return ["-need", "-severity_rank", "-id"]

    def has_respond_permission(self, request: HttpRequest) -> bool:
        """Whether the reader may act on alerts."""
        return bool(request.user.has_perm("alerts.change_alert"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the case."""
        return show_case(request, object_id)

    @admin.display(description="State")
    def show_state(self, alert: Alert) -> SafeString:
        """State, or that someone looks after it. The row's address and what `a` does hang on it for the keyboard."""
        state = chip(alert.state, AlertState(alert.state).label)
        if alert.is_open and alert.is_acknowledged:
            state = chip("acknowledged", f"{AlertState(alert.state).label}, acknowledged")
        return format_html(
            '<span data-alert="{}" data-open="{}">{}{}{}</span>',
            alert.pk,
            int(alert.is_open),
            state,
            show_cause(alert),
            show_holds(alert),
        )

    @admin.display(description="Severity")
    def show_severity(self, alert: Alert) -> SafeString:
        """Severity."""
        severity = Severity(alert.severity)
        return chip(severity.tone, severity.label)

    @admin.display(description="What")
    def show_summary(self, alert: Alert) -> SafeString:
        """What is wrong in words, and which series it is about."""
        labels = describe_labels(dict(list(alert.labels.items())[:SHOWN_LABELS]))
        source = alert.get_source_display() if alert.source else ""
        return format_html(
            '<span class="pl-strong">{}</span><br><span class="pl-quiet">{}</span>',
            alert.summary,
            " · ".join(part for part in (source, labels) if part),
        )

    @admin.display(description="Since")
    def show_since(self, alert: Alert) -> SafeString:
        """When it fired, or began to be pending."""
        return ago(alert.fired_at or alert.active_since)

    @admin.display(description="Who")
    def show_who(self, alert: Alert) -> str:
        """Who has it or looks after it."""
        if alert.assignee is not None:
            return str(alert.assignee)
        return alert.acknowledged_name or "–"

    @admin.display(description="Value")
    def show_trail(self, alert: Alert) -> SafeString:
        """The newest values of the condition."""
        return sparkline(alert.trail, label=f"Values of {alert.summary}")

    @admin.action(description="Acknowledge", permissions=["respond"])
    def acknowledge_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Note that the reader looks after the selected alerts."""
        ids = list(queryset.values_list("pk", flat=True))
        taken = acknowledge_all(alert_ids=ids, by=actor_of_user(request.user))
        words = "You look after 1 alert now." if taken == 1 else f"You look after {taken} alerts now."
        messages.success(request, words if taken else "Nothing to acknowledge: they are over or have someone already.")

    @admin.action(description="Snooze …", permissions=["respond"])
    def snooze_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponseBase | None:
        """Ask until when the selected alerts are to be quiet."""
        ids = list(queryset.values_list("pk", flat=True)[: MAX_AT_ONCE + 1])
        if len(ids) > MAX_AT_ONCE:
            messages.error(request, f"Snooze {MAX_AT_ONCE} alerts at once at most; a silence holds any number.")
            return None
        return redirect(f"{reverse('admin:alerts_snooze')}?{urlencode([('alert', pk) for pk in ids])}")

    @admin.action(description="End snooze", permissions=["respond"])
    def end_snooze_of_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """End the snooze of the selected alerts."""
        ids = list(queryset.values_list("pk", flat=True))
        say_ended(request, unsnooze_all(alert_ids=ids, by=actor_of_user(request.user)))
