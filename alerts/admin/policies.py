"""Escalation policies and routes: whom alerts reach, step by step, and which alerts go where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.admin import StackedInline

from alerts.admin.forms import LabelsField
from alerts.escalation import Step, StepKind
from alerts.models import Policy, PolicyStep, Route, Rule
from alerts.oncall_displays import list_on_call_of_policy
from alerts.services.grouping import Signpost
from alerts.services.policies import (
    TARGET_FIELDS,
    PolicyInUse,
    PolicyInvalid,
    RouteDraft,
    StepDraft,
    check_policy,
    check_route,
    delete_policy,
    delete_route,
    lock_policies,
    save_route,
)
from alerts.steps import describe_steps
from config.admin.base import BaseAdmin, ChecklistsMixin
from config.admin.fields import Checklist, SecondsField
from config.admin.pages import admin_page
from config.ids import read_id

ADD, CHANGE = "alerts.add_policy", "alerts.change_policy"
MAX_LINKS = 20
VIEW_ON_CALL = "alerts.view_oncallschedule"
WEEKDAYS = [(0, "Mon"), (1, "Tue"), (2, "Wed"), (3, "Thu"), (4, "Fri"), (5, "Sat"), (6, "Sun")]


class StepForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """One step. Which fields are shown depends on its kind (policy.js); all of them are checked together."""

    seconds = SecondsField(label="Time", required=False, help_text="Like 10 min.")
    weekdays = forms.TypedMultipleChoiceField(
        choices=WEEKDAYS, coerce=int, required=False, widget=Checklist({"class": "pl-checklist pl-checklist--row"})
    )

    class Meta:
        model = PolicyStep
        fields = [
            "kind",
            "channels",
            "people",
            "teams",
            "schedules",
            "seconds",
            "count",
            "from_time",
            "until_time",
            "weekdays",
            "zone",
            "position",
        ]
        widgets = {"position": forms.HiddenInput}
        help_texts = {
            # Shown by policy.js at steps of this kind only.
            "kind": '<span data-kind-help="declare_incident">It opens an incident for the alerts that nobody acknowledged: P1 if '
            "the worst is critical, P3 if it is a warning, P4 if it is info. While it is open, what is new joins it.</span>"
        }

    def clean(self) -> dict[str, Any]:
        """Put in what an empty field means."""
        data = super().clean() or {}
        data["seconds"] = data.get("seconds") or 0
        data["count"] = data.get("count") or 0
        data["zone"] = data.get("zone") or "UTC"
        return data


class StepFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # generic in the stubs only
    """The steps of a policy, checked as a whole."""

    def clean(self) -> None:
        """Refuse what could never reach anybody; name each step by its number."""
        super().clean()
        if any(self.errors):
            return
        rows = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        steps = [_read_row(row) for row in rows if row.get("kind")]
        try:
            check_policy(policy=self.instance, steps=steps)
        except PolicyInvalid as error:
            raise forms.ValidationError(error.errors) from error


def _read_row(row: Mapping[str, Any]) -> StepDraft:
    kind = StepKind(row["kind"])
    field = TARGET_FIELDS.get(kind)
    rows = list(row.get(field) or ()) if field else []
    step = Step(
        kind,
        targets=tuple(each.pk for each in rows),
        seconds=row["seconds"],
        count=row["count"],
        start=row["from_time"].strftime("%H:%M") if row.get("from_time") else "",
        end=row["until_time"].strftime("%H:%M") if row.get("until_time") else "",
        weekdays=tuple(row.get("weekdays") or ()),
        zone=row["zone"],
    )
    return StepDraft(step, {field: rows} if field else {})


class StepInline(ChecklistsMixin, StackedInline):
    """Steps, one under the other, to be dragged into their order."""

    model = PolicyStep
    form = StepForm
    formset = StepFormSet
    extra = 0
    ordering_field = "position"
    hide_ordering_field = True
    verbose_name = "step"


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A policy's patience, in people's words."""

    group_wait_seconds = SecondsField(
        label="Group wait", required=False, help_text="How long a new group collects alerts. Empty: as in the settings."
    )
    group_interval_seconds = SecondsField(
        label="Group interval", required=False, help_text="How often it tells what is new. Empty: as in the settings."
    )
    repeat_interval_seconds = SecondsField(
        label="Repeat interval",
        required=False,
        help_text="After this long, alerts nobody acknowledged are told of again. Empty: as in the settings.",
    )
    ack_reminder_seconds = SecondsField(
        label="Remind after", required=False, help_text="Reminds whoever acknowledged an alert that still fires."
    )
    ack_expiry_seconds = SecondsField(
        label="Acknowledgement ends after",
        required=False,
        help_text="Then the alert is nobody's again, and the policy begins anew.",
    )

    class Meta:
        model = Policy
        fields = [
            "name",
            "application",
            "group_by",
            "group_wait_seconds",
            "group_interval_seconds",
            "repeat_interval_seconds",
            "ack_reminder_seconds",
            "ack_expiry_seconds",
        ]

    def clean(self) -> dict[str, Any]:
        """Nothing filled in means: nothing of its own. From here on nobody else changes policies until this one is saved."""
        lock_policies()
        data = super().clean() or {}
        for name in self.Meta.fields[3:]:
            if name in data and not self.data.get(name, "").strip():
                data[name] = None
        return data


@admin.register(Policy)
class PolicyAdmin(BaseAdmin):
    """Whom alerts reach, and what follows if nobody reacts."""

    form = PolicyForm
    inlines = [StepInline]
    list_display = ["name", "show_steps", "show_use"]
    search_fields = ["name"]
    search_help_text = "Name"
    sortable_by = ()
    change_list_template = "alerts/policy_list.html"
    delete_confirmation_template = "alerts/policy_delete.html"
    delete_selected_confirmation_template = "alerts/policy_delete_selected.html"
    change_form_outer_before_template = "alerts/policy_on_call.html"
    empty_title = "No escalation policies yet"
    empty_text = "A policy says whom an alert reaches first, and who is called if nobody acknowledges it in time."
    fieldsets = [
        (None, {"fields": ["name", "application"]}),
        (
            "Grouping and patience",
            {
                "fields": [
                    "group_by",
                    "group_wait_seconds",
                    "group_interval_seconds",
                    "repeat_interval_seconds",
                    "ack_reminder_seconds",
                    "ack_expiry_seconds",
                ],
                "classes": ["collapse"],
            },
        ),
    ]

    class Media:
        css = {"all": ["alerts/alerts.css"]}
        js = [Script("alerts/policy.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Policy]:
        """Read each policy with who uses it."""
        return Policy.objects.annotate(
            rule_count=Count("rules", distinct=True), route_count=Count("routes", distinct=True)
        ).prefetch_related("steps__channels", "steps__people", "steps__teams", "steps__schedules")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the way in from elsewhere."""
        context = {"can_import": request.user.has_perms([ADD, CHANGE]), **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name what stands in the way, so that nothing is deleted, one or several: rules and routes that lead there."""
        objects, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return objects, counts, lacking, [*protected, *_link_users([policy.pk for policy in objs])]

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Ask, and delete; say why not if a rule or a route came to name it meanwhile."""
        try:
            answer: HttpResponseBase = super().delete_view(request, object_id, extra_context)
        except PolicyInUse as error:
            messages.error(request, str(error))
            return redirect("admin:alerts_policy_change", object_id)
        return answer

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """Let the service delete it."""
        delete_policy(policy=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        """Let the service delete each; what came to be named meanwhile stays."""
        for policy in queryset:
            try:
                delete_policy(policy=policy)
            except PolicyInUse as error:
                messages.error(request, f"“{policy.name}” stays. {error}")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add who is on call in the schedules that it reaches."""
        policy = Policy.objects.filter(pk=read_id(object_id)).first()
        may_see = request.user.has_perm(VIEW_ON_CALL)
        found = list_on_call_of_policy(policy, timezone.now()) if policy is not None and may_see else []
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {"found": found, **(extra_context or {})}
        )
        return response

    @admin.display(description="Steps")
    def show_steps(self, policy: Policy) -> SafeString:
        """What happens, in order."""
        words = [(each,) for each in describe_steps(policy)]
        if not words:
            return format_html('<span class="pl-quiet">none: it reaches nobody</span>')
        return format_html('<ol class="pl-escalation">{}</ol>', format_html_join("", "<li>{}</li>", words))

    @admin.display(description="Used by")
    def show_use(self, policy: Any) -> str:
        """How many rules and routes lead here."""
        parts = [(policy.rule_count, "rule"), (policy.route_count, "route")]
        return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in parts if count) or "nothing"


def _link_users(policy_ids: list[int]) -> list[SafeString]:
    """Return links to the rules and routes that lead to policies, with which one; beyond some of each kind, how many more."""
    links: list[SafeString] = []
    for model, noun in ((Rule, "rule"), (Route, "route")):
        users = model._default_manager.filter(policy__in=policy_ids).select_related("policy").order_by("pk")
        for user in users[:MAX_LINKS]:
            address = reverse(f"admin:alerts_{noun}_change", args=[user.pk])
            line = format_html('{} <a href="{}">{}</a> → {}', noun.capitalize(), address, user.name, user.policy)
            links.append(line)
        if (left := users.count() - MAX_LINKS) > 0:
            links.append(format_html("… and {} more {}s", left, noun))
    return links


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A branch of the routing tree."""

    class Meta:
        model = Route
        fields = ["name", "application", "matchers", "policy", "parent", "position", "continues"]

    def clean(self) -> dict[str, Any]:
        """Check the matchers, where it hangs and where it leads."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            check_route(self.draft(), route_id=self.instance.pk)
        except PolicyInvalid as error:
            for name, words in error.placed:
                self.add_error(name, words)
        return data

    def draft(self) -> RouteDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        parent, policy, application = data.get("parent"), data.get("policy"), data.get("application")
        return RouteDraft(
            name=data.get("name", ""),
            matchers=data.get("matchers", ""),
            parent_id=parent.pk if parent else None,
            position=data.get("position") or 0,
            policy_id=policy.pk if policy else None,
            continues=bool(data.get("continues")),
            application_id=application.pk if application else None,
        )

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""


@admin.register(Route)
class RouteAdmin(BaseAdmin):
    """Which alerts go to which policy."""

    form = RouteForm
    list_display = ["show_name", "matchers", "show_policy", "position", "show_next"]
    list_display_links = ["show_name"]
    list_select_related = ["policy", "parent", "application"]
    search_fields = ["name", "matchers"]
    search_help_text = "Name or matcher"
    sortable_by = ()
    ordering = ["position", "pk"]
    change_list_template = "alerts/route_list.html"
    empty_title = "No routes yet"
    empty_text = (
        "A route sends alerts that match to a policy. Without one, alerts of rules that name neither policy nor channels "
        "go to the default channels."
    )

    class Media:
        css = {"all": ["alerts/alerts.css"]}

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        """Let the service write it."""
        saved = save_route(draft=form.draft(), route=obj if change else None)
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Route) -> None:
        """Let the service delete it."""
        delete_route(route=obj)

    @admin.display(description="Route")
    def show_name(self, route: Route) -> SafeString:
        """Name, below its parents."""
        names, above = [route.name], route.parent
        while above is not None and len(names) < 20:
            names.insert(0, above.name)
            above = above.parent
        return format_html('<span class="pl-strong">{}</span>', " › ".join(names))

    @admin.display(description="Then")
    def show_next(self, route: Route) -> str:
        """Whether the branches after it are asked too."""
        return "asks the next ones too" if route.continues else "stops here"

    @admin.display(description="Goes to")
    def show_policy(self, route: Route) -> str:
        """Its policy, or whose it uses."""
        return route.policy.name if route.policy else "where its parent's go"


class TryForm(forms.Form):
    """Labels to be routed on trial."""

    labels = LabelsField(required=True)


@admin_page("alerts/route/try-out/", name="alerts_route_try_out", permission="alerts.view_route")
@require_POST
def try_out(request: HttpRequest) -> HttpResponseBase:
    """Say where an alert with these labels would go; nothing is sent."""
    form = TryForm(request.POST)
    if not form.is_valid():
        errors = [str(error) for found in form.errors.values() for error in found]
        return render(request, "alerts/route_tried.html", {"errors": errors})
    found = Signpost(None).find(form.cleaned_data["labels"])
    return render(request, "alerts/route_tried.html", {"destinations": found})
