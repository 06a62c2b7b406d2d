"""Inhibitions: the list, and the form that shows what both sides match and warns of rings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from alerts.held import Matching, list_matching
from alerts.inhibit_drafts import DraftInvalid, InhibitDraft
from alerts.models import InhibitRule
from alerts.routing.matchers import MatcherInvalid, parse_matchers
from alerts.services.inhibitions import (
    check_new_inhibition,
    delete_inhibition,
    list_ring_warnings,
    save_inhibition,
    set_inhibitions_enabled,
)
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.templatetags.look import chip


class InhibitForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing an inhibition. Whatever is wrong is found here, by the same check that services make."""

    equal = forms.CharField(
        label="Labels that are equal",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Like application, host: both alerts must have the same values. Empty: any two alerts.",
    )

    class Meta:
        model = InhibitRule
        fields = ["name", "application", "enabled", "source_matchers", "target_matchers"]
        labels = {"source_matchers": "While this fires", "target_matchers": "This tells nobody"}
        widgets = {
            name: UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})
            for name in ("source_matchers", "target_matchers")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["equal"] = ", ".join(self.instance.equal)

    def clean(self) -> dict[str, Any]:
        """Check it as a whole."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            check_new_inhibition(draft=self.draft(), rule_id=self.instance.pk)
        except DraftInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name, text)
        return data

    def draft(self) -> InhibitDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        names = (name.strip() for name in data.get("equal", "").split(","))
        application = data.get("application")
        return InhibitDraft(
            name=data.get("name", ""),
            source_matchers=data.get("source_matchers", ""),
            target_matchers=data.get("target_matchers", ""),
            equal=tuple(name for name in names if name),
            enabled=bool(data.get("enabled")),
            application_id=application.pk if application else None,
        )

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""


@admin.register(InhibitRule)
class InhibitRuleAdmin(BaseAdmin):
    """Which alerts make others superfluous."""

    form = InhibitForm
    change_form_template = "alerts/inhibition_form.html"
    list_display = ["show_name", "show_state", "show_source", "show_target", "show_equal"]
    list_display_links = ["show_name"]
    list_filter = ["enabled"]
    list_select_related = ["application"]
    search_fields = ["name", "source_matchers", "target_matchers"]
    search_help_text = "Name or matchers"
    sortable_by = ()
    actions = ["switch_on", "switch_off"]
    empty_title = "No inhibitions yet"
    empty_text = "While one alert fires, others that only follow from it can be held back: they are told of when it is over and they are not."
    fieldsets = [(None, {"fields": ["name", "application", "source_matchers", "target_matchers", "equal", "enabled"]})]

    class Media:
        css = {"all": ["alerts/alerts.css"]}

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """Built-in ones are switched off instead."""
        return not (obj is not None and obj.is_builtin) and super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting goes one by one, because built-in ones stay."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def save_model(self, request: HttpRequest, obj: InhibitRule, form: Any, change: bool) -> None:
        """Let the service write it, and warn of rings."""
        saved = save_inhibition(draft=form.draft(), rule=obj if change else None)
        obj.__dict__.update(saved.__dict__)
        for warning in list_ring_warnings(rule=saved):
            messages.warning(request, warning)

    def delete_model(self, request: HttpRequest, obj: InhibitRule) -> None:
        """Let the service delete it."""
        delete_inhibition(rule=obj)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say on top what rings there may be."""
        if request.method == "GET":
            known = _read_messages(request)
            for warning in list_ring_warnings():
                if warning not in known:
                    messages.warning(request, warning)
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    @admin.display(description="Inhibition")
    def show_name(self, rule: InhibitRule) -> SafeString:
        """Name, and where it comes from."""
        note = "built in" if rule.is_builtin else rule.application.name if rule.application else ""
        return format_html('<span class="pl-strong">{}</span><br><span class="pl-quiet">{}</span>', rule.name, note)

    @admin.display(description="State")
    def show_state(self, rule: InhibitRule) -> SafeString:
        """Whether it is on."""
        return chip("enabled", "On") if rule.enabled else chip("disabled", "Off")

    @admin.display(description="While this fires")
    def show_source(self, rule: InhibitRule) -> SafeString:
        """What inhibits."""
        return format_html('<span class="pl-mono pl-condition">{}</span>', rule.source_matchers)

    @admin.display(description="This tells nobody")
    def show_target(self, rule: InhibitRule) -> SafeString:
        """What is inhibited."""
        return format_html('<span class="pl-mono pl-condition">{}</span>', rule.target_matchers)

    @admin.display(description="Of the same")
    def show_equal(self, rule: InhibitRule) -> str:
        """What both have in common."""
        shown = ", ".join(rule.equal[:3])
        return f"{shown} …" if len(rule.equal) > 3 else shown or "–"

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[InhibitRule]) -> None:
        """Have the selected ones hold alerts."""
        self._switch(request, queryset, enabled=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[InhibitRule]) -> None:
        """Stop the selected ones; what they hold is told."""
        self._switch(request, queryset, enabled=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[InhibitRule], *, enabled: bool) -> None:
        changed = set_inhibitions_enabled(rule_ids=list(queryset.values_list("pk", flat=True)), enabled=enabled)
        messages.success(request, f"{changed} switched {'on' if enabled else 'off'}.")


@admin_page("alerts/inhibitrule/preview/", name="alerts_inhibit_preview", permission="alerts.view_inhibitrule")
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return which alerts both sides of a filled-in form match now; nothing is saved."""
    sides: list[tuple[str, Matching | None, str]] = []
    for name, words in (("source_matchers", "While this fires"), ("target_matchers", "This tells nobody")):
        try:
            matchers = parse_matchers(request.POST.get(name, ""))
        except MatcherInvalid as error:
            sides.append((words, None, str(error)))
            continue
        sides.append((words, list_matching(matchers) if matchers else None, ""))
    return render(request, "alerts/inhibition_preview.html", {"sides": sides})


def _read_messages(request: HttpRequest) -> set[str]:
    """Return what the page is going to say anyway, because it was saved just now."""
    waiting: Any = messages.get_messages(request)
    known = {str(message) for message in waiting}
    waiting.used = False
    return known
