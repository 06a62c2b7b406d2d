"""Rules: the list, and the editor with its live preview."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from alerts.admin.filters import RuleStateFilter
from alerts.admin.forms import RuleForm
from alerts.conditions import describe_condition
from alerts.drafts import RuleInvalid
from alerts.enums import Severity
from alerts.models import EvaluationBacklog, Rule
from alerts.selectors import annotate_open_counts
from alerts.services.builtin import NotBuiltin, list_edited_fields, reset_rule
from alerts.services.rules import create_rule, delete_rule, duplicate_rule, set_rule_enabled, update_rule
from config.actors import actor_of_user
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.lengths import describe_seconds
from config.templatetags.look import ago, chip

SHOWN_CONDITION = 90
CHANGE, ADD = "alerts.change_rule", "alerts.add_rule"


@admin.register(Rule)
class RuleAdmin(BaseAdmin):
    """When someone is to be told."""

    form = RuleForm
    change_form_template = "alerts/rule_form.html"
    change_list_template = "alerts/rule_list.html"
    list_display = [
        "show_name",
        "show_severity",
        "show_state",
        "show_condition",
        "show_for",
        "show_channels",
        "show_evaluated",
    ]
    list_display_links = ["show_name"]
    list_filter = ["severity", RuleStateFilter, "application"]
    search_fields = ["name", "condition", "slug"]
    search_help_text = "Name or condition"
    ordering = ["name", "severity"]
    sortable_by = ()
    actions = ["switch_on", "switch_off", "duplicate", "reset"]
    filter_horizontal = ()
    empty_title = "No rules yet"
    empty_text = "A rule says when someone is to be told: a condition over your metrics, and for how long it must hold."

    class Media:
        css = {"all": ["alerts/alerts.css"]}

    fieldsets = [
        (
            "What is watched",
            {
                "fields": [
                    "name",
                    "condition",
                    "for_seconds",
                    "no_data_after_seconds",
                    "severity",
                    "application",
                    "enabled",
                ]
            },
        ),
        ("What people read", {"fields": ["summary", "description", "runbook"]}),
        ("Who is told", {"fields": ["policy", "channels", "owner"]}),
        (
            "When it ends, and labels",
            {"fields": ["keep_firing_for_seconds", "clear_condition", "labels"], "classes": ["collapse"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        """Read each rule with the counts of its open alerts and its channels."""
        rules = annotate_open_counts(Rule.objects.all())
        return rules.select_related("application", "policy").prefetch_related("channels")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the ways to and from rule files."""
        context = {
            "can_import": request.user.has_perms([ADD, CHANGE]),
            "backlogs": list(EvaluationBacklog.objects.select_related("application")),
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Built-in rules are switched off instead."""
        return not (obj is not None and obj.is_builtin) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting goes one by one, because it ends alerts."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        """Let the service write it; `obj` becomes what was written."""
        by = actor_of_user(request.user)
        saved = update_rule(rule=obj, draft=form.draft(), by=by) if change else create_rule(draft=form.draft())
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service wrote the channels with the rule."""

    def delete_model(self, request: HttpRequest, obj: Rule) -> None:
        """Let the service delete it: its open alerts end, and people are told."""
        delete_rule(rule=obj, by=actor_of_user(request.user))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the editor with what is known about the rule."""
        rule = self.get_object(request, object_id)
        edited = list_edited_fields(rule) if rule is not None and rule.is_builtin else []
        context = {"rule": rule, "edited": [name.replace("_", " ") for name in edited], **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @admin.display(description="Rule")
    def show_name(self, rule: Rule) -> SafeString:
        """Name, and where it comes from and goes."""
        notes = [str(rule.application)] if rule.application else []
        notes += ["built in"] if rule.is_builtin else []
        return format_html(
            '<span class="pl-strong">{}</span><br><span class="pl-quiet pl-nowrap">{}</span>',
            rule.name,
            ", ".join(notes),
        )

    @admin.display(description="Severity")
    def show_severity(self, rule: Rule) -> SafeString:
        """Severity."""
        severity = Severity(rule.severity)
        return chip(severity.tone, severity.label)

    @admin.display(description="State now")
    def show_state(self, rule: Any) -> SafeString:
        """What it does at the moment."""
        if not rule.enabled:
            return chip("disabled", "Off")
        if rule.last_error:
            return chip("error", "Can't be evaluated", title=rule.last_error)
        if rule.firing:
            return chip("firing", f"Firing {rule.firing}")
        if rule.pending:
            return chip("pending", f"Pending {rule.pending}")
        return chip("ok", "OK") if rule.last_evaluated_at else chip("quiet", "Not evaluated yet")

    @admin.display(description="Condition")
    def show_condition(self, rule: Rule) -> SafeString:
        """The condition, shortened."""
        text = describe_condition(rule.condition)
        short = text if len(text) <= SHOWN_CONDITION else f"{text[: SHOWN_CONDITION - 1]}…"
        return format_html('<span class="pl-mono pl-condition" title="{}">{}</span>', text, short)

    @admin.display(description="For")
    def show_for(self, rule: Rule) -> SafeString:
        """How long it must hold."""
        words = describe_seconds(rule.for_seconds) if rule.for_seconds else "at once"
        no_data = f"no data: {describe_seconds(rule.no_data_after_seconds)}" if rule.no_data_after_seconds else ""
        return format_html(
            '<span class="pl-nowrap">{}</span><br><span class="pl-quiet pl-nowrap">{}</span>', words, no_data
        )

    @admin.display(description="Tells")
    def show_channels(self, rule: Rule) -> str:
        """Its policy or channels."""
        if rule.policy is not None:
            return rule.policy.name
        return ", ".join(channel.name for channel in rule.channels.all()) or "by the routes"

    @admin.display(description="Evaluated")
    def show_evaluated(self, rule: Rule) -> SafeString:
        """When it was evaluated last."""
        return format_html('<span class="pl-nowrap">{}</span>', ago(rule.last_evaluated_at))

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Have the selected rules evaluated."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Stop the selected rules; their open alerts end."""
        self._switch(request, queryset, enabled=False)

    @admin.action(description="Duplicate", permissions=["add"])
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Copy the selected rules."""
        copies = []
        for rule in queryset:
            try:
                copies.append(duplicate_rule(rule=rule, by=actor_of_user(request.user)))
            except RuleInvalid as error:
                _say_refused(request, rule, "copied", error)
        if copies:
            words = "The copies are switched off; change them, then switch them on."
            messages.success(request, f"{_count(copies)} copied. {words}")

    @admin.action(description="Reset to how it was shipped", permissions=["change"])
    def reset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        """Undo every change to the selected built-in rules."""
        built_in = [rule for rule in queryset if rule.is_builtin]
        for rule in built_in:
            reset_rule(rule=rule, by=actor_of_user(request.user))
        left = " Rules of your own stay as they are." if len(built_in) < queryset.count() else ""
        messages.success(request, f"{_count(built_in)} reset to how it was shipped.{left}")

    def _switch(self, request: HttpRequest, queryset: QuerySet[Rule], *, enabled: bool) -> None:
        changed, done = [], f"switched {'on' if enabled else 'off'}"
        for rule in [rule for rule in queryset if rule.enabled != enabled]:
            try:
                changed.append(set_rule_enabled(rule=rule, enabled=enabled, by=actor_of_user(request.user)))
            except RuleInvalid as error:
                _say_refused(request, rule, done, error)
        messages.success(request, f"{_count(changed)} {done}.")


@admin_page("alerts/rule/<int:pk>/duplicate/", name="alerts_rule_duplicate", permission=ADD)
@require_POST
def duplicate_one(request: HttpRequest, pk: int) -> HttpResponse:
    """Copy a rule and open the copy."""
    rule = get_object_or_404(Rule, pk=pk)
    try:
        copy = duplicate_rule(rule=rule, by=actor_of_user(request.user))
    except RuleInvalid as error:
        _say_refused(request, rule, "copied", error)
        return redirect("admin:alerts_rule_change", pk)
    messages.success(request, "This is the copy. It is switched off until you switch it on.")
    return redirect("admin:alerts_rule_change", copy.pk)


@admin_page("alerts/rule/<int:pk>/reset/", name="alerts_rule_reset", permission=CHANGE)
@require_POST
def reset_one(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a built-in rule back to how it was shipped."""
    try:
        reset_rule(rule=get_object_or_404(Rule, pk=pk), by=actor_of_user(request.user))
    except NotBuiltin as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The rule is as it was shipped again.")
    return redirect("admin:alerts_rule_change", pk)


def _say_refused(request: HttpRequest, rule: Rule, done: str, error: RuleInvalid) -> None:
    """Say why a rule stays as it is; `done` is what was to be done with it, like “copied”."""
    messages.error(request, f"“{rule.name}” is not {done}: {' '.join(error.errors.values())}")


def _count(rules: list[Rule]) -> str:
    return "1 rule" if len(rules) == 1 else f"{len(rules)} rules"
