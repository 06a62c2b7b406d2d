"""Critical patterns: the list, the editor, and what a pattern would have found, before it is saved."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.templatetags.look import chip, short
from monitoring.errors.critical import PatternInvalid, Rule, check_pattern
from monitoring.errors.models import CriticalPattern
from monitoring.errors.selectors import CRITICAL_PERIOD, find_critical_issues
from monitoring.errors.services.critical import delete_pattern, save_pattern

FIELDS = ("name", "application", "kind", "pattern", "where", "platform", "note", "enabled")


class CriticalPatternForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing a pattern; what can't work is said here."""

    class Meta:
        model = CriticalPattern
        fields = FIELDS
        labels = {"kind": "Look at", "pattern": "Look for"}

    def clean(self) -> dict[str, Any]:
        """Check the pattern by the test that services make."""
        data = super().clean() or {}
        if data.get("kind") and data.get("pattern"):
            try:
                data["pattern"] = check_pattern(kind=data["kind"], pattern=data["pattern"])
            except PatternInvalid as error:
                self.add_error("pattern", str(error))
        return data

    def rule(self) -> Rule:
        """Return what was filled in, to be tried."""
        data = self.cleaned_data
        application = data.get("application")
        return Rule(
            0,
            data["kind"],
            data["pattern"],
            data["where"],
            data["platform"].strip().lower(),
            application.pk if application else None,
        )


@admin.register(CriticalPattern)
class CriticalPatternAdmin(BaseAdmin):
    """What makes an error critical."""

    form = CriticalPatternForm
    change_form_template = "monitoring/errors/critical_form.html"
    list_display = ["show_name", "kind", "where", "show_application", "show_issues", "show_state"]
    list_display_links = None
    list_filter = ["enabled", "kind", "where", "application"]
    list_select_related = ["application"]
    search_fields = ["name", "pattern", "note"]
    search_help_text = "Name, pattern or note"
    sortable_by = ()
    actions = ["switch_on", "switch_off"]
    fieldsets = [
        ("What is critical", {"fields": ["name", "kind", "pattern"]}),
        ("Where", {"fields": ["application", "where", "platform"]}),
        ("More", {"fields": ["note", "enabled"]}),
    ]
    empty_title = "Nothing is critical"
    empty_text = (
        "A pattern names errors of which somebody is told at once. Add one, or restart to have the shipped ones back."
    )

    class Media:
        css = {"all": ["monitoring/errors.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[CriticalPattern]:
        """Patterns with how many issues each made critical."""
        return CriticalPattern.objects.annotate(found=Count("issues"))

    def save_model(self, request: HttpRequest, obj: CriticalPattern, form: Any, change: bool) -> None:
        """Let the service write it."""
        save_pattern(pattern=obj, values={})

    def delete_model(self, request: HttpRequest, obj: CriticalPattern) -> None:
        """Let the service delete it, or switch it off."""
        if not delete_pattern(pattern=obj):
            messages.info(request, "It came with the product, so it was switched off instead of deleted.")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Patterns are deleted one by one: the shipped ones are switched off instead."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.display(description="Name", ordering="name")
    def show_name(self, pattern: CriticalPattern) -> SafeString:
        """What it is called and looks for."""
        return format_html(
            '<div class="pl-issue-cell"><a class="pl-strong pl-issue-title" href="{}">{}</a><br><span class="pl-quiet pl-mono">{}</span></div>',
            f"{pattern.pk}/change/",
            pattern.name,
            pattern.pattern if len(pattern.pattern) <= 90 else pattern.pattern[:89] + "…",
        )

    @admin.display(description="Application")
    def show_application(self, pattern: CriticalPattern) -> str:
        """Whose errors."""
        return str(pattern.application) if pattern.application else "All"

    @admin.display(description="Errors found")
    def show_issues(self, pattern: Any) -> SafeString:
        """How many issues it made critical."""
        return short(pattern.found)

    @admin.display(description="State")
    def show_state(self, pattern: CriticalPattern) -> SafeString:
        """Whether it is used."""
        return chip("well", "On") if pattern.enabled else chip("quiet", "Off")

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[CriticalPattern]) -> None:
        """Use the selected patterns."""
        CriticalPattern.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))).update(enabled=True)
        messages.success(request, "They are used from now on.")

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[CriticalPattern]) -> None:
        """Stop using the selected patterns."""
        CriticalPattern.objects.filter(pk__in=list(queryset.values_list("pk", flat=True))).update(enabled=False)
        messages.success(request, "They are not used any more.")


@admin_page("monitoring/criticalpattern/try/", name="monitoring_criticalpattern_try")
@require_POST
def try_pattern(request: HttpRequest) -> HttpResponseBase:
    """Return which issues of the last days a pattern would have found; nothing is saved."""
    if not any(request.user.has_perm(f"monitoring.{verb}_criticalpattern") for verb in ("add", "change")):
        raise PermissionDenied
    filled_in = request.POST.dict()
    filled_in["name"] = filled_in.get("name", "").strip() or "This pattern"
    form = CriticalPatternForm(filled_in, instance=CriticalPattern())
    context: dict[str, Any] = {"days": CRITICAL_PERIOD.days}
    if form.is_valid():
        shown, found, judged = find_critical_issues(form.rule(), now=timezone.now())
        context |= {"shown": shown, "found": found, "judged": judged}
    else:
        context["errors"] = [str(error) for found in form.errors.values() for error in found]
    return render(request, "monitoring/errors/critical_tried.html", context)
