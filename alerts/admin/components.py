"""Components: the tree of what needs what, and the form with what its matchers find."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.component_pages import list_tree
from alerts.held import list_matching
from alerts.inhibit_drafts import ComponentDraft, DraftInvalid
from alerts.models import Component
from alerts.routing.matchers import MatcherInvalid, parse_matchers
from alerts.services.components import check_new_component, delete_component, save_component
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.ids import read_id

VIEW, ADD = "alerts.view_component", "alerts.add_component"


class ComponentForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing a component. Whatever is wrong is found here, by the same check that services make."""

    class Meta:
        model = Component
        fields = ["name", "application", "matchers", "depends_on"]
        labels = {"depends_on": "Needs", "matchers": "Alerts about it"}
        widgets = {"matchers": UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Without any, it has no alerts of its own and only stands between others.
        if "matchers" in self.fields:
            self.fields["matchers"].required = False

    def clean(self) -> dict[str, Any]:
        """Check it as a whole, loops included."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            check_new_component(draft=self.draft(), component_id=self.instance.pk or 0)
        except DraftInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name, text)
        return data

    def draft(self) -> ComponentDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        application = data.get("application")
        return ComponentDraft(
            name=data.get("name", ""),
            matchers=data.get("matchers", ""),
            application_id=application.pk if application else None,
            parent_ids=tuple(parent.pk for parent in data.get("depends_on") or ()),
        )

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""


@admin.register(Component)
class ComponentAdmin(BaseAdmin):
    """Parts of the system. Their list is the tree."""

    form = ComponentForm
    change_form_template = "alerts/component_form.html"
    fieldsets = [(None, {"fields": ["name", "application", "matchers", "depends_on"]})]

    class Media:
        css = {"all": ["alerts/alerts.css"]}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the tree."""
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        lines = list_tree(now=timezone.now())
        context = {
            "title": "Components",
            "opts": Component._meta,
            "lines": lines,
            "can_add": request.user.has_perm(ADD),
            "is_fullwidth": "1",
        }
        return render(request, "alerts/components.html", {**admin.site.each_context(request), **context})

    def save_model(self, request: HttpRequest, obj: Component, form: Any, change: bool) -> None:
        """Let the service write it."""
        saved = save_component(draft=form.draft(), component=obj if change else None)
        obj.__dict__.update(saved.__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The service wrote what it needs with it."""

    def delete_model(self, request: HttpRequest, obj: Component) -> None:
        """Let the service delete it."""
        delete_component(component=obj)


@admin_page("alerts/component/preview/", name="alerts_component_preview", permission=VIEW)
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return which alerts a filled-in component's matchers find now; nothing is saved."""
    try:
        matchers = parse_matchers(request.POST.get("matchers", ""))
    except MatcherInvalid as error:
        return render(request, "alerts/matching.html", {"errors": [("Alerts about it", str(error))]})
    if not matchers:
        return render(request, "alerts/component_between.html")
    chosen = request.POST.get("application", "")
    matching = list_matching(matchers, application_id=read_id(chosen) or None)
    context = {"matching": matching, "left_out": matching.count - len(matching.shown)}
    return render(request, "alerts/matching.html", context)
