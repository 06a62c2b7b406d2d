"""On-call schedules: the list, and the editor of a schedule with its layers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST
from unfold.views import ChangeList

from alerts.admin.oncall_drawing import draw, write_days, write_span, write_when
from alerts.admin.oncall_forms import PREFIX, ScheduleForm
from alerts.admin.oncall_page import show_schedule
from alerts.models import OnCallSchedule
from alerts.oncall.drafts import ScheduleInvalid
from alerts.oncall.schedule import Schedule, list_gaps
from alerts.oncall.weeks import find_monday
from alerts.rosters import GAP_HORIZON, leave_out_inactive, list_on_call_now, list_people, name_people
from alerts.rosters import list_gaps as list_stored_gaps
from alerts.services.oncall import ScheduleInUse, change_schedule, create_schedule, delete_schedule
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.ids import read_id
from config.templatetags.look import chip

ADD, CHANGE = "alerts.add_oncallschedule", "alerts.change_oncallschedule"
SHOWN_GAPS = 6


class ScheduleList(ChangeList):
    """The list, with who is on call and where nobody is, read for all rows at once."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        """Add to each row `on_call`, `gaps` and how far ahead these were looked for."""
        super().get_results(request)
        rows, now = list(self.result_list), timezone.now()
        on_call, gaps = list_on_call_now(now, rows), list_stored_gaps(now, rows)
        for row in rows:
            row.on_call, row.gaps, row.gaps_ahead = on_call[row], gaps.spans.get(row, []), gaps.ahead
        self.result_list = rows


@admin.register(OnCallSchedule)
class OnCallScheduleAdmin(BaseAdmin):
    """Who is on call when."""

    list_display = ["show_name", "show_on_call", "show_until", "show_next", "show_gaps", "show_policies"]
    list_display_links = ["show_name"]
    search_fields = ["name", "description"]
    search_help_text = "Name or description"
    ordering = ["name"]
    sortable_by = ()
    actions: list[str] = []
    empty_title = "No on-call schedule yet"
    empty_text = (
        "A schedule says who is on call when: people who take turns. An escalation policy reaches whoever it is."
    )

    class Media:
        css = {"all": ["alerts/roster.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[OnCallSchedule]:
        """Read each schedule with its application and the policies that reach it."""
        return OnCallSchedule.objects.select_related("application").prefetch_related("policy_steps__policy")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows who is on call."""
        return ScheduleList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting goes one by one: a policy may need it."""
        return {}

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the editor of a new schedule, and make it."""
        return edit(request, None, permission=ADD)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show the schedule's page; it is edited on one of its own."""
        return show_schedule(request, object_id)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Ask, and delete; say why not while a policy reaches it."""
        try:
            answer: HttpResponseBase = super().delete_view(request, object_id, extra_context)
        except ScheduleInUse as error:
            messages.error(request, str(error))
            return redirect("admin:alerts_oncallschedule_change", object_id)
        return answer

    def delete_model(self, request: HttpRequest, obj: OnCallSchedule) -> None:
        """Let the service delete it."""
        delete_schedule(schedule=obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who may delete a schedule may delete what it is made of."""
        objects, counts, _, protected = super().get_deleted_objects(objs, request)
        return objects, counts, set(), protected

    @admin.display(description="Schedule")
    def show_name(self, schedule: OnCallSchedule) -> SafeString:
        """Name and whose it is."""
        whose = str(schedule.application) if schedule.application else ""
        return format_html(
            '<span class="pl-strong">{}</span><br><span class="pl-quiet pl-nowrap">{}</span>', schedule.name, whose
        )

    @admin.display(description="On call now")
    def show_on_call(self, schedule: Any) -> SafeString:
        """Who is on call."""
        people = schedule.on_call.people
        return chip("well", name_people(people)) if people else chip("bad", "Nobody")

    @admin.display(description="Until")
    def show_until(self, schedule: Any) -> SafeString:
        """When that changes."""
        until = schedule.on_call.until
        words = write_when(until, schedule.zone) if until else "no change soon"
        return format_html('<span class="pl-nowrap" title="{}">{}</span>', schedule.zone, words)

    @admin.display(description="Then")
    def show_next(self, schedule: Any) -> str:
        """Who comes then."""
        if schedule.on_call.until is None:
            return ""
        return name_people(schedule.on_call.next) or "nobody"

    @admin.display(description="Next 30 days")
    def show_gaps(self, schedule: Any) -> SafeString:
        """Whether somebody is on call all the time."""
        count, ahead = len(schedule.gaps), schedule.gaps_ahead
        # Less than the column says where the schedules of the page change all the time.
        within = "" if ahead >= GAP_HORIZON else f" in {write_days(ahead)}"
        if not count:
            return chip("well", f"No gaps{within}")
        words = "; ".join(write_span(gap, schedule.zone) for gap in schedule.gaps[:SHOWN_GAPS])
        return chip("watch", f"{count} gap{'' if count == 1 else 's'}{within}", title=words)

    @admin.display(description="Reached by")
    def show_policies(self, schedule: OnCallSchedule) -> str:
        """Which policies reach it."""
        return ", ".join(sorted({step.policy.name for step in schedule.policy_steps.all()})) or "no policy"


@admin_page("alerts/oncallschedule/<int:pk>/edit/", name="alerts_oncallschedule_edit", permission=CHANGE)
@require_http_methods(["GET", "POST"])
def edit_schedule(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Show the editor of a schedule, and change it."""
    return edit(request, get_object_or_404(OnCallSchedule, pk=pk), permission=CHANGE)


@admin_page("alerts/oncallschedule/preview/", name="alerts_oncallschedule_preview")
@require_POST
def preview_schedule(request: HttpRequest) -> HttpResponse:
    """Return how the next four weeks would be; nothing is saved."""
    if not (request.user.has_perm(ADD) or request.user.has_perm(CHANGE)):
        raise PermissionDenied
    pk = request.POST.get("schedule", "")
    now = timezone.now()
    schedule = OnCallSchedule.objects.filter(pk=read_id(pk)).first()
    form = ScheduleForm(request.POST, schedule=schedule, now=now)
    draft = form.check()
    if draft is None:
        return render(request, "alerts/roster_preview.html", {"is_unfinished": True})
    found = Schedule(leave_out_inactive(draft.layers))
    gaps = list_gaps(found, now, now + GAP_HORIZON)
    context = {
        "calendar": draw(found, zone=draft.zone, monday=find_monday(now, draft.zone), now=now),
        "gaps": [write_span(gap, draft.zone) for gap in gaps[:SHOWN_GAPS]],
        "more_gaps": max(0, len(gaps) - SHOWN_GAPS),
        "zone": draft.zone,
    }
    return render(request, "alerts/roster_preview.html", context)


def edit(request: HttpRequest, schedule: OnCallSchedule | None, *, permission: str) -> HttpResponseBase:
    """Show the editor; save a schedule that can be saved, else show what is wrong at its place."""
    if not request.user.has_perm(permission):
        raise PermissionDenied
    now = timezone.now()
    data, is_adding = _read_data(request)
    form = ScheduleForm(data, schedule=schedule, now=now)
    if data is not None and not is_adding and (draft := form.check()) is not None:
        try:
            saved = change_schedule(schedule=schedule, draft=draft) if schedule else create_schedule(draft=draft)
        except ScheduleInvalid as error:
            form.place(error)
        else:
            messages.success(request, f"{saved.name} is saved.")
            return redirect("admin:alerts_oncallschedule_change", saved.pk)
    return render(request, "alerts/roster_form.html", _describe_form(request, form, schedule, data, is_adding))


def _describe_form(
    request: HttpRequest, form: ScheduleForm, schedule: OnCallSchedule | None, data: Any, is_adding: bool
) -> dict[str, Any]:
    return {
        **admin.site.each_context(request),
        "title": f"Edit {schedule.name}" if schedule else "New on-call schedule",
        "form": form,
        "schedule": schedule,
        "shows_errors": data is not None and not is_adding,
        "people": list(list_people()),
        "is_fullwidth": "1",
    }


def _read_data(request: HttpRequest) -> tuple[QueryDict | None, bool]:
    """Return what was sent, and whether it only asks for one more layer; that one is in it then."""
    if request.method != "POST":
        return None, False
    if "add_layer" not in request.POST:
        return request.POST, False
    data = request.POST.copy()
    total = data.get(f"{PREFIX}-TOTAL_FORMS", "0")
    number = int(total) if total.isdecimal() and len(total) < 4 else 0
    data[f"{PREFIX}-TOTAL_FORMS"] = str(number + 1)
    for name, value in _list_new_layer(data, number).items():
        data[f"{PREFIX}-{number}-{name}"] = value
    return data, True


def _list_new_layer(data: QueryDict, number: int) -> dict[str, str]:
    """Return what a new layer has filled in: the handoff of the first one, and the last place."""
    begins = data.get(f"{PREFIX}-0-starts_at") or datetime.now().strftime("%Y-%m-%dT09:00")  # noqa: DTZ005  (a wall clock)
    return {"interval": "1", "rotation": "weekly", "starts_at": begins, "ORDER": str(number + 1)}
