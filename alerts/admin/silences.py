"""Silences: the list, the form with what it would hold, and the page of one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from alerts.admin.silence_forms import SilenceForm, read_zone
from alerts.held import annotate_held, list_matching
from alerts.models import Alert, Silence
from alerts.routing.matchers import parse_matchers
from alerts.services.grouping import label_alert
from alerts.services.silences import SilenceOver, create_silence, end_silence, extend_silence
from alerts.silencing import CHOICES, SilenceInvalid, describe_labels_as_matchers, find_end
from config.actors import actor_of_user
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.ids import read_id
from config.templatetags.look import ago, chip

VIEW, ADD, CHANGE = "alerts.view_silence", "alerts.add_silence", "alerts.change_silence"
STATES = {"active": "Active", "coming": "Coming", "over": "Over", "all": "All"}


class SilenceStateFilter(admin.SimpleListFilter):
    """Whether a silence holds now; the list's own chips choose it."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """What there is to choose."""
        return list(STATES.items())

    def choices(self, changelist: Any) -> Any:
        """The choices; nothing chosen means active."""
        for value, words in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: value})
            yield {"selected": (self.value() or "active") == str(value), "query_string": query, "display": words}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Silence]) -> QuerySet[Silence]:
        """The silences in that state."""
        return _narrow(queryset, self.value() or "active", timezone.now())


@admin.register(Silence)
class SilenceAdmin(BaseAdmin):
    """Alerts of which nobody is told for a time."""

    form = SilenceForm
    change_form_template = "alerts/silence_form.html"
    change_list_template = "alerts/silence_list.html"
    list_display = ["show_state", "show_what", "application", "show_held", "show_until", "show_author", "show_reason"]
    list_display_links = ["show_what"]
    list_filter = [SilenceStateFilter, "application"]
    list_select_related = ["application"]
    search_fields = ["matchers", "reason", "author_name"]
    search_help_text = "Matchers, reason or who"
    sortable_by = ()
    actions = ["end_selected"]
    empty_title = "No silences here"
    empty_text = "While a silence is on, alerts that match tell nobody: for known trouble. They are evaluated all the same, and told of when it ends."
    fieldsets = [
        ("What is silenced", {"fields": ["application", "matchers", "reason"]}),
        ("For how long", {"fields": ["lasts", "starts_at", "ends_at"]}),
    ]

    class Media:
        css = {"all": ["alerts/alerts.css"]}
        js = [Script("alerts/silence.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Silence]:
        """Read each with how many alerts it holds."""
        return annotate_held(Silence.objects.all())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Add the chips with how many there are of each."""
        now, chosen = timezone.now(), request.GET.get("state", "active")
        chips = [
            (words, f"?state={state}", chosen == state, _narrow(Silence.objects.all(), state, now).count())
            for state, words in STATES.items()
            if state != "all"
        ]
        context = {"chips": [*chips, ("All", "?state=all", chosen == "all", None)], **(extra_context or {})}
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """What was silenced and why stays as it was said; ending and extending are actions."""
        return False

    def has_respond_permission(self, request: HttpRequest) -> bool:
        """Whether the reader may end silences."""
        return bool(request.user.has_perm(CHANGE))

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        """They stay, as part of the story of alerts."""
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Of an alert whose page led here: its labels. Of a silence that is to be begun again: its own."""
        given = super().get_changeform_initial_data(request)
        alert_id, again = read_id(given.pop("alert", "")), read_id(given.pop("again", ""))
        if alert_id:
            alert = Alert.objects.select_related("application").filter(pk=alert_id).first()
            if alert is not None:
                found = describe_labels_as_matchers(label_alert(alert))
                return {"matchers": found, "application": alert.application_id, **given}
        if again and (silence := Silence.objects.filter(pk=again).first()):
            known = {"matchers": silence.matchers, "application": silence.application_id, "reason": silence.reason}
            return {**known, **given}
        return dict(given)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form, with one button: what is kept is not edited."""
        context = {"show_save_and_add_another": False, "show_save_and_continue": False, **(extra_context or {})}
        response: HttpResponse = super().add_view(request, form_url, context)
        return response

    def save_model(self, request: HttpRequest, obj: Silence, form: Any, change: bool) -> None:
        """Let the service write it."""
        now = timezone.now()
        saved = create_silence(draft=form.draft(now=now), by=actor_of_user(request.user), now=now)
        obj.__dict__.update(saved.__dict__)

    def response_add(self, request: HttpRequest, obj: Silence, post_url_continue: str | None = None) -> HttpResponse:
        """Show the new one."""
        messages.success(request, "The silence is kept. Alerts that match tell nobody while it is on.")
        return redirect("admin:alerts_silence_change", obj.pk)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the page of a silence."""
        if not request.user.has_perm(VIEW):
            raise PermissionDenied
        silence = self.get_object(request, object_id)
        if silence is None:
            raise Http404("There is no such silence.")
        context = {**admin.site.each_context(request), **_describe(request, silence)}
        return render(request, "alerts/silence.html", context)

    @admin.display(description="State")
    def show_state(self, silence: Silence) -> SafeString:
        """Whether it holds now."""
        return _show_state(silence)

    @admin.display(description="What")
    def show_what(self, silence: Silence) -> SafeString:
        """Its matchers."""
        return format_html('<span class="pl-mono pl-condition">{}</span>', silence.matchers or "every alert")

    @admin.display(description="Holds now")
    def show_held(self, silence: Any) -> str:
        """How many alerts it holds."""
        return f"{silence.held} alert{'' if silence.held == 1 else 's'}" if silence.held else "–"

    @admin.display(description="Until")
    def show_until(self, silence: Silence) -> SafeString:
        """Its end."""
        return ago(silence.ends_at)

    @admin.display(description="Who")
    def show_author(self, silence: Silence) -> str:
        """Who began it."""
        return silence.author_name

    @admin.display(description="Why")
    def show_reason(self, silence: Silence) -> SafeString:
        """Its reason."""
        return format_html('<span class="pl-condition">{}</span>', silence.reason)

    @admin.action(description="End now", permissions=["respond"])
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Silence]) -> None:
        """End the selected silences."""
        by, now = actor_of_user(request.user), timezone.now()
        ended = sum(end_silence(silence_id=pk, by=by, now=now) for pk in queryset.values_list("pk", flat=True))
        words = f"{ended} silence{'' if ended == 1 else 's'} ended. What still fires is told now."
        messages.success(request, words if ended else "They were over already.")


@admin_page("alerts/silence/preview/", name="alerts_silence_preview", permission=ADD)
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return which alerts a filled-in form would hold now; nothing is kept."""
    filled_in = request.POST.copy()
    if not filled_in.get("matchers", "").strip() and not filled_in.get("application", ""):
        return render(request, "alerts/matching.html", {"is_empty": True})
    if not filled_in.get("reason", "").strip():
        filled_in["reason"] = "Not written yet"
    form = SilenceForm(filled_in, instance=Silence())
    if not form.is_valid():
        labels = {name: str(field.label or name) for name, field in form.fields.items()}
        errors = [(labels.get(name, ""), str(error)) for name, found in form.errors.items() for error in found]
        return render(request, "alerts/matching.html", {"errors": errors})
    now = timezone.now()
    draft = form.draft(now=now)
    matching = list_matching(parse_matchers(draft.matchers), application_id=draft.application_id)
    context = {"matching": matching, "left_out": matching.count - len(matching.shown), "would": "would hold"}
    return render(request, "alerts/matching.html", {**context, "draft": draft, "zone": form.find_zone()})


@admin_page("alerts/silence/<int:pk>/end/", name="alerts_silence_end", permission=CHANGE)
@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponseBase:
    """End it now."""
    get_object_or_404(Silence, pk=pk)
    if end_silence(silence_id=pk, by=actor_of_user(request.user), now=timezone.now()):
        messages.success(request, "The silence is over. What still fires is told now.")
    else:
        messages.info(request, "It was over already.")
    return redirect("admin:alerts_silence_change", pk)


@admin_page("alerts/silence/<int:pk>/extend/", name="alerts_silence_extend", permission=CHANGE)
@require_POST
def extend(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Move its end by one of the usual choices, counted from now."""
    get_object_or_404(Silence, pk=pk)
    now, choice = timezone.now(), request.POST.get("lasts", "")
    if choice not in CHOICES:
        messages.error(request, "Choose until when.")
        return redirect("admin:alerts_silence_change", pk)
    try:
        ends_at = find_end(choice, now=now, zone=read_zone(request.POST.get("reader_zone", "")))
        extend_silence(silence_id=pk, ends_at=ends_at, now=now)
    except (SilenceInvalid, SilenceOver) as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The silence has a new end.")
    return redirect("admin:alerts_silence_change", pk)


def _describe(request: HttpRequest, silence: Silence) -> dict[str, Any]:
    now = timezone.now()
    held = Alert.objects.firing().filter(holds__kind="silence", holds__reference=silence.pk, holds__ended_at=None)
    return {
        "title": silence.reason,
        "opts": Silence._meta,
        "original": silence,
        "silence": silence,
        "silence_chip": _show_state(silence),
        "is_left": silence.ends_at > now,
        "held": list(held.by_need().select_related("application")[:50]),
        "can_change": request.user.has_perm(CHANGE),
        "can_add": request.user.has_perm(ADD),
        "choices": CHOICES.items(),
        "again": f"{reverse('admin:alerts_silence_add')}?again={silence.pk}",
        "is_fullwidth": "1",
    }


def _narrow(silences: QuerySet[Silence], state: str, now: datetime) -> QuerySet[Silence]:
    match state:
        case "active":
            return silences.filter(starts_at__lte=now, ends_at__gt=now)
        case "coming":
            return silences.filter(starts_at__gt=now)
        case "over":
            return silences.filter(ends_at__lte=now)
        case _:
            return silences


def _show_state(silence: Silence) -> SafeString:
    now = timezone.now()
    if silence.ends_at <= now:
        return chip("quiet", "Ended early" if silence.ended_by_name else "Over")
    return chip("info", "Coming") if silence.starts_at > now else chip("active", "Active")
